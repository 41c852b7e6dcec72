"""Runs the built command `tutti-train` as people do: threads, mpirun, wrong lines, lost ranks.

Usage: train_command_test.py PATH_OF_TUTTI_TRAIN [unittest options]
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

TRAIN = ""
MPIRUN = shutil.which("mpirun.openmpi") or shutil.which("mpirun")
TEXT = os.path.abspath(__file__)

# A model of some thousand parameters.
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 256,
          "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
          "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256}


# A hybrid as small, which only mamba_ssm's files have; without layers of attention Hugging Face's.
MAMBA = {"architectures": ["Mamba2ForCausalLM"], "model_type": "mamba2", "vocab_size": 256,
         "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "head_dim": 16,
         "num_heads": 4, "n_groups": 1, "chunk_size": 16, "tie_word_embeddings": True}
HYBRID = {"d_model": 32, "n_layer": 2, "vocab_size": 256,
          "ssm_cfg": {"layer": "Mamba2", "d_state": 8, "headdim": 16, "chunk_size": 16},
          "attn_layer_idx": [1], "attn_cfg": {"num_heads": 2, "causal": True, "d_conv": 0,
          "qkv_proj_bias": False, "out_proj_bias": False, "rotary_emb_dim": 16}}


def run(*arguments, launcher=(), **variables):
    return subprocess.run([*launcher, TRAIN, *arguments], capture_output=True, text=True,
                          timeout=120, env={**os.environ, **variables})


def mpirun(ranks, *options):
    return (MPIRUN, "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", *options, "-n",
            str(ranks))


class Folder(unittest.TestCase):
    """Each test has a folder, with a model in it."""

    command = "llama"
    config = CONFIG

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.at("model"))
        self.write_config(self.config)
        self.common = ["--model", self.at("model"), "--data", TEXT, "--sequence", "32", "--batch",
                       "4", "--rate", "0.01", "--warmup", "2", "--peak", "50"]

    def write_config(self, config):
        with open(self.at("model", "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)

    def at(self, *names):
        return os.path.join(self.folder, *names)

    def train(self, *arguments, launcher=()):
        done = run(self.command, *self.common, *arguments, launcher=launcher)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def generate(self, *arguments):
        done = run("generate", "--prompt", "def ", "--tokens", "20", "--temperature", "0",
                   "--precision", "fp64", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def steps(self, *names):
        with open(self.at(*names, "steps.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def refused(self, message, *arguments, launcher=(), status=1, command=None):
        command = command or self.command
        common = self.common if command == self.command else []
        done = run(command, *common, *arguments, launcher=launcher)
        self.assertIn(message, done.stderr)
        self.assertEqual(done.stderr.count(message), 1, done.stderr)
        self.assertEqual(done.returncode, status)
        self.assertEqual(done.stdout, "")


class Training(Folder):
    def test_two_and_four_threads_have_the_losses_of_one_rank(self):
        losses = {}
        for name, options in {
                "one": [], "data": ["--threads", "2", "--mesh", "dp=2"],
                "mesh": ["--threads", "4", "--mesh", "dp=2,tp=2", "--zero", "3"],
                "pipeline": ["--threads", "4", "--mesh", "pp=2,cp=2", "--pipeline", "zero_bubble"],
        }.items():
            self.train("--steps", "5", "--out", self.at(name), "--precision", "fp64", *options)
            losses[name] = [step["loss"] for step in self.steps(name)]
        self.assertLess(losses["one"][-1], losses["one"][0] - 0.2)
        for name, course in losses.items():
            for mine, expected in zip(course, losses["one"], strict=True):
                self.assertAlmostEqual(mine, expected, delta=1e-9, msg=name)

    def test_bf16_is_near_fp64_and_goes_on_from_its_masters(self):
        self.train("--steps", "4", "--out", self.at("exact"), "--precision", "fp64")
        bf16 = ["--precision", "bf16", "--threads", "2", "--mesh", "dp=2", "--zero", "2"]
        self.train("--steps", "4", "--out", self.at("whole"), *bf16)
        part = [*bf16, "--checkpoint", self.at("saved"), "--schedule", "cosine"]
        self.train("--steps", "4", "--checkpoint-every", "2", "--keep", "9", *part)
        shutil.rmtree(self.at("saved", "step-000000004"))
        self.train("--steps", "4", "--resume", "--out", self.at("rest"), *part)
        exact, whole, rest = ([step["loss"] for step in self.steps(name)]
                              for name in ("exact", "whole", "rest"))
        for mine, expected in zip(whole, exact, strict=True):
            self.assertAlmostEqual(mine, expected, delta=0.02 * expected)
        self.assertEqual(rest, whole[2:])

    def test_everything_that_a_run_tells_is_there(self):
        said = self.train("--steps", "6", "--out", self.at("out"), "--threads", "2", "--mesh",
                          "tp=2", "--draw-mesh", "--trace-steps", "2", "--validate-every", "3",
                          "--prompt", "import", "--tokens", "12")
        for part in ("parameters ", "memory of a rank", "FLOPs ", "MFU  ", "tp 1", " steps=6 ",
                     "6 steps, 768 tokens", "sample, temperature 0.8", "import"):
            self.assertIn(part, said)
        lines = re.findall(r"^step +\d+/6  loss \d.*tok/s  MFU .* comm .*hidden", said, re.M)
        self.assertEqual(len(lines), 6)
        steps = self.steps("out")
        self.assertEqual([step["step"] for step in steps], [1, 2, 3, 4, 5, 6])
        self.assertEqual([step["step"] for step in steps if "validation_loss" in step], [3, 6])
        self.assertGreater(steps[1]["bytes"]["tensor"], 0)
        self.assertEqual(steps[1]["bytes"]["pipeline"], 0)
        self.assertGreater(steps[1]["exposed_seconds"], 0)
        with open(self.at("out", "run.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["mesh"], "tp=2")
        root = xml.etree.ElementTree.parse(self.at("out", "loss.svg")).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        with open(self.at("out", "trace.json"), encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        forward = [event for event in events if event["name"].startswith("forward")]
        self.assertEqual(len(forward), 2 * 4)  # two steps of four micro-batches

    def test_the_saved_configuration_makes_the_same_run(self):
        self.train("--steps", "3", "--out", self.at("first"))
        done = run("llama", "--config", self.at("first", "run.json"), "--out", self.at("second"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([step["loss"] for step in self.steps("first")],
                         [step["loss"] for step in self.steps("second")])

    def test_a_resumed_run_goes_on_with_the_same_losses_on_another_mesh(self):
        self.train("--steps", "6", "--precision", "fp64", "--schedule", "constant", "--out",
                   self.at("whole"))
        part = ["--precision", "fp64", "--schedule", "constant", "--checkpoint",
                self.at("saved"), "--resume", "--out", self.at("part")]
        self.train("--steps", "3", *part)
        said = self.train("--steps", "6", "--threads", "2", "--mesh", "tp=2", *part)
        self.assertIn("resumed      after step 3", said)
        for mine, expected in zip(self.steps("part"), self.steps("whole"), strict=True):
            self.assertAlmostEqual(mine["loss"], expected["loss"], delta=1e-9)
        self.assertTrue(os.path.exists(self.at("saved", "step-000000006", "run.json")))

    def test_an_exported_model_begins_where_the_run_ended(self):
        self.train("--steps", "30", "--checkpoint", self.at("saved"), "--export", self.at("new"),
                   "--out", self.at("first"))
        self.assertEqual(sorted(os.listdir(self.at("new"))), ["config.json", "model.safetensors"])
        self.train("--steps", "1", "--weights", self.at("new"), "--out", self.at("second"))
        self.assertLess(self.steps("second")[0]["loss"], self.steps("first")[9]["loss"])

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_ranks_of_a_launcher(self):
        said = self.train("--steps", "2", "--mesh", "dp=2", launcher=mpirun(2))
        self.assertEqual(len(re.findall(r"^step +\d+/", said, re.M)), 2)
        self.assertIn("dp=2,pp=1,cp=1,tp=1: 2 ranks", said)


class Mamba(Folder):
    command = "mamba"
    config = MAMBA

    def test_saved_on_one_mesh_it_goes_on_with_the_same_losses_on_another(self):
        for name, config in ("mamba2", MAMBA), ("hybrid", HYBRID):
            self.write_config(config)
            common = ["--precision", "fp64", "--schedule", "constant"]
            self.train("--steps", "6", *common, "--out", self.at(name, "whole"))
            part = [*common, "--checkpoint", self.at(name, "saved"), "--resume", "--out",
                    self.at(name, "part")]
            self.train("--steps", "3", "--threads", "2", "--mesh", "tp=2", *part)
            said = self.train("--steps", "6", "--threads", "2", "--mesh", "cp=2", *part)
            self.assertIn("resumed      after step 3", said)
            for mine, expected in zip(self.steps(name, "part"), self.steps(name, "whole"),
                                      strict=True):
                self.assertAlmostEqual(mine["loss"], expected["loss"], delta=1e-9, msg=name)
            texts = {self.generate("--checkpoint", self.at(name, "saved"), *options)
                     for options in ([], ["--threads", "2"], ["--threads", "2", "--mesh", "pp=2"])}
            self.assertEqual(len(texts), 1)

    def test_what_it_tells_is_of_a_mamba(self):
        said = self.train("--steps", "4", "--out", self.at("out"), "--threads", "2", "--mesh",
                          "cp=2", "--prompt", "import", "--tokens", "300")
        for part in ("Mamba-2, heads 4 of 16 (1 groups), 8 states", "GEMM with weights, ", " scans",
                     "4 steps, 512 tokens", "sample, temperature 0.8", "import"):
            self.assertIn(part, said)
        self.assertGreater(self.steps("out")[1]["bytes"]["context"], 0)

    def test_an_exported_model_begins_where_the_run_ended(self):
        for name, config in ("mamba2", MAMBA), ("hybrid", HYBRID):
            self.write_config(config)
            self.train("--steps", "30", "--checkpoint", self.at(name, "saved"), "--export",
                       self.at(name, "new"), "--out", self.at(name, "first"))
            self.train("--steps", "1", "--model", self.at(name, "new"), "--weights",
                       self.at(name, "new"), "--out", self.at(name, "second"))
            self.assertLess(self.steps(name, "second")[0]["loss"],
                            self.steps(name, "first")[9]["loss"])
            self.assertEqual(self.generate("--checkpoint", self.at(name, "new")),
                             self.generate("--checkpoint", self.at(name, "saved")))

    def test_families_are_not_taken_for_each_other(self):
        self.refused("config.json: is a Mamba; expected a LLaMA, or tutti-train mamba",
                     "--model", self.at("model"), "--data", TEXT, command="llama")
        self.write_config(CONFIG)
        self.refused("config.json: is a LLaMA; expected a Mamba, or tutti-train llama")


class DryRun(Folder):
    def test_it_tells_of_meshes_that_are_not_there(self):
        done = run("llama", "--dry-run", "--model", "8b", "--mesh", "dp=8,pp=4,tp=8", "--batch",
                   "64", "--sequence", "4096", "--draw-mesh")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("8.03 G (8030261248)", done.stdout)
        self.assertIn("dp=8,pp=4,cp=1,tp=8: 256 ranks", done.stdout)
        self.assertEqual(len(re.findall(r"^  pp [0-3]  +[\d.]+", done.stdout, re.M)), 8)
        self.assertIn("  255", done.stdout)

    def test_of_a_mamba(self):
        done = run("mamba", "--dry-run", "--model", "mamba2-2.7b", "--mesh", "dp=8,pp=2,cp=4,tp=8",
                   "--batch", "64", "--sequence", "65536")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2.70 G (2702599680)", done.stdout)
        self.assertIn("dp=8,pp=2,cp=4,tp=8: 512 ranks", done.stdout)

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_one_rank_tells_it(self):
        done = run("llama", "--dry-run", "--mesh", "dp=2", launcher=mpirun(2))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(re.findall(r"^parameters ", done.stdout, re.M)), 1)


class Generating(Folder):
    def test_every_mesh_makes_the_same_text_of_a_checkpoint(self):
        self.train("--steps", "20", "--checkpoint", self.at("saved"))
        texts = set()
        for options in ([], ["--threads", "2"], ["--threads", "2", "--mesh", "pp=2"]):
            texts.add(self.generate("--checkpoint", self.at("saved"), *options))
        self.assertEqual(len(texts), 1)
        self.assertTrue(texts.pop().startswith("def "))

    def test_seeds_make_different_texts_and_the_same_one_the_same(self):
        self.train("--steps", "1", "--checkpoint", self.at("saved"))
        line = ["generate", "--checkpoint", self.at("saved"), "--prompt", "a", "--tokens", "30"]
        texts = [run(*line, "--seed", seed).stdout for seed in ("1", "1", "2")]
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_what_cannot_be_is_refused(self):
        def check(message, *line):
            self.refused(message, *line, command="generate")
        check("checkpoint: expected --checkpoint DIR", "--prompt", "a")
        check("there is no such folder", "--checkpoint", "/nowhere", "--prompt", "a")
        check("prompt: expected a text", "--checkpoint", self.at("model"))
        check("mesh dp=2,pp=1,cp=1,tp=1: expected dp=1 and cp=1", "--checkpoint", self.at("model"),
              "--prompt", "a", "--threads", "2", "--mesh", "dp=2")
        check("tokens 300: with those of the prompt 301; expected at most 256", "--checkpoint",
              self.at("model"), "--prompt", "a", "--tokens", "300")


class Refusals(Folder):
    def test_lines_that_ask_for_what_there_is_not(self):
        self.refused('"stepz" is no setting of this command; the nearest is "steps"', "--stepz",
                     "1", status=2)
        self.assertEqual(run().returncode, 2)
        self.assertIn("--micro-batch", run("llama", "--help").stdout)
        self.assertIn("--model mamba2-tiny", run("mamba", "--help").stdout)
        self.assertIn("generate", run("--help").stdout)

    def test_settings_that_do_not_fit(self):
        self.refused("heads 4: expected a multiple of tp=3", "--threads", "3", "--mesh", "tp=3")
        self.refused("sequence 500: expected at most 256", "--sequence", "500")
        self.refused("precision fp64", "--precision", "fp64", "--device", "gpu")
        self.refused("mesh auto: plans for processors", "--mesh", "auto", "--device", "gpu")
        self.refused("no data", "--data", "")
        self.refused("export /tmp: expected --checkpoint DIR", "--export", "/tmp")

    def test_vocabularies_that_do_not_fit(self):
        self.write_config({**CONFIG, "vocab_size": 100})
        self.refused("vocabulary 100 of the model: expected at least 256", "--threads", "2",
                     "--mesh", "dp=2")

    @unittest.skipUnless(MPIRUN, "no mpirun")
    def test_one_rank_says_what_all_found(self):
        self.refused("there are 3; expected sizes whose product is 3", "--mesh", "tp=2",
                     launcher=mpirun(3))

    def test_a_model_that_a_checkpoint_is_not_of(self):
        self.train("--steps", "1", "--checkpoint", self.at("saved"))
        self.refused("has another model", "--checkpoint", self.at("saved"), "--resume", "--model",
                     "llama-tiny")

    def test_a_run_that_leaves_all_numbers_ends_with_step_and_tensor(self):
        done = run("llama", *self.common, "--rate", "10", "--clip", "0", "--warmup", "0", "--steps",
                   "3000", "--schedule", "constant", "--weight-decay", "1", "--epsilon", "1e-20",
                   "--beta2", "0", "--threads", "2", "--mesh", "tp=2", "--log-every", "1000")
        self.assertEqual(done.returncode, 1, done.stdout[-500:])
        self.assertRegex(done.stderr, r"step \d+: .*(finite|loss is)")


@unittest.skipUnless(MPIRUN, "no mpirun")
class LostRank(Folder):
    def start(self, ranks, *arguments):
        """Ranks that outlive each other; rank r's process is in the file pid.r."""
        program = 'echo $$ > "$1.$PMIX_RANK"; shift; exec "$@"'
        line = [*mpirun(ranks, "--enable-recovery"), "sh", "-c", program, "sh", self.at("pid"),
                TRAIN, "llama", *self.common, "--out", self.at("out"), *arguments]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def kill(self, rank):
        with open(self.at(f"pid.{rank}"), encoding="utf-8") as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def wait_for(self, process, condition):
        deadline = time.time() + 60
        while not condition():
            self.assertIsNone(process.poll(), "it ended before it was to")
            self.assertLess(time.time(), deadline)
            time.sleep(0.05)

    def steps(self):
        try:
            with open(self.at("out", "steps.jsonl"), encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def test_a_killed_rank_is_named_within_seconds(self):
        process = self.start(3, "--batch", "3", "--mesh", "dp=3", "--steps", "1000000",
                             "--log-every", "1000000")
        self.wait_for(process, self.steps)
        self.kill(2)
        killed = time.time()
        said = process.communicate(timeout=60)[1]
        self.assertLess(time.time() - killed, 20)
        self.assertRegex(said, r"tutti-train: rank [01]: .*rank 2")

    def test_an_elastic_run_goes_on_without_it(self):
        process = self.start(6, "--elastic", "--mesh", "dp=3,tp=2", "--batch", "6", "--steps", "300",
                             "--checkpoint", self.at("saved"), "--checkpoint-every", "5",
                             "--precision", "fp64")
        self.wait_for(process, lambda: len(self.steps()) >= 12)
        self.kill(3)
        said, complained = process.communicate(timeout=60)
        self.assertIn("rank 4 of 5 that are left is not needed, and ends", complained)
        self.assertIn("dp=2,pp=1,cp=1,tp=2", said)
        rows = self.steps()
        self.assertEqual(rows[-1]["step"], 300)
        whole = self.train("--mesh", "dp=1", "--batch", "6", "--steps", "300", "--precision", "fp64",
                           "--out", self.at("whole"))
        with open(self.at("whole", "steps.jsonl"), encoding="utf-8") as file:
            expected = json.loads(file.readlines()[-1])["loss"]
        self.assertAlmostEqual(rows[-1]["loss"], expected, delta=1e-9 * expected)


if __name__ == "__main__":
    TRAIN = sys.argv.pop(1)
    unittest.main()
