"""The bars that Tutti must clear, and whether it did. Pure functions of measured rows.

A ratio is a peer's time divided by Tutti's, at one point: above 1, Tutti is faster. At two ranks
the peer is the faster of Open MPI and MPICH; with more ranks than cores it is Open MPI, since MPICH
does not yield and needs milliseconds.
"""

import math
import statistics
from dataclasses import dataclass

KI, MI = 1 << 10, 1 << 20
BANDWIDTH_BYTES = 64 * MI

COLLECTIVES = ["all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast", "reduce"]


@dataclass(frozen=True)
class Outcome:
    """`value` is the figure found, `limit` the bar; passed is None where nothing was measured."""

    bar: str
    value: float | None
    limit: float
    passed: bool | None
    where: str = ""


def peer_time(row, cores):
    """The time to compare with, or None."""
    names = ["openmpi"] if row.ranks > cores else ["openmpi", "mpich"]
    times = [row.times[name] for name in names if name in row.times]
    return min(times) if times else None


def ratio(row, ours, cores):
    """How many times faster the contender `ours` is than the peer at this row, or None."""
    peer = peer_time(row, cores)
    return peer / row.times[ours] if peer and ours in row.times else None


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def at_least(bar, value, limit, where=""):
    return Outcome(bar, value, limit, None if value is None else value >= limit, where)


def lowest(bar, pairs, limit):
    """All of the (ratio, row) at least `limit`: the lowest decides, and the outcome says where."""
    if not pairs:
        return Outcome(bar, None, limit, None)
    value, row = min(pairs, key=lambda pair: pair[0])
    return at_least(bar, value, limit, f"{row.collective} at {size_name(row.bytes)}")


def evaluate(rows, cores):
    """All outcomes, in the order of the bars."""
    pair = [row for row in rows if row.ranks == 2]
    outcomes = []
    for collective in COLLECTIVES:
        outcomes += collective_bars(collective, pair, cores)
        if collective == "all_reduce":
            outcomes += [exchange_bar(pair), *allocate_bars(pair, cores)]
    return outcomes + crowded_bars([row for row in rows if row.ranks > cores], cores)


def collective_bars(collective, rows, cores):
    mean, point = (2.0, 1.0) if collective in ("all_reduce", "reduce_scatter") else (1.3, 0.9)
    large = {"all_reduce": 2.0, "all_gather": 1.8, "all_to_all": 1.8}.get(collective)
    pairs = ratios(rows, collective, "tutti", cores)
    outcomes = [
        at_least(f"{collective}: geomean", geomean([value for value, _ in pairs]), mean),
        lowest(f"{collective}: every point", pairs, point),
    ]
    if large:
        big = [pair for pair in pairs if pair[1].bytes >= BANDWIDTH_BYTES]
        outcomes.append(lowest(f"{collective}: from 64 MiB", big, large))
    return outcomes


def exchange_bar(rows):
    """Against the exchanges measured in the same rounds: their cost depends on where the machine
    runs its cores at the time."""
    bar = "all_reduce: 8 B, in exchanges of a cache line (at most)"
    for row in rows:
        exchanges = [time for time in row.exchange if time is not None]
        if row.collective == "all_reduce" and row.bytes == 8 and "tutti" in row.times and exchanges:
            value = row.times["tutti"] / statistics.median(exchanges)
            return Outcome(bar, value, 1.5, value <= 1.5)
    return Outcome(bar, None, 1.5, None)


def allocate_bars(rows, cores):
    rows = [row for row in rows if row.bytes >= 64 * KI]
    pairs = ratios(rows, "all_reduce", "tutti_allocate", cores)
    rates = [(limit_time(row) / row.times["tutti_allocate"], row) for _, row in pairs
             if limit_time(row)]
    return [
        lowest("all_reduce, allocate, from 64 KiB: every point", pairs, 3.0),
        lowest("all_reduce, allocate, from 64 KiB: share of bare traffic", rates, 0.75),
    ]


def crowded_bars(rows, cores):
    pairs = [pair for collective in COLLECTIVES
             for pair in ratios(rows, collective, "tutti", cores)]
    return [
        at_least("more ranks than cores: geomean", geomean([value for value, _ in pairs]), 2.0),
        lowest("more ranks than cores: every point", pairs, 1.0),
    ]


def limit_time(row):
    """Bare memory traffic of an all_reduce: the better kind of stores."""
    times = [row.times[name] for name in ("limit_ordinary", "limit_streaming") if name in row.times]
    return min(times) if times else None


def ratios(rows, collective, ours, cores):
    pairs = [(ratio(row, ours, cores), row) for row in rows if row.collective == collective]
    return [pair for pair in pairs if pair[0] is not None]


def size_name(size):
    """"8", "1 Ki", "64 Mi"."""
    for unit, name in ((MI, " Mi"), (KI, " Ki")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)
