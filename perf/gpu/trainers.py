"""tutti-train on a GPU, as steps of scripts/gpu_check: how fast presets are, and whether losses are those
of the processor."""

import json
import os
import pathlib
import tempfile
from dataclasses import dataclass

from checks import BUILD, REPOSITORY, rank_environments, sanitizer
from steps import FAILED, NOT_BUILT, OK, Outcome, run, run_together

TRAIN = os.path.join(BUILD, "bin", "tutti-train")
STEPS = 6  # the first makes what the others use again, and is left out
SEQUENCE = 2048
ON_GPU = {"TRAIN_TEST_GPU": "0"}  # to tests of kernels, which run on the processor without


@dataclass
class Model:
    family: str
    name: str
    micro_batch: int


# From small to what a GPU of 80 GB trains alone, in bf16 with masters and AdamW in fp32.
MODELS = (Model("llama", "25m", 16), Model("llama", "0.1b", 16), Model("llama", "0.5b", 8),
          Model("llama", "1b", 4), Model("mamba", "mamba2-25m", 8), Model("mamba", "mamba2-130m", 8),
          Model("mamba", "mamba2-370m", 4), Model("mamba", "mamba2-1.3b", 2))

# What two ranks that share the GPU compute as one processor does: mesh, model, whether they are processes.
LOSS_CASES = (("dp=2", "llama", "llama-tiny", False), ("tp=2", "llama", "llama-tiny", False),
              ("pp=2", "llama", "llama-tiny", False), ("cp=2", "llama", "llama-tiny", False),
              ("tp=2", "mamba", "mamba2-tiny", False), ("cp=2", "mamba", "mamba2-tiny", False),
              ("dp=2", "llama", "llama-tiny", True))
# So that ranks that wait in vain say for whom, rather than be stopped; a step takes far less.
PATIENCE = {"TUTTI_TIMEOUT": "8"}
# Relative: sums in another order; a mantissa of bf16 has 8 bits.
TOLERANCES = {"fp32": 2e-4, "bf16": 2e-2}


def why_not_built():
    """"" where tutti-train has GPUs."""
    if not os.path.exists(TRAIN):
        return "no tutti-train"
    words = run([TRAIN, "llama", "--help"], 30).output
    return "" if "--device" in words else "tutti-train has no --device"


def write_text(folder):
    """Enough text for a few steps: the sources of this repository."""
    path = os.path.join(folder, "text.txt")
    with open(path, "w", encoding="utf-8") as text:
        for part in ("src", "examples", "tests", "docs"):
            for file in sorted(pathlib.Path(REPOSITORY, part).rglob("*")):
                if file.suffix in (".cc", ".h", ".md"):
                    text.write(file.read_text(encoding="utf-8"))
    return path


def command(family, model, text, out, *more):
    return [TRAIN, family, "--model", model, "--data", text, "--out", out, "--steps", str(STEPS),
            "--warmup", "2", *map(str, more)]


