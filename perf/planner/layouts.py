"""Layouts of small models on this machine: which there are, and how `tutti plan` and `tutti-train`
are asked about one. A layout is a dict of the planner's words."""

import json
import os
import re
import shutil
import subprocess

# By tutti-train's name: its command, and tutti plan's name where it has one.
MODELS = {"llama-tiny": "llama", "25m": "llama", "mamba2-tiny": "mamba", "mamba-tiny": "mamba",
          "mamba2-25m": "mamba"}
SEQUENCE = 256
BATCH = 16  # sequences of a step
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def meshes(ranks):
    sizes = [size for size in (1, 2, 4, 8) if size <= ranks]
    return [(ranks // (pp * cp * tp), pp, cp, tp) for pp in sizes for cp in sizes for tp in sizes
            if ranks % (pp * cp * tp) == 0 and ranks >= pp * cp * tp]


def for_memory(model, ranks):
    """Every mesh with every stage of ZeRO that makes a difference; the rest takes turns."""
    recomputations = ["none", "selective", "full"]
    pipelines = ["1f1b", "zero_bubble", "gpipe", "interleaved"]
    found, n = [], 0
    for dp, pp, cp, tp in meshes(ranks):
        for zero in range(4 if dp * cp > 1 else 1):
            pipeline = pipelines[n % 4] if pp > 1 else "1f1b"
            layout = {"dp": dp, "pp": pp, "cp": cp, "tp": tp, "zero": zero,
                      "micro_batch": 1 + n % 2, "recompute": recomputations[n // 2 % 3],
                      "pipeline": pipeline, "chunks": 2 if pipeline == "interleaved" else 1}
            found.append(layout)
            n += 1
    return found


def for_time(ranks):
    """Every mesh, with one sequence in a micro-batch and with as many as leave four of them."""
    found = []
    for dp, pp, cp, tp in meshes(ranks):
        for micro_batch in sorted({1, max(1, BATCH // dp // 4)}):
            found.append({"dp": dp, "pp": pp, "cp": cp, "tp": tp, "zero": 1 if dp * cp > 1 else 0,
                          "micro_batch": micro_batch, "recompute": "none", "pipeline": "1f1b",
                          "chunks": 1})
    return found


def of_plan(plan):
    """Of a line of tutti plan's ranking."""
    found = {key: plan[key] for key in ("dp", "pp", "cp", "tp", "zero", "micro_batch", "recompute",
                                        "pipeline", "chunks")}
    if found["dp"] * found["cp"] == 1:
        found["zero"] = 0
    return found


def text(layout):
    usual = {"zero": 0, "recompute": "none", "pipeline": "1f1b", "chunks": 1}
    return " ".join(f"{key}={value}" for key, value in layout.items()
                    if value != usual.get(key, 1) or key == "dp")


def ranks_of(layout):
    return layout["dp"] * layout["pp"] * layout["cp"] * layout["tp"]


class Runner:
    def __init__(self, build, folder):
        self.tutti = os.path.join(build, "bin", "tutti")
        self.trainer = os.path.join(build, "bin", "tutti-train")
        self.folder = folder
        self.corpus = os.path.join(folder, "text.txt")
        with open(self.corpus, "wb") as file:
            file.write(b"A layout says what each rank has of batches, layers, columns, tokens. " * 9000)

    def config_of(self, model):
        """The folder of a model's config.json, as the trainer writes it."""
        folder = os.path.join(self.folder, model)
        if not os.path.exists(folder):
            self.call([self.trainer, MODELS[model], "--model", model, "--data", self.corpus,
                       "--steps", "0", "--batch", "1", "--checkpoint", folder + ".saved",
                       "--export", folder, "--peak", "100"])
        return folder

    def plan(self, model, layout=None, ranks=None, top=1):
        """What tutti plan says of a layout; of all, ranked, where none is given."""
        line = [self.tutti, "plan", "--model", self.config_of(model), "--machine", "this", "--gpus",
                str(ranks or ranks_of(layout)), "--precision", "fp32", "--sequence", str(SEQUENCE),
                "--batch-tokens", str(SEQUENCE * BATCH), "--top", str(top), "--json", "-"]
        for key, value in (layout or {}).items():
            line += ["--" + key.replace("_", "-"), str(value)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300)
        if done.returncode == 2:
            return None
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(line)}\n{done.stderr}")
        best = json.loads(done.stdout)["best"]
        return best if layout is None else best[0]

    def settings(self, model, layout):
        mesh = ",".join(f"{key}={layout[key]}" for key in ("dp", "pp", "cp", "tp"))
        line = ["--model", model, "--mesh", mesh, "--sequence", str(SEQUENCE), "--batch", str(BATCH)]
        for key, value in layout.items():
            if key not in ("dp", "pp", "cp", "tp"):
                line += ["--" + key.replace("_", "-"), str(value)]
        return line

    def foreseen(self, model, layout):
        """The largest sum of a dry run's table."""
        said = self.call([self.trainer, MODELS[model], "--dry-run", *self.settings(model, layout)])
        table = said.split("memory of a rank\n")[1].split("\n\n")[0]
        sums = re.findall(r"([\d.]+) (B|KiB|MiB|GiB)$", table, re.M)
        return max(float(number) * UNITS[unit] for number, unit in sums)

    def train(self, model, layout, steps):
        """The log of the steps."""
        out = os.path.join(self.folder, "out")
        shutil.rmtree(out, ignore_errors=True)
        self.call(["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none",
                   "-n", str(ranks_of(layout)), self.trainer, MODELS[model],
                   *self.settings(model, layout), "--data", self.corpus, "--steps", str(steps),
                   "--out", out, "--peak", "100", "--validate-samples", "1"])
        with open(os.path.join(out, "steps.jsonl"), encoding="utf-8") as file:
            return [json.loads(row) for row in file]

    def call(self, line):
        done = subprocess.run(line, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(line)}\n{done.stdout}{done.stderr}")
        return done.stdout
