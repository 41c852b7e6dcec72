"""What is checked on a GPU. Each function is a step of scripts/gpu_check: it gets the seconds that it
may take and answers an Outcome."""

import json
import os
import re
import shutil
import socket
import sys

import floors
from steps import FAILED, NOT_BUILT, NOT_HERE, OK, Outcome, run, run_together

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(REPOSITORY, "build", "release")
TUTTI = os.path.join(BUILD, "bin", "tutti")
NCCL_HOME = os.path.join(BUILD, "nccl")
LIBNCCL = os.path.join(NCCL_HOME, "lib", "libnccl.so.2")

COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")
DDP_STEPS = 200
# Relative: a mantissa of bf16 has 8 bits.
DDP_TOLERANCE = 2**-7


def gpu_program(*arguments):
    finished = run([sys.executable, os.path.join(HERE, "gpu.py"), *arguments], 60)
    if not finished.ok():
        return {"why_not": finished.why()}
    return json.loads(finished.output.splitlines()[-1])


# ---- Building and testing ----


def build(limit_s):
    configured = run(["cmake", "--preset", "release", "-DTUTTI_CUDA=ON"], limit_s, folder=REPOSITORY)
    if not configured.ok():
        return Outcome(FAILED, configured.why())
    built = run(["cmake", "--build", "--preset", "release"], limit_s, folder=REPOSITORY)
    return Outcome(OK) if built.ok() else Outcome(FAILED, built.why())


def gpu_tests():
    """Name and command of the tests with the label gpu."""
    listed = run(["ctest", "--test-dir", BUILD, "-L", "^gpu$", "--show-only=json-v1"], 60)
    if not listed.ok():
        return []
    tests = json.loads(listed.output[listed.output.index("{"):])["tests"]
    return [(test["name"], test["command"]) for test in tests if "command" in test]


def count_cases(output):
    """Of a Google Test program: cases of GPUs that passed, and that skipped themselves."""
    def count(mark):
        return len(re.findall(rf"^\[ +{mark} \] \S*cuda\S* \(", output, re.MULTILINE | re.IGNORECASE))
    return count("OK"), count("SKIPPED")


def gpu_test(command):
    def step(limit_s):
        if not os.path.exists(command[0]):
            return Outcome(NOT_BUILT)
        finished = run(command, limit_s)
        passed, skipped = count_cases(finished.output)
        if not finished.ok():
            return Outcome(FAILED, finished.why())
        if passed == 0:
            return Outcome(FAILED, f"no case ran on the GPU, {skipped} skipped themselves")
        return Outcome(OK, f"{passed} cases on the GPU, {skipped} skipped")
    return step


def device_test_command(tests):
    """The test of devices, of its cases those on the GPU."""
    return [[*command, "--gtest_filter=*cuda*"] for name, command in tests if name == "device_test"]


def lone_rank_command():
    """Every kernel, by a rank that waits for no other."""
    return [perf_command("all", (8 << 10, 1 << 20, 128), "--threads", "1", "--iters", "1",
                         "--warmup_iters", "1")]


def sanitizer(tool, commands, environment=None):
    """compute-sanitizer on the first of the commands that is there. REQUIRES: one whose kernels do not
    wait for each other, since under it they run one after the other."""
    def step(limit_s):
        program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
        if not os.path.exists(program):
            return Outcome(NOT_HERE, "no compute-sanitizer")
        there = [command for command in commands if os.path.exists(command[0])]
        if not there:
            return Outcome(NOT_BUILT, "nothing to run it on")
        finished = run([program, "--tool", tool, "--error-exitcode", "99", "--target-processes", "all",
                        *there[0]], limit_s, environment)
        name = os.path.basename(there[0][0])
        return Outcome(OK, name) if finished.ok() else Outcome(FAILED, f"{name}: {finished.why()}")
    return step


# ---- Times ----


def perf_is_built():
    if not os.path.exists(TUTTI):
        return False
    return "--device" in run([TUTTI, "perf", "--help"], 30).output


