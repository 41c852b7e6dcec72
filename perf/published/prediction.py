"""What the simulator predicts of measured calls, and the numbers with which it does so best.

Calls run as NCCL runs them: inside a host a ring, between hosts a ring for each network port
(rings.py), all_to_all as direct messages. How they are cut is in cuts.py.
"""

import csv
import dataclasses
import json
import os
import subprocess

import cuts
import fitting
import rings
from studies import STUDIES, Numbers, Row, numbers_with

RUN_SECONDS = 300


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [to_row(fields) for fields in csv.DictReader(file)]


def to_row(fields):
    """Sources give the time, the bus bandwidth, or both; times have more digits."""
    ranks, size = int(fields["ranks"]), int(fields["bytes"])
    carried = size * bus_factor(fields["collective"], ranks) / 1e3  # bytes; GB/s are 1e3 B/us
    time = float(fields["time_us"] or carried / float(fields["busbw_GBps"]))
    return Row(fields["series"], fields["source"], int(fields["nodes"]), ranks,
               fields["collective"], size, time, carried / time, fields["note"])


def bus_factor(collective, ranks):
    """Bus bandwidth by algorithm bandwidth, as nccl-tests has it."""
    passes = {"all_reduce": 2, "all_gather": 1, "reduce_scatter": 1, "all_to_all": 1}
    return passes[collective] * (ranks - 1) / ranks


class Simulator:
    def __init__(self, program, folder, cut):
        self._program = program
        self._folder = folder
        self._cut = cuts.CUTS[cut]

    def times(self, study, numbers, rows):
        """Microseconds of each row; calls that differ only in size are simulated in one run."""
        alike = {}
        for row in rows:
            words = ("--cluster", study.cluster(numbers, row.nodes, row.ranks), *self._call(row))
            alike.setdefault(words, []).append(row)
        found = {}
        for words, members in alike.items():
            sizes = ",".join(str(row.bytes) for row in members)
            results = run([self._program, "sim", "--json", *words, "--size", sizes])
            found |= zip(members, results, strict=True)
        return [found[row] for row in rows]

    def _call(self, row):
        if row.collective == "all_to_all":
            return "--collective", row.collective, "--algorithm", "all_pairs"
        if row.nodes == 1:
            return ("--collective", row.collective, "--algorithm", "ring",
                    *self._cut(row.bytes // row.ranks, cuts.CHANNELS))
        rings_each = row.ranks // row.nodes
        return ("--schedule", self._rings(row.nodes, rings_each),
                *self._cut(row.bytes // row.ranks // rings_each, cuts.CHANNELS // rings_each))

    def _rings(self, hosts, per_host):
        path = os.path.join(self._folder, f"rings-{hosts}-{per_host}.xml")
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(rings.all_reduce(hosts, per_host))
        return path


def run(line):
    done = subprocess.run(line, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(line)}: exit status {done.returncode}\n{done.stderr}")
    return [result["time_us"] for result in json.loads(done.stdout)["results"]]


def predict(study, rows, simulator):
    """What a document says of a study: its numbers, and its rows with what was predicted."""
    own = [row for row in rows if row.series == study.series]
    numbers = calibrate(study, rows, simulator)
    times = simulator.times(study, numbers, own)
    return {"series": study.series, "title": study.title, "in_bar": study.in_bar,
            "rule": study.rule, "inherits": study.inherits, "remark": study.remark,
            "free": study.free, "numbers": dataclasses.asdict(numbers),
            "rows": [{**dataclasses.asdict(row), "calibrates": study.calibrates(row),
                      "predicted_us": time, "predicted_busbw": row.busbw * row.time_us / time}
                     for row, time in zip(own, times, strict=True)]}


def calibrate(study, rows, simulator):
    """The numbers of a study, after those of the one that it inherits from."""
    start = Numbers()
    if study.inherits:
        parent = next(other for other in STUDIES if other.series == study.inherits)
        start = calibrate(parent, rows, simulator)
    chosen = [row for row in rows if row.series == study.series and study.calibrates(row)]
    if not study.free:
        return start
    measured = [row.time_us for row in chosen]

    def cost(values):
        times = simulator.times(study, numbers_with(start, study.free, values), chosen)
        return fitting.cost(times, measured)
    first = [getattr(FIRST, name) for name in study.free]
    return numbers_with(start, study.free, fitting.fit(cost, first))


# Where fits begin: NCCL's cost model has 3.4 us for a step of a ring over NVLink, and 14 us for one
# over a network.
FIRST = Numbers(latency=3.4, efficiency=0.9, net_latency=14, net_efficiency=0.9)
