"""Tests scripts/gpu_check and what lies beside this file, as far as that needs no GPU."""

import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import checks
import floors
import tables
import trainers
from steps import FAILED, NO_TIME, OK, Outcome, Steps, run, run_together

COPY = 4.3e12  # of an H200


def row(**changes):
    return {"collective": "all_reduce", "ranks": 8, "bytes": 128 << 20, "in_place": False,
            "time_us": {"median": 600.0}, "algorithm": "two_shot", "errors": 0, "graph": False,
            "blocks": floors.BLOCKS, **changes}


def sleeping(seconds):
    return [sys.executable, "-c", f"import time; print('began', flush=True); time.sleep({seconds})"]


class Floors(unittest.TestCase):
    def test_are_the_bytes_of_all_buffers_by_the_bandwidth(self):
        size = 128 << 20
        self.assertAlmostEqual(floors.floor_us("all_reduce", 8, size, COPY), 499, delta=1)
        self.assertAlmostEqual(floors.floor_us("all_to_all", 8, size, COPY), 499, delta=1)
        self.assertAlmostEqual(floors.floor_us("all_gather", 8, size, COPY), 281, delta=1)
        self.assertAlmostEqual(floors.floor_us("reduce_scatter", 2, size, COPY), 93.6, delta=0.1)


class Programs(unittest.TestCase):
    def test_are_stopped_at_their_limit_with_what_they_started(self):
        began = time.monotonic()
        finished = run(["sh", "-c", "sleep 60 & sleep 60"], 0.3)
        self.assertIsNone(finished.code)
        self.assertIn("stopped at its limit", finished.why())
        self.assertLess(time.monotonic() - began, 10)

    def test_say_why_they_failed(self):
        finished = run([sys.executable, "-c", "import sys; print('so'); sys.exit('that')"], 30)
        self.assertEqual(finished.code, 1)
        self.assertTrue(finished.why().startswith("exit code 1: "))

    def test_of_one_job_end_together(self):
        finished = run_together([sleeping(0), sleeping(60)], 0.5)
        self.assertEqual([one.code for one in finished], [0, None])
        self.assertIn("began", finished[1].output)


class StepsOfACheck(unittest.TestCase):
    def test_get_no_more_than_what_is_left(self):
        steps = Steps(5, say=lambda line: None)
        limits = []
        steps.run("first", 60, lambda limit_s: limits.append(limit_s) or Outcome(OK))
        self.assertLessEqual(limits[0], 5)
        self.assertEqual(steps.failed(), [])

    def test_that_time_is_over_for_count_as_failed(self):
        steps = Steps(0.5, say=lambda line: None)
        self.assertEqual(steps.run("late", 60, lambda limit_s: Outcome(OK)).state, NO_TIME)
        self.assertEqual(steps.failed(), ["late"])


class Tests(unittest.TestCase):
    def test_are_counted_by_what_ran_on_a_gpu(self):
        output = ("[       OK ] Every/Suite.A/threads (0 ms)\n[       OK ] Every/Suite.A/cuda (3 ms)\n"
                  "[  SKIPPED ] Every/Suite.B/cuda (0 ms)\n[  SKIPPED ] Shm.C (0 ms)\n"
                  "[  SKIPPED ] 2 tests, listed below:\n[  SKIPPED ] Every/Suite.B/cuda\n")
        self.assertEqual(checks.count_cases(output), (1, 1))


@unittest.skipUnless(os.path.exists(checks.TUTTI), "the command is built elsewhere, or not at all")
class Lines(unittest.TestCase):
    """What tutti perf is asked it understands: without a GPU it says so, and not that a line is wrong."""

    def test_perf_takes_what_it_is_given(self):
        line = checks.perf_command("all_reduce", (512, 1024, 2), "--threads", "2", "--cudagraph", "1",
                                   "--iters", "1", "--warmup_iters", "1")
        self.assertNotEqual(subprocess.run(line, capture_output=True, timeout=60).returncode, 2)
        for line in ([*checks.lone_rank_command()[0]],
                     checks.perf_command("all_reduce", (1024, 1024, 2), "-d", "all", "-o",
                                         checks.OPERATIONS, "--threads", "4"),
                     checks.perf_command("all_reduce", (1024, 1024, 2), "--each-algorithm",
                                         "--threads", "4")):
            self.assertNotEqual(subprocess.run(line, capture_output=True, timeout=60).returncode, 2)
        wrong = [*line, "--datatype", "float32"]
        self.assertEqual(subprocess.run(wrong, capture_output=True, timeout=60).returncode, 2)