def perf_command(collective, sizes, *more):
    """sizes: the least, the most, and the factor between."""
    least, most, factor = map(str, sizes)
    types = () if "-d" in more else ("-d", "float")
    return [TUTTI, "perf", collective, "--device", "cuda", "-b", least, "-e", most, "-f", factor, *types,
            "--json", *more]


def results_of(finished):
    """The rows of a `tutti perf --json`, or the reason why there are none or they are wrong."""
    if not finished.ok():
        return [], finished.why()
    try:
        rows = json.loads(finished.output[finished.output.index("{"):])["results"]
    except ValueError:
        return [], f"no JSON: {finished.why()}"
    wrong = [row for row in rows if row["errors"]]
    if wrong:
        return rows, f"{wrong[0]['collective']} of {wrong[0]['bytes']} bytes: wrong results"
    return rows, "" if rows else "no rows"


# What devices do to elements; the caller's own operations run on processors only.
OPERATIONS = "sum,prod,max,min,avg,mulsum,band,bor,bxor,land,lor,lxor"


def results(*arguments):
    """Whether `tutti perf` finds right results among 4 threads."""
    def step(limit_s):
        if not perf_is_built():
            return Outcome(NOT_BUILT, "tutti perf has no --device")
        collective, sizes, *more = arguments
        command = perf_command(collective, sizes, "--threads", "4", "--iters", "1",
                               "--warmup_iters", "1", *more)
        rows, problem = results_of(run(command, limit_s))
        return Outcome(FAILED, problem) if problem else Outcome(OK, f"{len(rows)} calls")
    return step


def times(rows, ranks, collectives, sizes, *more, blocks=floors.BLOCKS):
    """Adds to `rows` what the collectives take among so many threads, with so many blocks each."""
    def step(limit_s):
        if not perf_is_built():
            return Outcome(NOT_BUILT, "tutti perf has no --device")
        for collective in collectives:
            command = perf_command(collective, sizes, "--threads", str(ranks), *more)
            finished = run(command, limit_s / len(collectives), {"TUTTI_DEVICE_BLOCKS": str(blocks)})
            found, problem = results_of(finished)
            if problem:
                return Outcome(FAILED, f"{collective}: {problem}")
            rows.extend({**row, "graph": "--cudagraph" in more, "blocks": blocks} for row in found)
        return Outcome(OK)
    return step


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def rank_environments(ranks, **more):
    """As torchrun sets them, for processes that all use GPU 0."""
    common = {"WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1",
              "MASTER_PORT": str(free_port()), "TUTTI_DEVICE": "0", **more}
    return [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]


def processes(rows, ranks):
    """Processes that share the GPU: right results; the times say how kernels take turns."""
    def step(limit_s):
        if not perf_is_built():
            return Outcome(NOT_BUILT, "tutti perf has no --device")
        for collective in COLLECTIVES:
            command = perf_command(collective, (1 << 10, 16 << 20, 4), "--iters", "5",
                                   "--warmup_iters", "1")
            finished = run_together([command] * ranks, limit_s / len(COLLECTIVES),
                                    rank_environments(ranks))
            failed = [one for one in finished if not one.ok()]
            if failed:
                return Outcome(FAILED, f"{collective}: {failed[0].why()}")
            found, problem = results_of(finished[0])
            if problem:
                return Outcome(FAILED, f"{collective}: {problem}")
            rows.extend({**row, "graph": False, "blocks": floors.BLOCKS} for row in found)
        return Outcome(OK)
    return step


# ---- In place of NCCL ----


def ddp_run(backend, limit_s, **environment):
    """The losses that PyTorch's DDP has with two processes on GPU 0, or the reason for none."""
    command = [sys.executable, os.path.join(HERE, "ddp.py"), "--backend", backend, "--steps",
               str(DDP_STEPS)]
    finished = run_together([command] * 2, limit_s, rank_environments(2, **environment))
    failed = [one for one in finished if not one.ok()]
    if failed:
        return None, f"{backend}: {failed[0].why()}"
    return json.loads(finished[0].output.splitlines()[-1]), ""


