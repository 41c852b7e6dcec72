"""Runs the built command `tutti` as people do: threads, mpirun, wrong lines.

Usage: cli_command_test.py PATH_OF_TUTTI [unittest options]
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TUTTI = ""
MPIRUN = shutil.which("mpirun.openmpi") or shutil.which("mpirun")
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "topologies")
MPIEXEC_MPICH = shutil.which("mpiexec.mpich")


def run(*arguments, launcher=(), **variables):
    return subprocess.run([*launcher, TUTTI, *arguments], capture_output=True, text=True,
                          timeout=120, env={**os.environ, **variables})


def mpirun(ranks):
    return (MPIRUN, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks))


def has_adapter(name):
    prefix = os.path.dirname(os.path.dirname(TUTTI))
    return any(f"libtutti_vs_{name}.so" in files for _, _, files in os.walk(prefix))


def rows(text):
    """The table's lines, split into columns."""
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


class Table(unittest.TestCase):
    def check_good(self, done):
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertIn("# Out of bounds values : 0 OK", done.stdout)

    def test_threads_print_a_line_a_size_with_the_columns_of_nccl_tests(self):
        done = run("perf", "--threads", "3", "-b", "8", "-e", "64K", "-f", "8", "-n", "3")
        self.check_good(done)
        table = rows(done.stdout)
        self.assertEqual([row[0] for row in table], ["8", "64", "512", "4096", "32768"])
        for row in table:
            self.assertEqual(row[2:5], ["float", "sum", "-1"])
            self.assertEqual((row[8], row[12]), ("0", "0"))
            self.assertGreater(float(row[5]), 0)
        self.assertEqual(len(re.findall(r"^#  Rank", done.stdout, re.M)), 3)
        self.assertIn("# Avg bus bandwidth", done.stdout)

    def test_every_collective_is_right_among_threads(self):
        done = run("perf", "all", "--threads", "3", "-b", "1000", "-e", "100000", "-f", "100",
                   "-n", "2", "-r", "2")
        self.check_good(done)
        started = re.findall(r"Collective test starting: (\w+)", done.stdout)
        self.assertEqual(started, ["all_reduce", "all_gather", "reduce_scatter", "all_to_all",
                                   "broadcast", "reduce", "gather", "scatter", "barrier",
                                   "send_recv", "scan", "exclusive_scan"])
        self.assertEqual(len(rows(done.stdout)), 11 * 2 + 1)

    def test_every_type_and_reduction_is_right(self):
        done = run("perf", "all_reduce,scan", "--threads", "2", "-b", "4K", "-e", "4K", "-n", "1",
                   "--batch", "2", "-d", "all", "-o", "all", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        results = json.loads(done.stdout)["results"]
        pairs = {(r["type"], r["op"]) for r in results}
        # 8 integer types with all 13 reductions, 6 floats without the three bitwise ones.
        self.assertEqual(len(pairs), 8 * 13 + 6 * 10)
        self.assertEqual({r["errors"] for r in results}, {0})

    def test_each_algorithm_has_its_line(self):
        done = run("perf", "all_reduce", "--threads", "2", "-b", "4K", "-e", "4K", "-n", "2",
                   "--each-algorithm")
        self.check_good(done)
        names = [row[-1] for row in rows(done.stdout)]
        self.assertIn("ring", names)
        self.assertGreater(len(names), 3)
        self.assertEqual(len(names), len(set(names)))

    def test_a_forced_algorithm_is_the_one_that_runs(self):
        done = run("perf", "all_reduce", "--threads", "2", "-b", "8", "-e", "4K", "-f", "8", "-n",
                   "2", "--algorithm", "ring")
        self.check_good(done)
        self.assertEqual({row[-1] for row in rows(done.stdout)}, {"ring"})

    def test_groups_unaligned_buffers_allocated_memory_and_nonblocking_calls(self):
        for extra in (["-m", "4"], ["-u", "1"], ["--memory", "allocate"], ["-z", "0"],
                      ["--batch", "1", "-w", "0", "-a", "1"]):
            with self.subTest(extra=extra):
                self.check_good(run("perf", "all_reduce,all_to_all,send_recv", "--threads", "2",
                                    "-b", "1000", "-e", "1000", "-n", "2", *extra))

    def test_without_check_nothing_is_claimed(self):
        done = run("perf", "--threads", "2", "-b", "8", "-e", "8", "-c", "0", "--in-place")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(rows(done.stdout)[0][8], "N/A")
        self.assertIn("# Out of bounds values : N/A", done.stdout)

    def test_cycles_repeat_the_table(self):
        done = run("perf", "--threads", "1", "-b", "8", "-e", "8", "-N", "3", "-n", "1")
        self.check_good(done)
        self.assertEqual(len(rows(done.stdout)), 3)


class Json(unittest.TestCase):
    def test_document_is_all_there_is_on_standard_output(self):
        done = run("perf", "all_gather", "--threads", "2", "-b", "1K", "-e", "4K", "-f", "2", "-n",
                   "3", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(len(document["machine"]["ranks"]), 2)
        self.assertGreater(document["machine"]["cores"], 0)
        self.assertEqual([(r["bytes"], r["in_place"]) for r in document["results"]],
                         [(1024, False), (1024, True), (2048, False), (2048, True), (4096, False),
                          (4096, True)])
        for result in document["results"]:
            self.assertEqual(result["collective"], "all_gather")
            self.assertEqual(result["ranks"], 2)
            self.assertIsNone(result["op"])
            self.assertEqual(result["errors"], 0)
            self.assertNotEqual(result["algorithm"], "")
            time = result["time_us"]
            self.assertTrue(0 < time["min"] <= time["median"] <= time["max"])
            self.assertAlmostEqual(result["algbw"], result["bytes"] / time["median"] / 1e3)
            self.assertAlmostEqual(result["busbw"], result["algbw"] / 2)
            self.assertNotIn("vs", result)

    def test_document_goes_to_a_file_beside_the_table(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.json")
            done = run("perf", "--threads", "2", "-b", "8", "-e", "8", "-J", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(rows(done.stdout)), 1)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(len(json.load(file)["results"]), 2)

    def test_a_file_that_cannot_be_written_is_an_error(self):
        done = run("perf", "--threads", "1", "-b", "8", "-e", "8", "-J", "/nowhere/out.json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("-J /nowhere/out.json: cannot be written", done.stderr)


class WrongLines(unittest.TestCase):
    def check(self, arguments, message, status=2):
        done = run(*arguments)
        self.assertIn(message, done.stderr)
        self.assertEqual(done.returncode, status)
        self.assertEqual(done.stdout, "")

    def test_messages_name_the_value_and_what_was_expected(self):
        for line, message in (
                ("all_reduced", "collective all_reduced: expected all, or some of all_reduce"),
                ("-d foo", "-d foo: expected all, or some of int8, uint8"),
                ("-o foo", "-o foo: expected all, or some of sum, prod"),
                ("-b 2M -e 1M", "-b 2M: expected at most the largest size, -e 1M"),
                ("-b -5", "-b -5: expected a size such as 64, 8K, 1.5M or 2G"),
                ("-e 99999999999999999999", "expected at most 1125899906842624 bytes"),
                ("-n 99999999999999999999", "expected a whole number from 1 to"),
                ("-g 2", "-g 2: expected 1, for a rank has one device"),
                ("--threads 9999", "--threads 9999: expected a whole number from 0 to 1024"),
                ("--nonsense", "--nonsense")):
            with self.subTest(line=line):
                self.check(["perf", *line.split()], message)

    def test_unknown_algorithms_list_the_known_ones_once(self):
        line = ["perf", "--threads", "3", "--algorithm", "rung"]
        self.check(line, "--algorithm rung: expected all, or one of ")
        said = run(*line).stderr
        self.assertIn("ring", said)
        self.assertEqual(said.count("rung"), 1)

    def test_a_root_that_is_no_rank(self):
        self.check(["perf", "broadcast", "--threads", "3", "-r", "3"],
                   "-r 3: expected a rank from 0 to 2")

    def test_more_memory_than_there_is(self):
        done = run("perf", "--threads", "2", "-b", "500T", "-e", "500T")
        self.assertEqual(done.returncode, 1)
        self.assertIn("-e 500T: 2 ranks on ", done.stderr)
        self.assertEqual(done.stderr.count("GiB are free"), 1)

    def test_without_a_gpu_it_says_so(self):
        if os.path.exists("/dev/nvidiactl"):
            self.skipTest("there is a GPU")
        done = run("perf", "--threads", "2", "--device", "cuda")
        self.assertEqual(done.returncode, 1)
        self.assertIn("NVIDIA's driver cannot be used", done.stderr)

    def test_no_launcher_says_what_to_do(self):
        self.check(["perf"], "expected mpirun -n N tutti perf")

    def test_commands_that_do_not_exist(self):
        self.check(["prof"], "tutti prof: no such command")
        self.assertEqual(run("--help").returncode, 0)
        self.assertIn("--minbytes", run("perf", "--help").stdout)


class Doctor(unittest.TestCase):
    """What it finds depends on the machine; that it says what it finds does not."""

    def doctor(self, *arguments, launcher=(), **environment):
        return subprocess.run([*launcher, TUTTI, "doctor", *arguments], capture_output=True,
                              text=True, timeout=120, env={**os.environ, **environment})

    def check_status_fits(self, done):
        bad = re.search(r"^ +(slow|FAILS)  ", done.stdout, re.M)
        self.assertEqual(done.returncode, 1 if bad else 0, done.stdout + done.stderr)
        self.assertEqual("All is well." in done.stdout, not bad)

    def test_alone_it_tells_of_this_host(self):
        done = self.doctor()
        self.check_status_fits(done)
        self.assertIn(f"\n{os.uname().nodename}\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^ +lo +interface .*not used")
        self.assertIn("UCX", done.stdout)
        self.assertNotIn("between hosts", done.stdout.splitlines())

    def test_every_section_has_something_to_say(self):
        findings = json.loads(self.doctor("--json").stdout)["hosts"][0]["findings"]
        self.assertGreaterEqual(
            {finding["about"] for finding in findings},
            {"network", "memory", "limits", "processors", "GPUs"})

    def test_json_is_the_same_findings_and_all_there_is_on_standard_output(self):
        done = self.doctor("--json", TUTTI_NET_DEVICES="nonsense7", UCX_TCP_PORT_RANGE="7-6")
        document = json.loads(done.stdout)
        self.assertEqual((done.returncode, document["worst"]), (1, "fails"))
        host, = document["hosts"]
        self.assertEqual((host["host"], host["ranks"]), (os.uname().nodename, []))
        failed = [finding for finding in host["findings"] if finding["severity"] == "fails"]
        self.assertTrue(any(finding["about"] == "network" for finding in failed), failed)
        for finding in failed:
            self.assertTrue(finding["cost"] and finding["fix"], finding)

    def test_few_descriptors_fail_and_are_counted(self):
        done = subprocess.run(["sh", "-c", 'ulimit -n 20; exec "$0" doctor', TUTTI],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILS  a process may open 20 files (ulimit -Hn)", done.stdout)

    def test_a_bound_process_is_told_that_it_is(self):
        processors = os.sched_getaffinity(0)
        if len(processors) < 2:
            self.skipTest("one processor")
        one = min(processors)
        done = self.doctor(launcher=("taskset", "-c", str(one)))
        self.assertRegex(done.stdout,
                         rf"note   a rank started here may run on 1 of \d+ processors: {one}\n")

    def test_a_device_that_is_not_there_fails(self):
        done = self.doctor(TUTTI_NET_DEVICES="nonsense7")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"FAILS  .*(nonsense7|need UCX|without UCX)")

    def test_a_wrong_setting_fails_and_is_named(self):
        done = self.doctor(TUTTI_TIMEOUT="soon")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILS  TUTTI_TIMEOUT=soon: expected seconds", done.stdout)

    def test_help_and_wrong_lines(self):
        self.assertIn("Usage: tutti doctor", self.doctor("--help").stdout)
        done = self.doctor("--nonsense")
        self.assertEqual(done.returncode, 2)
        self.assertIn("tutti doctor: --nonsense: no such option", done.stderr)

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_ranks_of_one_host_have_nothing_to_measure(self):
        done = self.doctor(launcher=mpirun(3))
        self.check_status_fits(done)
        self.assertEqual(done.stdout.count("(3 of 3 ranks)\n"), 1)
        self.assertIn("all ranks are on one host", done.stdout)

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_ranks_on_one_processor_are_found(self):
        done = self.doctor(launcher=("taskset", "-c", str(min(os.sched_getaffinity(0))),
                                     *mpirun(2), "--bind-to", "none"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"slow   ranks 0 and 1 on 1 processor \(\d+\)\n")

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_ranks_of_two_hosts_measure_the_way_between_them(self):
        if "other hosts are reached by" not in self.doctor().stdout:
            self.skipTest("no UCX, or no device for it")
        program = 'TUTTI_HOST=$((OMPI_COMM_WORLD_RANK / 2)) exec "$0" doctor'
        done = subprocess.run([*mpirun(3), "sh", "-c", program, TUTTI], capture_output=True,
                              text=True, timeout=120)
        self.check_status_fits(done)
        self.assertRegex(done.stdout, r"(?m)^(\S+) \(2 of 3 ranks\), \1 \(1 of 3 ranks\)$")
        self.assertRegex(done.stdout,
                         r"\(rank 0\) to \S+ \(rank 2\): [\d.]+ µs one way, [\d.]+ GB/s")

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_a_start_that_fails_is_told_with_its_reason(self):
        program = 'TUTTI_SCRATCH=$((64 + OMPI_COMM_WORLD_RANK))K exec "$0" doctor'
        done = subprocess.run([*mpirun(2), "sh", "-c", program, TUTTI], capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILS  the ranks cannot start: options differ", done.stdout)


class Topo(unittest.TestCase):
    models = os.path.join(os.path.dirname(os.path.abspath(__file__)), "topologies")

    def model(self, name):
        return os.path.join(self.models, name + ".xml")

    def check_error(self, message, *arguments):
        done = run("topo", *arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn(message, done.stderr)

    def test_this_machine_has_its_name_processors_and_loopback_free_ports(self):
        done = run("topo")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(os.uname().nodename + "\n"), done.stdout)
        self.assertIn("CPU0: package 0", done.stdout)
        self.assertNotIn(" lo ", done.stdout)

    def test_other_machines_come_from_files(self):
        done = run("topo", "--from", self.model("dgx-1v"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in (r"├─ 06:00.0 GPU0 +PCIe 3.0 ×16  Volta, sm_70, .* 2 to GPU4, rank 0$",
                     r"^  NVL  NVLinks, or an NVSwitch: 20 to 40 GB/s$",
                     r"^  GPU0 +X +NVL +NVL +NVL +NVL +NVB "):
            self.assertRegex(done.stdout, "(?m)" + line)

    def test_a_host_is_copied_to_a_cluster(self):
        done = run("topo", "--from", self.model("dgx-h100"), "--hosts", "512")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("512 hosts alike: host0 (ranks 0-7), ", done.stdout)
        self.assertIn("paths between hosts\n", done.stdout)
        self.check_error("--hosts 2: expected one host to copy, not 4", "--hosts", "2", "--from",
                         self.model("cpu-2socket"))

    def test_xml_is_read_back_to_the_same_machine(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "here.xml")
            here = run("topo", "--xml")
            self.assertEqual(here.returncode, 0, here.stderr)
            self.assertEqual(run("topo", "--xml", path).stdout, "")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), here.stdout)
            self.assertEqual(run("topo", "--from", path, "--xml").stdout, here.stdout)

    def test_json_is_all_there_is_on_standard_output(self):
        done = run("topo", "--json", "--from", self.model("gb200-nvl72"))
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(len(document["hosts"]), 18)
        self.assertEqual(len(document["ways"]["members"]), 72)

    def test_pictures_of_every_model_in_every_format(self):
        with tempfile.TemporaryDirectory() as folder:
            for model in sorted(os.listdir(self.models)):
                if not model.endswith(".xml"):
                    continue
                path = os.path.join(folder, "picture.dot")
                done = run("topo", "--from", os.path.join(self.models, model), "--draw", path)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                with open(path, encoding="utf-8") as file:
                    self.assertTrue(file.read().startswith("graph machine {"))
            if shutil.which("dot") is None:
                return
            for ending, begin in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
                path = os.path.join(folder, "picture" + ending)
                for what in ("machine", "rings", "trees"):
                    done = run("topo", "--from", self.model("dgx-1v"), "--draw", path,
                               "--draw-what", what)
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                    with open(path, "rb") as file:
                        self.assertEqual(file.read(len(begin)), begin)

    def test_the_document_shows_what_is_printed_and_drawn(self):
        docs = os.path.join(os.path.dirname(self.models), "..", "docs")
        with open(os.path.join(docs, "topology.md"), encoding="utf-8") as file:
            shown = re.search(r"```\n(dgx-1v\n.*?)```", file.read(), re.S).group(1)
        self.assertIn(shown, run("topo", "--from", self.model("dgx-1v")).stdout)
        if shutil.which("dot") is None:
            return
        pictures = [name for name in os.listdir(os.path.join(docs, "pictures"))
                    if name.startswith(("machine-", "rings-", "trees-"))]
        self.assertGreater(len(pictures), 5)
        for name in pictures:
            what, model = name.removesuffix(".svg").split("-", 1)
            with tempfile.TemporaryDirectory() as folder:
                now = os.path.join(folder, "now.svg")
                run("topo", "--from", self.model(model), "--draw", now, "--draw-what", what)
                # Places depend on fonts and on Graphviz's version; texts do not.
                texts = []
                for path in (now, os.path.join(docs, "pictures", name)):
                    with open(path, encoding="utf-8") as file:
                        texts.append(sorted(re.findall(r"<text[^>]*>(.*?)</text>", file.read())))
                self.assertEqual(texts[0], texts[1], f"{name} is old: run scripts/pictures")
                self.assertGreater(len(texts[0]), 5)

    def test_without_graphviz_the_package_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.svg")
            done = subprocess.run([TUTTI, "topo", "--draw", path], capture_output=True, text=True,
                                  timeout=120, env={**os.environ, "PATH": folder})
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"--draw {path}: dot cannot be run", done.stderr)
            self.assertIn("the package graphviz", done.stderr)
            self.assertFalse(os.path.exists(path))

    def test_wrong_lines_and_files_are_named(self):
        self.check_error("--draw a.jpg: expected a file that ends in .svg", "--draw", "a.jpg")
        self.check_error("--matrix most: expected summary, all or none", "--matrix", "most")
        self.check_error("/nowhere/a.xml", "--from", "/nowhere/a.xml")
        self.check_error("--draw /nowhere/a.dot: cannot be written", "--draw", "/nowhere/a.dot")
        self.check_error("--xml /nowhere/a.xml: cannot be written", "--xml", "/nowhere/a.xml")
        self.check_error("expected at most 1024 GPUs, processors and ports; here are 9216",
                         "--from", self.model("dgx-h100"), "--hosts", "512", "--matrix", "all")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bad.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write('<system version="1">\n<cpu numaid="x"/>\n</system>\n')
            self.check_error(f"{path}:2: ", "--from", path)
        self.assertIn("--draw-what", run("topo", "--help").stdout)

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_ranks_of_a_launcher_are_on_their_processors(self):
        done = run("topo", launcher=mpirun(3))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count(os.uname().nodename + "\n"), 1, done.stdout)
        self.assertRegex(done.stdout, r"(?m)^ +[├└]─ rank.*2")

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_hosts_of_a_launcher_are_all_there(self):
        if "other hosts are reached by" not in run("doctor").stdout:
            self.skipTest("no UCX, or no device for it")
        program = 'TUTTI_HOST=$((OMPI_COMM_WORLD_RANK / 2)) exec "$0" topo --json'
        done = subprocess.run([*mpirun(3), "sh", "-c", program, TUTTI], capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        hosts = json.loads(done.stdout)["hosts"]
        ranks = [[rank["rank"] for cpu in host["cpus"] for rank in cpu["ranks"]] for host in hosts]
        self.assertEqual(ranks, [[0, 1], [2]])

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_a_wrong_line_under_a_launcher_is_told_once(self):
        done = run("topo", "--matrix", "most", launcher=mpirun(2))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("--matrix most: expected"), 1)


class Sim(unittest.TestCase):
    tests = os.path.dirname(os.path.abspath(__file__))
    cluster = ("--cluster", "hosts=2,ranks=4,port=450G,net=50G")

    def imports(self, name):
        return os.path.join(self.tests, "imports", name)

    def test_a_line_for_every_algorithm_and_size(self):
        done = run("sim", *self.cluster, "--size", "8,1M")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("# 8 ranks on 2 hosts, 450 GB/s a rank each way", done.stdout)
        table = rows(done.stdout)
        self.assertEqual({row[0] for row in table}, {"8", "1048576"})
        names = [row[1] for row in table if row[0] == "8"]
        self.assertIn("hierarchical_ring", names)
        self.assertEqual(len(names), len(set(names)))
        for row in table:
            self.assertGreater(float(row[2]), 0)

    def test_machines_from_files_side_by_side(self):
        model = os.path.join(self.tests, "topologies", "dgx-h100.xml")
        done = run("sim", "--topology", model, "--hosts", "4", "--algorithm", "hierarchical_ring",
                   "--size", "1G", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["cluster"]["ranks"], 32)
        self.assertGreater(document["results"][0]["busbw"], 300)
        self.assertLess(document["results"][0]["links"][0]["utilisation"], 1.001)

    def test_a_schedule_is_proved_and_simulated(self):
        done = run("sim", "--schedule", self.imports("ring_8.xml"), "--cluster", "ranks=8,port=450G")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("all_reduce of 8 ranks in 8 chunks: proved right, in place too", done.stdout)
        self.assertEqual(len(rows(done.stdout)[-1][1:]) > 5, True)
        dumped = run("sim", "--schedule", self.imports("ring_4.xml"), "--dump")
        self.assertIn("  put    input[0] -> 1:scratch[0]", dumped.stdout)
        wrong = run("sim", "--schedule", self.imports("wrong_sum.xml"))
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("the algorithm is wrong: wrong result: output[1] of rank 0", wrong.stderr)

    def test_files_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            trace, svg, goal = (os.path.join(folder, name) for name in ("t.json", "s.svg", "g.goal"))
            done = run("sim", *self.cluster, "--algorithm", "ring", "--trace", trace, "--svg", svg,
                       "--goal", goal)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(trace, encoding="utf-8") as file:
                self.assertGreater(len(json.load(file)["traceEvents"]), 100)
            with open(svg, encoding="utf-8") as file:
                self.assertIn("all_reduce of 1 MiB by ring, 8 ranks", file.read())
            with open(goal, encoding="utf-8") as file:
                self.assertTrue(file.read().startswith("num_ranks 8\n"))
            nowhere = run("sim", *self.cluster, "--algorithm", "ring", "--svg", folder)
            self.assertEqual(nowhere.returncode, 1)
            self.assertIn(f"{folder}: cannot be written", nowhere.stderr)

    def test_wrong_lines(self):
        for arguments, message in (
                ((), "expected --topology or --cluster, to run on, or --schedule, to prove"),
                (("--cluster", "ranks=x"), 'cluster: "ranks=x": expected a whole number from 1'),
                (("--topology", "none.xml"), "none.xml"),
                (("--cluster", "ranks=2048,port=1G"), "--algorithm all: expected one by name"),
                ((*self.cluster, "--algorithm", "rind"), 'all_reduce has no algorithm "rind"')):
            done = run("sim", *arguments)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(message, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_the_pictures_of_the_document_are_what_is_drawn(self):
        pictures = os.path.join(self.tests, "..", "docs", "pictures")
        for algorithm, cluster in (("ring", "ranks=4,port=450G"),
                                   ("double_tree", "ranks=8,port=450G"),
                                   ("hierarchical_ring", self.cluster[1])):
            with tempfile.TemporaryDirectory() as folder:
                now = os.path.join(folder, "now.svg")
                run("sim", "--cluster", cluster, "--algorithm", algorithm, "--size", "4M", "--svg",
                    now)
                texts = []
                for path in (now, os.path.join(pictures, f"time-{algorithm}.svg")):
                    with open(path, encoding="utf-8") as file:
                        texts.append(re.findall(r"<t(?:ext|itle)[^>]*>(.*?)</t", file.read()))
                self.assertEqual(texts[0], texts[1], f"time-{algorithm}.svg is old: run scripts/pictures")
                self.assertGreater(len(texts[0]), 50)


class Plan(unittest.TestCase):
    docs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs")

    def test_the_best_layouts_are_ranked_and_explained(self):
        done = run("plan", "--model", "llama3-8b", "--machine", "8xh100", "--nodes", "4", "--top",
                   "3")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = re.findall(r"^ +([123])((?: +\d+){6}) +(\w+) +([\w-]+) +([\d.]+) ", done.stdout, re.M)
        self.assertEqual([line[0] for line in lines], ["1", "2", "3"])
        times = [float(line[4]) for line in lines]
        self.assertEqual(times, sorted(times))
        for line in lines:
            dp, pp, tp, cp = (int(word) for word in line[1].split()[:4])
            self.assertEqual(dp * pp * tp * cp, 32)
        for words in ("is best by time", "It is bound by ", "twice the network", "predicted",
                      "between.bandwidth", "C compute"):
            self.assertIn(words, done.stdout)

    def test_everything_is_json_too(self):
        done = run("plan", "--model", "mamba2-2.7b", "--machine", "8xa100", "--json", "-")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        document = json.loads(done.stdout)
        for plan in document["best"] + document["front"]:
            self.assertTrue(plan["fits"])
            self.assertAlmostEqual(plan["step"], sum(plan["times"].values()), places=9)
            self.assertEqual(plan["energy"], "predicted")
        self.assertEqual(document["machine"]["figures"]["memory"]["unit"], "GiB")

    def test_a_model_and_a_machine_of_files(self):
        with tempfile.TemporaryDirectory() as folder:
            config = {"architectures": ["LlamaForCausalLM"], "hidden_size": 512,
                      "intermediate_size": 1024, "num_attention_heads": 8,
                      "num_hidden_layers": 4, "vocab_size": 1000}
            path = os.path.join(folder, "config.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(config, file)
            out = os.path.join(folder, "plan.json")
            front = os.path.join(folder, "front.svg")
            done = run("plan", "--model", folder, "--machine",
                       os.path.join(MODELS, "dgx-h100.xml"), "--gpus", "4", "--json", out,
                       "--draw", front, "memory=40")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            with open(out, encoding="utf-8") as file:
                document = json.load(file)
            self.assertEqual(document["model"]["width"], 512)
            self.assertEqual(document["machine"]["figures"]["devices"]["value"], 4)
            self.assertEqual(document["machine"]["figures"]["memory"]["value"], 40)
            with open(front, encoding="utf-8") as file:
                self.assertIn("(DP, PP, TP, CP)", file.read())
            config["num_attention_heads"] = 7
            with open(path, "w", encoding="utf-8") as file:
                json.dump(config, file)
            done = run("plan", "--model", path, "--machine", "8xh100")
            self.assertEqual(done.returncode, 2)
            self.assertIn("num_attention_heads is 7; expected a divisor of hidden_size, 512",
                          done.stderr)

    def test_this_machine_is_one(self):
        done = run("plan", "--model", "llama-tiny", "--machine", "this", "--gpus", "2",
                   "--precision", "fp32", "--sequence", "256", "--batch-tokens", "4K")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_layouts_are_run_and_the_machine_is_calibrated(self):
        if not os.path.exists(os.path.join(os.path.dirname(TUTTI), "tutti-train")):
            self.skipTest("no tutti-train")
        with tempfile.TemporaryDirectory() as cache:
            line = ("plan", "--model", cache, "--machine", "this", "--gpus", "2", "--precision",
                    "fp32", "--sequence", "64", "--batch-tokens", "256", "--json", "-")
            config = {"architectures": ["Mamba2ForCausalLM"], "vocab_size": 256, "hidden_size": 32,
                      "num_hidden_layers": 2, "state_size": 8, "head_dim": 16, "num_heads": 4,
                      "n_groups": 1, "chunk_size": 16, "tie_word_embeddings": True}
            with open(os.path.join(cache, "config.json"), "w", encoding="utf-8") as file:
                json.dump(config, file)
            done = run(*line, "--measure", "2", XDG_CACHE_HOME=cache)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            first = json.loads(done.stdout)
            self.assertEqual(len(first["measured"]), 2)
            for one, plan in zip(first["measured"], first["best"]):
                self.assertEqual(one["layout"], plan["layout"])
                self.assertGreater(one["step"], 0)
                self.assertGreater(one["memory"], 1 << 20)
            # What the next plan begins with.
            second = json.loads(run(*line, XDG_CACHE_HOME=cache).stdout)
            self.assertEqual(second["machine"]["name"], "this machine, calibrated")
            self.assertNotEqual(second["best"][0]["step"], first["best"][0]["step"])

    def test_what_does_not_fit_is_told_what_would(self):
        done = run("plan", "--model", "llama3-405b", "--machine", "8xh100")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"Nothing fits in 79.1 GiB; the smallest change that would "
                                      r"help: \d+ nodes instead of 1 ")
        done = run("plan", "--model", "llama3-405b", "--machine", "8xh100", "--inference")
        self.assertEqual(done.returncode, 1)
        self.assertIn("would help: 2 nodes instead of 1 ", done.stdout)

    def test_inference_has_the_same_form(self):
        done = run("plan", "--model", "llama3-70b", "--machine", "8xh100", "--inference",
                   "--rank-by", "latency", "--top", "2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("(1, 1, 8, 1) with 1 sequence in hand is best by latency", done.stdout)
        done = run("plan", "--model", "mamba-2.8b", "--machine", "8xh100", "--inference", "--json",
                   "-")
        best = json.loads(done.stdout)["best"][0]
        self.assertAlmostEqual(best["token"], sum(best["decode_times"].values()))

    def test_wrong_lines_name_what_is_wrong_and_what_would_be_right(self):
        model = ("--model", "llama3-8b")
        machine = ("--machine", "8xh100")
        for arguments, message in (
                (machine, "--model is required"),
                (("--model", "llama9", *machine), 'model "llama9" is not known; expected one of'),
                ((*model, "--machine", "none.xml"), "--machine none.xml: cannot read none.xml"),
                ((*model, *machine, "memori=3"), '"memori" is not a figure of a machine; expected'),
                ((*model, *machine, "memory=x"), 'memory is "x": expected a number from 0'),
                ((*model, *machine, "--tp", "3"), "tp is 3: expected a divisor of the devices"),
                ((*model, *machine, "--nodes", "2", "--tp", "16"),
                 "tp is 16: expected a divisor of heads of keys, 8"),
                ((*model, *machine, "--sequence", "1000"), "expected a multiple of --sequence"),
                ((*model, *machine, "--rank-by", "luck"), "expected one of time, energy, memory"),
                ((*model, *machine, "--draw", "a.png"), "expected a file that ends in .svg")):
            with self.subTest(arguments=arguments):
                done = run("plan", *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(message, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_the_document_shows_what_is_printed_and_drawn(self):
        with open(os.path.join(self.docs, "plan.md"), encoding="utf-8") as file:
            page = file.read()
        shown = re.findall(r"```\n\$ tutti (plan .*?)\n(.*?)```", page, re.S)
        self.assertGreaterEqual(len(shown), 2)
        with tempfile.TemporaryDirectory() as folder:
            for line, text in shown:
                words = [os.path.join(folder, os.path.basename(word)) if word.endswith(".svg")
                         else word for word in line.split()]
                printed = run(*words).stdout
                for part in text.split("…\n"):
                    self.assertIn(part, printed, "docs/plan.md is old: run scripts/plan_page")
            drawn = os.listdir(folder)
            self.assertGreaterEqual(len(drawn), 3)
            for name in drawn:
                texts = []
                for place in (folder, os.path.join(self.docs, "pictures")):
                    with open(os.path.join(place, name), encoding="utf-8") as file:
                        texts.append(file.read())
                self.assertEqual(texts[0], texts[1], f"{name} is old: run scripts/plan_page")


@unittest.skipUnless(MPIRUN, "no mpirun")
class Explain(unittest.TestCase):
    def test_tuned_machines_are_explained(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "deep", "cal")
            done = run("tune", "--quick", "-o", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"^\d+ measurements; .*\nKept in " + path)
            with open(path, encoding="utf-8") as file:
                self.assertTrue(file.read().startswith("tutti calibration 1\nrank.call "))
            done = run("explain", "all_reduce,barrier", "8,1M", TUTTI_CALIBRATION=path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("first guess", done.stdout)
            self.assertEqual(done.stdout.count("\n  * "), 3)  # two sizes, and one barrier

    def test_what_is_measured_is_what_ran(self):
        done = run("explain", "all_gather", "4K", "--measure", "--json", "-n", "3",
                   TUTTI_CALIBRATION="none")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertFalse(document["calibrated"])
        candidates = document["calls"][0]["candidates"]
        measured = {c["algorithm"] for c in candidates if "measured_us" in c}
        able = {c["algorithm"] for c in candidates if "objection" not in c}
        self.assertEqual(measured, able)
        times = [c["predicted_us"] for c in candidates if c["algorithm"] in able]
        self.assertEqual(times, sorted(times))

    def test_the_first_candidate_is_what_runs(self):
        done = run("explain", "all_reduce", "256K", "--json", TUTTI_CALIBRATION="none")
        first = json.loads(done.stdout)["calls"][0]["candidates"][0]["algorithm"]
        done = run("perf", "all_reduce", "--threads", "2", "-b", "256K", "-e", "256K", "-n", "1",
                   "--json", TUTTI_CALIBRATION="none")
        self.assertEqual(json.loads(done.stdout)["results"][0]["algorithm"], first)

    def test_rules_overrule(self):
        with tempfile.NamedTemporaryFile("w", suffix=".rules") as file:
            file.write("all_reduce bytes=..1M -> tree\n")
            file.flush()
            done = run("perf", "all_reduce", "--threads", "2", "-b", "8", "-e", "8", "-n", "1",
                       "--json", TUTTI_RULES=file.name)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["results"][0]["algorithm"], "tree")

    def test_other_machines_are_simulated(self):
        done = run("explain", "all_reduce", "1M", "--topology", MODELS + "/dgx-a100.xml", "--hosts",
                   "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("16 ranks on 2 hosts", done.stdout)

    def test_wrong_lines_and_files_are_named(self):
        for arguments, variables, message in (
                (["explain", "all_reduce", "x"], {}, "size x: expected"),
                (["explain", "all_reduced", "8"], {}, "all_reduced"),
                (["explain", "all_reduce", "8", "--ranks", "0"], {}, "--ranks 0: expected"),
                (["explain", "all_reduce", "8", "--measure", "--hosts", "2"], {},
                 "expected a launcher"),
                (["explain", "all_reduce", "8", "--topology", "/nowhere.xml"], {}, "/nowhere.xml"),
                (["explain", "all_reduce", "8"], {"TUTTI_CALIBRATION": "/nowhere"},
                 "calibration /nowhere: cannot be read"),
                (["explain", "all_reduce", "8"], {"TUTTI_CALIBRATION": MODELS + "/dgx-1v.xml"},
                 "calibration line 1"),
                (["tune", "--slow"], {}, "--slow")):
            done = run(*arguments, **variables)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(message, done.stderr)
        done = run("perf", "--threads", "2", TUTTI_RULES="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("rules /nowhere: cannot be read", done.stderr)


class UnderMpirun(unittest.TestCase):
    def test_processes_are_ranks(self):
        done = run("perf", "all_reduce,scatter", "-b", "8", "-e", "512K", "-f", "32", "-n", "5",
                   launcher=mpirun(2))
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertEqual(done.stdout.count("# Out of bounds values : 0 OK"), 1)
        pids = set(re.findall(r"Rank +\d+ Pid +(\d+)", done.stdout))
        self.assertEqual(len(pids), 2)
        self.assertIn("# Transports          : shm\n", done.stdout)

    def test_hosts_are_counted_and_the_transports_between_them_named(self):
        if "other hosts are reached by" not in run("doctor").stdout:
            self.skipTest("no UCX, or no device for it")
        program = ('TUTTI_HOST=$((OMPI_COMM_WORLD_RANK / 2)) exec "$0" perf all_reduce '
                   '-b 8 -e 8 -n 3 "$@"')
        for line in ([], ["--json"]):
            done = subprocess.run([*mpirun(3), "sh", "-c", program, TUTTI, *line],
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
            if not line:
                self.assertIn("# Using ranks on 2 hosts\n", done.stdout)
                self.assertRegex(done.stdout, r"# Transports          : shm and ucx \(.+\)\n")
                continue
            document = json.loads(done.stdout)
            self.assertEqual(document["machine"]["hosts"], 2)
            self.assertEqual([r["host_number"] for r in document["machine"]["ranks"]], [0, 0, 1])
            self.assertIn("shm and ucx (", document["results"][0]["transports"])

    def test_each_algorithm_makes_its_own_communicator(self):
        done = run("perf", "broadcast", "-b", "4K", "-e", "4K", "-n", "2", "--each-algorithm",
                   "--json", launcher=mpirun(2))
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        results = json.loads(done.stdout)["results"]
        self.assertGreater(len({r["algorithm"] for r in results}), 2)
        self.assertEqual({r["errors"] for r in results}, {0})

    def test_a_wrong_line_is_told_once(self):
        done = run("perf", "-d", "foo", launcher=mpirun(2))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("-d foo: expected"), 1)
        done = run("perf", "--algorithm", "rung", launcher=mpirun(2))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("--algorithm rung: expected"), 1)

    def test_beside_open_mpi(self):
        if not has_adapter("openmpi"):
            self.skipTest("built without Open MPI")
        done = run("perf", "all", "-b", "1000", "-e", "100000", "-f", "100", "-n", "3", "--vs",
                   "mpi", "--json", launcher=mpirun(2))
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        results = json.loads(done.stdout)["results"]
        for result in results:
            self.assertIn("Open MPI", result["vs"]["library"])
            ratio = result["vs"]["time_us"]["median"] / result["time_us"]["median"]
            self.assertAlmostEqual(result["vs"]["ratio"], ratio)

    def test_what_mpi_lacks_is_left_out(self):
        if not has_adapter("openmpi"):
            self.skipTest("built without Open MPI")
        done = run("perf", "-b", "1K", "-e", "1K", "-n", "2", "-d", "bfloat16", "--vs", "mpi",
                   launcher=mpirun(2))
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertEqual(rows(done.stdout)[0][9:11], ["-", "-"])

    def test_threads_under_a_launcher_are_refused(self):
        done = run("perf", "--threads", "2", launcher=mpirun(2))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--threads 2: expected none under a launcher", done.stderr)


@unittest.skipUnless(MPIEXEC_MPICH, "no mpiexec of MPICH")
class UnderMpich(unittest.TestCase):
    def test_beside_mpich(self):
        if not has_adapter("mpich"):
            self.skipTest("built without MPICH")
        done = run("perf", "all_reduce", "-b", "1K", "-e", "64K", "-f", "64", "-n", "3", "--vs",
                   "mpi", "--json", launcher=(MPIEXEC_MPICH, "-n", "2"))
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        for result in json.loads(done.stdout)["results"]:
            self.assertIn("MPICH", result["vs"]["library"])
            self.assertEqual(result["errors"], 0)


class Plot(unittest.TestCase):
    def test_figures_of_what_the_command_found(self):
        plot = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "perf",
                            "plot")
        with tempfile.TemporaryDirectory() as folder:
            results = os.path.join(folder, "results.json")
            run("perf", "--threads", "2", "-b", "8", "-e", "64K", "-f", "8", "-n", "2", "-J",
                results, "--each-algorithm", "--in-place")
            done = subprocess.run([sys.executable, plot, results, "-o", folder],
                                  capture_output=True, text=True, timeout=120)
            if importlib.util.find_spec("matplotlib") is None:
                self.assertIn("expected the Python package matplotlib", done.stderr)
                self.assertEqual(done.returncode, 1)
                return
            self.assertEqual(done.returncode, 0, done.stderr)
            name = "all_reduce-2ranks-float-sum-in_place"
            for quantity in ("latency", "busbw"):
                path = os.path.join(folder, f"{name}-{quantity}.png")
                self.assertGreater(os.path.getsize(path), 10_000)


if __name__ == "__main__":
    TUTTI = os.path.realpath(sys.argv.pop(1))
    unittest.main()
