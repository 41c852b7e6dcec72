"""The worker's ranks on several hosts, started without a launcher, and what they print.

  ranks = Ranks(hosts, [worker, "loop", "7"], places=[0, 0, 1])     # two on the first host
  ranks.wait_for(0, r"rank 0 running", seconds=10)
  os.kill(ranks.pid(1), signal.SIGKILL)

They meet by a unique id in a file, or, with `port`, as torchrun's environment says.
"""

import itertools
import os
import re
import signal
import time

numbers = itertools.count()


class Missing(AssertionError):
    """A line that should have been printed by now was not."""


class Ranks:
    """Their processes belong to `hosts`; kill() ends them earlier."""

    def __init__(self, hosts, argv, places, environment=None, port=None):
        self.places = places
        self._hosts = hosts
        self._argv = argv
        self._environment = environment or {}
        self._port = port
        self._name = os.path.join(hosts.folder, f"ranks{next(numbers)}")
        self._processes = [None] * len(places)

    def start(self, ranks=None):
        """Starts these ranks, or all."""
        for rank in self.all() if ranks is None else ranks:
            with open(self._output(rank), "w", encoding="utf-8") as file:
                self._processes[rank] = self._hosts.popen(
                    self.places[rank], self._argv + self._meeting_words(rank), stdout=file,
                    stderr=file, env={**os.environ, **self._environment, **self._variables(rank)})
        return self

    def all(self):
        return range(len(self.places))

    def on(self, host):
        return [rank for rank in self.all() if self.places[rank] == host]

    def pid(self, rank):
        return self._processes[rank].pid

    def text(self, rank):
        """What the rank has printed so far."""
        with open(self._output(rank), encoding="utf-8") as file:
            return file.read()

    def texts(self):
        return "".join(f"--- rank {rank}\n{self.text(rank)}" for rank in self.all())

    def wait_for(self, rank, pattern, seconds):
        """The match of a pattern in what the rank prints, within that time and while it lives."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self._processes[rank].poll() is not None
            if match := re.search(pattern, self.text(rank), re.M):
                return match
            if ended or time.monotonic() > deadline:
                how = "before it ended" if ended else f"in {seconds:.1f} s"
                raise Missing(f"rank {rank} has not printed '{pattern}' {how}")
            time.sleep(0.01)

    def status(self, rank, seconds):
        """The exit status of a rank that ends within that time."""
        return self._processes[rank].wait(timeout=seconds)

    def kill(self):
        for process in filter(None, self._processes):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _output(self, rank):
        return f"{self._name}.{rank}"

    def _meeting_words(self, rank):
        if self._port:
            return []
        return ["--id", f"{self._name}.id", str(rank), str(len(self.places))]

    def _variables(self, rank):
        if not self._port:
            return {}
        local = self.on(self.places[rank])
        return {"RANK": str(rank), "WORLD_SIZE": str(len(self.places)),
                "LOCAL_RANK": str(local.index(rank)), "LOCAL_WORLD_SIZE": str(len(local)),
                "MASTER_ADDR": self._hosts.address(self.places[0]),
                "MASTER_PORT": str(self._port)}
