"""Network namespaces and what runs in them: whether there can be any, and how they are removed.

A run's namespaces are called RUN-…, with a name RUN, tutti-PID-N, that says who made them.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77  # the exit status that ctest takes for "skipped"

numbers = itertools.count()


def new_run_name():
    return f"tutti-{os.getpid()}-{next(numbers)}"


def run_folder(run_name):
    """Where a run has its files; removed with it."""
    return os.path.join(tempfile.gettempdir(), run_name)


def ip(*arguments):
    return run_tool("ip", *arguments)


def run_tool(*line):
    done = subprocess.run(line, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(line)}: {done.stderr.strip()}")
    return done.stdout


def mpirun_program():
    return shutil.which("mpirun.openmpi") or shutil.which("mpirun")


def why_not():
    """Why this machine cannot have hosts; "" when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "tc", "unshare"):
        if not shutil.which(tool):
            return f"there is no `{tool}`"
    if not mpirun_program():
        return "there is no `mpirun`"
    probe = f"{new_run_name()}-probe"
    try:
        ip("netns", "add", probe)
        ip("-n", probe, "link", "add", "e0", "type", "veth", "peer", "name", "e1")
    except RuntimeError as error:
        return str(error)
    finally:
        subprocess.run(["ip", "netns", "delete", probe], stderr=subprocess.DEVNULL)
    return ""


def skip_unless_possible():
    """Ends the program with ctest's "skipped" where there can be no hosts."""
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)


def leave_on_signals():
    """Makes signals that end the program unwind it, so that hosts are removed."""
    def leave(number, _):
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def names():
    lines = run_tool("ip", "netns", "list").splitlines()
    return [line.split()[0] for line in lines if line]


def kill_processes(namespace):
    """Kills what runs in a namespace, and waits until it is gone."""
    deadline = time.monotonic() + 10
    while pids := ip("netns", "pids", namespace).split():
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"{namespace}: processes {' '.join(pids)} do not end")
        time.sleep(0.01)


def destroy(run_name):
    """Removes a run's namespaces, processes and files, as far as there are any."""
    for namespace in names():
        if namespace.startswith(f"{run_name}-"):
            kill_processes(namespace)
            ip("netns", "delete", namespace)
    shutil.rmtree(run_folder(run_name), ignore_errors=True)


def clean():
    """Removes what runs that were killed have left; the names of those runs."""
    found = {}
    for name in names() + os.listdir(tempfile.gettempdir()):
        if match := re.match(r"(tutti-(\d+)-\d+)(-|$)", name):
            found[match[1]] = int(match[2])
    left = sorted(run for run, pid in found.items() if not os.path.exists(f"/proc/{pid}"))
    for run in left:
        destroy(run)
    return left