def steps_of(out):
    with open(os.path.join(out, "steps.jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def figures(model, steps):
    """A row of the table, of what steps after the first have on average."""
    later = steps[1:]
    seconds = sum(step["seconds"] for step in later)
    weighted = lambda name: sum(step[name] * step["seconds"] for step in later) / seconds
    return {"family": model.family, "model": model.name, "micro_batch": model.micro_batch,
            "seconds": seconds / len(later), "tokens_per_second": weighted("tokens_per_second"),
            "mfu_causal": weighted("mfu_causal"), "mfu_full": weighted("mfu_full"),
            "memory_bytes": max(step["memory_bytes"] for step in steps),
            "first_loss": steps[0]["loss"], "last_loss": steps[-1]["loss"]}


def speed(rows, model):
    """Adds to `rows` what a preset does on one rank."""
    def step(limit_s):
        why = why_not_built()
        if why:
            return Outcome(NOT_BUILT, why)
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            line = command(model.family, model.name, write_text(folder), out, "--device", "gpu",
                           "--precision", "bf16", "--sequence", SEQUENCE, "--batch",
                           model.micro_batch, "--micro-batch", model.micro_batch,
                           "--validate-samples", 1)
            finished = run(line, limit_s)
            if not finished.ok():
                return Outcome(FAILED, finished.why())
            row = figures(model, steps_of(out))
        rows.append(row)
        # Sources are easy: a model that learns is soon below what all bytes alike would be.
        if not row["last_loss"] < row["first_loss"]:
            return Outcome(FAILED, f"the loss went from {row['first_loss']:.3f} to "
                                   f"{row['last_loss']:.3f}")
        return Outcome(OK, f"{row['tokens_per_second']:.0f} tokens/s, MFU {row['mfu_causal']:.1%}")
    return step


def losses_of(line, out, processes, limit_s):
    """The losses of a run of two ranks, and why there are none."""
    if processes:
        environments = rank_environments(2, **PATIENCE)
        for environment in environments:
            environment.pop("TUTTI_DEVICE")  # --device says it
        finished = run_together([line] * 2, limit_s, environments)
    else:
        finished = [run([*line, "--threads", "2"], limit_s, PATIENCE)]
    failed = [one for one in finished if not one.ok()]
    if failed:
        return [], failed[0].why()
    return [step["loss"] for step in steps_of(out)], ""


def compare(ours, theirs, tolerance):
    """"", or where losses on the GPU are not those of the processor."""
    if len(ours) != STEPS or len(theirs) != STEPS:
        return f"{len(ours)} and {len(theirs)} losses, expected {STEPS}"
    for step, (a, b) in enumerate(zip(ours, theirs)):
        if not abs(a - b) <= tolerance * abs(b):
            return f"step {step}: loss {a:.6f}, on the processor {b:.6f}"
    return ""


def losses(case):
    """Two ranks on GPU 0, in fp32 and in bf16, against as many on the processor in fp32."""
    mesh, family, model, processes = case

    def step(limit_s):
        why = why_not_built()
        if why:
            return Outcome(NOT_BUILT, why)
        with tempfile.TemporaryDirectory() as folder:
            text = write_text(folder)

            def losses_with(device, precision, by_processes):
                out = os.path.join(folder, f"{device}-{precision}")
                line = command(family, model, text, out, "--mesh", mesh, "--device", device,
                               "--precision", precision, "--sequence", 128, "--batch", 8)
                return losses_of(line, out, by_processes, limit_s / 3)

            expected, problem = losses_with("cpu", "fp32", False)
            for precision, tolerance in TOLERANCES.items():
                if problem:
                    break
                found, problem = losses_with("gpu", precision, processes)
                problem = problem or compare(found, expected, tolerance)
                problem = problem and f"{precision}: {problem}"
        return Outcome(FAILED, problem) if problem else Outcome(OK, "losses as on the processor")
    return step


def name_of(case):
    mesh, family, model, processes = case
    return f"{family} {model}, {mesh}, two {'processes' if processes else 'threads'}"


def kernel_tests():
    """Those that run on the processor or a GPU."""
    sources = pathlib.Path(REPOSITORY, "tests").glob("train_device_*_test.cc")
    return sorted(source.stem for source in sources
                  if "train/on_device.h" in source.read_text(encoding="utf-8"))


def program_of(test):
    return os.path.join(BUILD, "tests", test)


def kernel_test(name):
    def step(limit_s):
        if not os.path.exists(program_of(name)):
            return Outcome(NOT_BUILT)
        finished = run([program_of(name)], limit_s, ON_GPU)
        return Outcome(OK) if finished.ok() else Outcome(FAILED, finished.why())
    return step


def run_all(steps):
    """Answers the rows of the table of speeds."""
    rows = []
    for name in kernel_tests():
        steps.run(f"{name} on the GPU", 60, kernel_test(name))
    for case in LOSS_CASES:
        steps.run(f"tutti-train: {name_of(case)}", 60, losses(case))
    for model in MODELS:
        steps.run(f"tutti-train: {model.family} {model.name}", 60, speed(rows, model))
    for name in kernel_tests():
        for tool in ("memcheck", "racecheck"):
            steps.run(f"compute-sanitizer {tool} of {name}", 60,
                      sanitizer(tool, [[program_of(name)]], ON_GPU))
    return rows
