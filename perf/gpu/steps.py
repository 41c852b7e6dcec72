"""Steps of a check, each with a limit of time, and what came of them."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass

OK = "ok"
FAILED = "FAILED"
NOT_BUILT = "not built"
NOT_HERE = "not here"
NO_TIME = "no time left"


@dataclass
class Outcome:
    state: str
    detail: str = ""


@dataclass
class Finished:
    """A program that has ended; code is None when it was stopped at its limit."""
    code: int | None
    output: str

    def ok(self):
        return self.code == 0

    def why(self):
        """The end of what it said."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        said = lines[-1].strip()[:200] if lines else "it said nothing"
        if self.code is None:
            return f"stopped at its limit: {said}"
        return f"exit code {self.code}: {said}"


class Steps:
    """Runs steps one by one until the time for all is over."""

    def __init__(self, seconds, say=print):
        self._end = time.monotonic() + seconds
        self._say = say
        self.outcomes = []  # (name, Outcome, seconds)

    def run(self, name, limit_s, step):
        """`step` gets the seconds that it may take, and answers an Outcome."""
        began = time.monotonic()
        left = self._end - began
        if left < 1:
            outcome = Outcome(NO_TIME)
        else:
            self._say(f"== {name}")
            outcome = step(min(limit_s, left))
        seconds = time.monotonic() - began
        self.outcomes.append((name, outcome, seconds))
        self._say(f"   {outcome.state} {outcome.detail} ({seconds:.1f} s)")
        return outcome

    def failed(self):
        return [name for name, outcome, _ in self.outcomes if outcome.state in (FAILED, NO_TIME)]


def environment_with(environment):
    return {**os.environ, **(environment or {})}


def run(command, limit_s, environment=None, folder=None):
    """The command, in a session of its own which is ended whole at the limit."""
    return run_together([command], limit_s, [environment], folder)[0]


def run_together(commands, limit_s, environments=None, folder=None):
    """Several at once, as ranks: at the limit, or soon after one has failed, all are ended."""
    environments = environments or [None] * len(commands)
    processes = [_start(*one, folder) for one in zip(commands, environments)]
    end = time.monotonic() + limit_s
    try:
        while any(p.poll() is None for p in processes) and time.monotonic() < end:
            if any(p.poll() not in (None, 0) for p in processes):
                end = min(end, time.monotonic() + 10)  # let the others say what they miss
            time.sleep(0.05)
        return [_finish(process) for process in processes]
    finally:
        for process in processes:
            _end(process)
            process.log.close()


def _start(command, environment, folder):
    log = os.memfd_create("output")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                               env=environment_with(environment), start_new_session=True)
    process.log = os.fdopen(log, "rb")
    return process


def _finish(process):
    code = process.poll()
    if code is None:
        _end(process)
    process.log.seek(0)
    return Finished(code, process.log.read().decode(errors="replace"))


def _end(process):
    """The process and whatever it started, which is in its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
