"""Measures points: all libraries at one collective, size and number of ranks, interleaved.

A *sample* is one command to one library: some iterations, each the slowest rank's time, and their
median. A *round* takes one sample of each library, in an order that changes from round to round.
The figure of a library at a point is the median over rounds. (On a busy machine, --figure least
takes the least instead, twice: for a first look, not for the bars.)
"""

import statistics
from dataclasses import dataclass, field

from groups import Group, GroupError

SMALL_BYTES = 4096  # to here, operations are timed in batches
BATCH = 100
BATCH_SLOW = 10  # of operations that take more than SLOW_US
SLOW_US = 20
MOST_ITERATIONS = 300


@dataclass(frozen=True)
class Contender:
    """A column of the tables: a library in one of its ways."""

    name: str
    library: str
    memory: str = "malloc"
    algorithm: str = ""


@dataclass
class Row:
    """What was measured at one point. Times in microseconds, by the name of the contender."""

    collective: str
    ranks: int
    bytes: int
    times: dict = field(default_factory=dict)
    samples: dict = field(default_factory=dict)
    chosen: dict = field(default_factory=dict)
    exchange: list = field(default_factory=list)  # of cache lines between the cores, per round


class Bench:
    """Owns the groups of one number of ranks."""

    def __init__(self, settings, ranks, say):
        self._settings = settings
        self._ranks = ranks
        self._say = say
        self._groups = {}
        self._failed = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for group in self._groups.values():
            group.close()

    def measure(self, collective, size, contenders):
        row = Row(collective, self._ranks, size)
        plans = {}
        for contender in contenders:
            plan = self._plan(row, contender)
            if plan:
                plans[contender] = plan
        for number in range(self._settings.repetitions):
            row.exchange.append(self._exchange())
            for contender in turn(list(plans), number):
                sample = self._sample(row, contender, plans[contender], warmup=2)
                row.samples.setdefault(contender.name, []).append(sample)
        for name, samples in row.samples.items():
            kept = [s for s in steady(samples, row.exchange) if s is not None]
            if kept:
                row.times[name] = self._settings.figure(kept)
        return row

    def algorithms(self, collective):
        """The names of Tutti's algorithms that can be forced."""
        group = self._group(Contender("tutti", "tutti"))
        return group.command(f"algorithms {collective}")[0].split() if group else []

    def _plan(self, row, contender):
        """Iterations and batch of a sample that takes the time set for it; None if it fails."""
        batch = BATCH_SLOW if row.bytes <= SMALL_BYTES else 1
        estimate = self._sample(row, contender, (1, batch), warmup=1)
        if estimate is None:
            return None
        if batch > 1 and estimate <= SLOW_US:
            batch = BATCH
        # Rewriting the input takes time too: about a microsecond for 8 KiB.
        each_us = batch * estimate + (row.bytes / 8192 if batch == 1 else 0)
        iterations = int(self._settings.sample_ms * 1000 / each_us)
        return max(2, min(MOST_ITERATIONS, iterations)), batch

    def _sample(self, row, contender, plan, warmup):
        iterations, batch = plan
        group = self._group(contender)
        if group is None:
            return None
        line = f"run {row.collective} {row.bytes} {iterations} {warmup} {batch} {contender.memory}"
        try:
            answers = [answer.split() for answer in group.command(line)]
        except GroupError as error:
            self._fail(contender, error)
            return None
        row.chosen[contender.name] = answers[0][0]
        slowest = [max(map(float, times)) for times in zip(*(answer[1:] for answer in answers))]
        return self._settings.figure(slowest) / 1000

    def _exchange(self):
        limit = Contender("limit", "limit")
        probe = Row("exchange", 2, 64)
        return self._sample(probe, limit, (20, 200), warmup=2) if self._has_limit() else None

    def _has_limit(self):
        return "limit" in self._settings.libraries and len(self._settings.cores) > 1

    def _group(self, contender):
        key = (contender.library, contender.algorithm)
        if key in self._failed:
            return None
        if key not in self._groups:
            environment = {"TUTTI_ALGORITHM": contender.algorithm} if contender.algorithm else {}
            try:
                self._groups[key] = Group(
                    self._settings, contender.library, self._ranks, environment
                )
            except GroupError as error:
                self._fail(contender, error)
                return None
        return self._groups[key]

    def _fail(self, contender, error):
        """Loud, and the group is out of step now: it takes no further part."""
        self._say(f"\n*** {error}\n")
        key = (contender.library, contender.algorithm)
        self._failed.add(key)
        if key in self._groups:
            self._groups.pop(key).close()

    @property
    def failures(self):
        return sorted(" ".join(filter(None, key)) for key in self._failed)


def turn(contenders, number):
    """The order of round `number`: begins with another one each time, half of them backwards."""
    if number % 2:
        contenders = contenders[::-1]
    start = (number // 2) % max(1, len(contenders))
    return contenders[start:] + contenders[:start]


def steady(samples, exchange):
    """Without the rounds in which the cores were in another state (two threads of one core, or one
    of them taken away), unless those are most."""
    known = [e for e in exchange if e is not None]
    if not known:
        return samples
    usual = statistics.median(known)
    kept = [s for s, e in zip(samples, exchange) if e is None or 0.6 * usual < e < 2 * usual]
    return kept if 2 * len(kept) > len(samples) else samples