def compare_losses(ours, theirs):
    """"", or where the losses differ or do not fall, as they must when gradients are right."""
    if len(ours) != DDP_STEPS or len(theirs) != DDP_STEPS:
        return f"{len(ours)} and {len(theirs)} losses, expected {DDP_STEPS}"
    for step, (a, b) in enumerate(zip(ours, theirs)):
        if not abs(a - b) <= DDP_TOLERANCE * max(abs(a), abs(b)):
            return f"step {step}: loss {a:.6f}, with gloo {b:.6f}"
    if not ours[-1] < 0.5 * ours[0]:
        return f"the loss only went from {ours[0]:.4f} to {ours[-1]:.4f}"
    return ""


def ddp(limit_s):
    if not run([sys.executable, "-c", "import torch; assert torch.cuda.is_available()"], 60).ok():
        return Outcome(NOT_HERE, "no PyTorch with CUDA")
    if not os.path.exists(LIBNCCL):
        return Outcome(NOT_BUILT, LIBNCCL)
    theirs, problem = ddp_run("gloo", limit_s / 2)
    if problem:
        return Outcome(FAILED, problem)
    ours, problem = ddp_run("nccl", limit_s / 2, LD_PRELOAD=LIBNCCL)
    if problem:
        return Outcome(FAILED, problem)
    if ours["libraries"] != [os.path.realpath(LIBNCCL)]:
        return Outcome(FAILED, f"PyTorch did not use {LIBNCCL} alone: {ours['libraries']}")
    problem = compare_losses(ours["losses"], theirs["losses"])
    if problem:
        return Outcome(FAILED, problem)
    return Outcome(OK, f"{DDP_STEPS} steps, losses as with gloo; {ours['seconds']:.1f} s, gloo "
                       f"{theirs['seconds']:.1f} s")


def nccl_tests(limit_s):
    """Unmodified nccl-tests, compiled with NVIDIA's headers, under LD_PRELOAD."""
    sources = os.environ.get("NCCL_TESTS_DIR")
    if not sources:
        return Outcome(NOT_HERE, "NCCL_TESTS_DIR is not set")
    if not os.path.exists(LIBNCCL):
        return Outcome(NOT_BUILT, LIBNCCL)
    folder = os.path.join(BUILD, "nccl-tests")
    with_mpi = shutil.which("mpirun") and shutil.which("mpicc")
    made = run(["make", "-C", sources, f"-j{os.cpu_count()}", f"BUILDDIR={folder}",
                f"MPI={1 if with_mpi else 0}", "CUDA_HOME=/usr/local/cuda"], limit_s / 2)
    if not made.ok():
        return Outcome(FAILED, f"make: {made.why()}")
    launch = ["mpirun", "-np", "2", "--oversubscribe", "--allow-run-as-root"] if with_mpi else []
    environment = {"NCCL_TESTS_DEVICE": "0", "LD_PRELOAD": LIBNCCL}
    programs = ("all_reduce_perf", "all_gather_perf", "reduce_scatter_perf", "alltoall_perf",
                "broadcast_perf", "sendrecv_perf")
    for program in programs:
        forwarded = ["-x", "NCCL_TESTS_DEVICE", "-x", "LD_PRELOAD"] if with_mpi else []
        finished = run([*launch, *forwarded, os.path.join(folder, program), "-b", "8", "-e", "16M", "-f",
                        "8", "-n", "5", "-w", "1", "-c", "1"], limit_s / 2 / len(programs), environment)
        right = re.search(r"Out of bounds values : 0 OK", finished.output)
        if not finished.ok() or not right:
            return Outcome(FAILED, f"{program}: {finished.why()}")
    return Outcome(OK, f"{len(programs)} programs, {2 if with_mpi else 1} ranks")