class Losses(unittest.TestCase):
    def falling(self, factor=1.0):
        return [factor / (1 + step) for step in range(checks.DDP_STEPS)]

    def test_that_agree_are_fine(self):
        self.assertEqual(checks.compare_losses(self.falling(), self.falling(1.001)), "")

    def test_that_differ_are_told(self):
        self.assertIn("step 0: ", checks.compare_losses(self.falling(), self.falling(1.1)))
        broken = self.falling()
        broken[7] = float("nan")
        self.assertIn("step 7: ", checks.compare_losses(broken, self.falling()))

    def test_that_do_not_fall_are_told(self):
        flat = [1.0] * checks.DDP_STEPS
        self.assertIn("only went", checks.compare_losses(flat, flat))

    def test_that_are_missing_are_told(self):
        self.assertIn("expected", checks.compare_losses(self.falling()[:9], self.falling()))


class Tables(unittest.TestCase):
    def test_say_what_is_kept_and_what_is_not(self):
        text = tables.times_table([row(), row(time_us={"median": 550.0})], COPY)
        self.assertIn("0.83", text)
        self.assertIn("MISSED: at least 85%", text)
        self.assertIn("kept: at least 85%", text)

    def test_ask_less_of_few_blocks(self):
        text = tables.times_table([row(time_us={"median": 700.0}, blocks=floors.FEW_BLOCKS)], COPY)
        self.assertIn("kept: at least 68%", text)

    def test_ask_small_calls_in_graphs_for_their_time(self):
        small = row(bytes=8 << 10, graph=True, time_us={"median": 5.5})
        self.assertIn("kept: at most 6", tables.times_table([small], COPY))
        small["graph"] = False
        self.assertNotIn("at most", tables.times_table([small], COPY))

    def test_leave_out_what_is_in_place(self):
        self.assertEqual(len(tables.times_table([row(in_place=True)], COPY).splitlines()), 2)

    def test_make_a_document(self):
        about = {"date": "2026-01-02", "gpu": "NVIDIA X", "driver": "1.2", "commit": "abc"}
        outcomes = [("build", Outcome(OK), 3.2), ("tests", Outcome(FAILED, "why"), 1.0)]
        text = tables.document(about, outcomes, threads=[row()], copy_bytes_per_s=COPY,
                               trainers=[TRAINED])
        for part in ("# NVIDIA X", "driver 1.2", "| tests | FAILED  | 1.0     | why |", "4.30 TB/s",
                     "| llama  | 25m   | 16          | 250.0     | 131072   | 40.0% |"):
            self.assertIn(part, text)


STEPS_OF_A_RUN = [
    {"seconds": 9.0, "tokens_per_second": 1e3, "mfu_causal": 0.1, "mfu_full": 0.2, "memory_bytes": 2**31,
     "loss": 5.5},
    *[{"seconds": 0.25, "tokens_per_second": 131072, "mfu_causal": 0.4, "mfu_full": 0.5,
       "memory_bytes": 2**32, "loss": 4.5}] * 2]
TRAINED = trainers.figures(trainers.MODELS[0], STEPS_OF_A_RUN)


class Trainers(unittest.TestCase):
    def test_are_measured_without_the_first_step(self):
        self.assertEqual(TRAINED["tokens_per_second"], 131072)
        self.assertEqual(TRAINED["seconds"], 0.25)
        self.assertEqual(TRAINED["memory_bytes"], 2**32)
        self.assertEqual((TRAINED["first_loss"], TRAINED["last_loss"]), (5.5, 4.5))

    def test_that_lose_as_the_processor_are_fine(self):
        theirs = [5.0] * trainers.STEPS
        self.assertEqual(trainers.compare([5.01] * trainers.STEPS, theirs, 0.01), "")
        self.assertIn("step 0: ", trainers.compare([5.1] * trainers.STEPS, theirs, 0.01))
        self.assertIn("step 0: ", trainers.compare([float("nan")] * trainers.STEPS, theirs, 0.01))
        self.assertIn("expected", trainers.compare([5.0], theirs, 0.01))

    def test_of_kernels_are_found(self):
        self.assertIn("train_device_kernels_test", trainers.kernel_tests())

    def test_have_enough_text(self):
        with tempfile.TemporaryDirectory() as folder:
            size = os.path.getsize(trainers.write_text(folder))
        most = max(model.micro_batch for model in trainers.MODELS)
        self.assertGreater(size * 0.95, most * trainers.STEPS * (trainers.SEQUENCE + 1))

    @unittest.skipUnless(os.path.exists(trainers.TRAIN), "tutti-train is built elsewhere")
    def test_take_the_lines_that_they_are_given(self):
        if trainers.why_not_built():
            self.skipTest(trainers.why_not_built())
        for model in trainers.MODELS:
            line = trainers.command(model.family, model.name, __file__, "out", "--device", "cpu",
                                    "--dry-run")
            done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


class GpuCheck(unittest.TestCase):
    def test_says_so_where_there_is_no_gpu(self):
        if "why_not" not in checks.gpu_program("look"):
            self.skipTest("there is a GPU")
        script = os.path.join(checks.REPOSITORY, "scripts", "gpu_check")
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no GPU to check anything on", done.stdout)


if __name__ == "__main__":
    unittest.main()
