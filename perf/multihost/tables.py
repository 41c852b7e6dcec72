"""Tables and bars of points measured between hosts. Pure functions."""

import dataclasses
import json
import math

import bars
import report
from cases import Point

HEADING = """# Between hosts: Tutti and Open MPI in one run

{date}, commit {commit}, {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}. {openmpi} over TCP.

Hosts are network namespaces of this machine, joined by a bridge (tests/multihost). fp32, sum, out
of place, results checked. Microseconds per operation: the median over rounds ({rounds}), in each
the median of iterations in which the libraries take turns. Runs with unlimited bandwidth waited, at
most 40 s, until the virtual cores were not threads of one. Ratio: Open MPI's time by Tutti's."""


def to_json(about, settings, points):
    rows = [report.rounded(dataclasses.asdict(point)) for point in points]
    return json.dumps({"about": about, "settings": settings, "points": rows}, indent=1)


def from_json(text):
    data = json.loads(text)
    return data["about"], data["settings"], [Point(**row) for row in data["points"]]


def to_markdown(about, settings, cases, points):
    parts = [HEADING.format(**about, **settings)]
    if max(settings["load"]) > about["cores"] + 2:
        parts.append("**The machine was not quiet**: load {:.1f} before, {:.1f} after the run; do "
                     "not trust the figures.".format(*settings["load"]))
    for case in cases.values():
        mine = [point for point in points if point.case == case.name]
        if mine:
            parts.append(f"## {case.title}\n\n{table(case, mine)}")
    found = [outcome for outcome in outcomes(cases, points) if outcome.passed is not None]
    if found:
        parts.append(f"## Bars\n\n{report.bar_table(found)}")
    return "\n\n".join(parts) + "\n"


def table(case, points):
    measured = {"share": ["share of the bound", "Open MPI's share"],
                "delays": ["one-way delays", "Open MPI's delays"]}.get(case.measure, [])
    header = ["run", "collective", "bytes", "Tutti", "Open MPI", "ratio", *measured, "chosen"]
    lines = [[point.run, point.collective, bars.size_name(point.bytes),
              report.figure(point.tutti), report.figure(point.openmpi),
              report.figure(ratio(point)),
              *(report.figure(compare(case, point, time))
                for time in (point.tutti, point.openmpi) if measured),
              point.chosen] for point in points]
    return report.markdown_table(header, lines)


def ratio(point):
    return point.openmpi / point.tutti if point.openmpi and point.tutti else None


def compare(case, point, time):
    """The time as a share of the bound, or as a number of delays."""
    reference = next(run.reference_us for run in case.runs if run.name == point.run)
    if not time or not reference:
        return None
    return reference / time if case.measure == "share" else time / reference


def outcomes(cases, points):
    of = {name: [point for point in points if point.case == name] for name in cases}
    return [*veth_bars(of.get("veth", [])), *shaped_bars(cases, of.get("shaped", [])),
            *delay_bars(cases, of), *rails_bars(of.get("rails", []))]


def veth_bars(points):
    large = [(ratio(p), p) for p in points if p.bytes > 8 and ratio(p)]
    small = [(ratio(p), p) for p in points if p.bytes == 8 and ratio(p)]
    mean = bars.geomean([value for value, _ in large])
    return [bars.at_least("from 64 KiB: geomean", mean, 1.3),
            bars.lowest("from 64 KiB: every point", large, 1.0),
            bars.lowest("8 B: every collective", small, 1.0)]


def shaped_bars(cases, points):
    return [bars.at_least(f"64 MiB at 1 Gbit/s, {p.run}: share of the bound",
                          compare(cases["shaped"], p, p.tutti), 0.9)
            for p in points if "flat" not in p.run]


def delay_bars(cases, of):
    """Those who can talk to one host at a time need log2 of the hosts, and two hosts need one."""
    for name in ("delay2", "delay4"):
        for point in of.get(name, []):
            found = compare(cases[name], point, point.tutti)
            most = 1.2 * math.ceil(math.log2(len(cases[name].slots)))
            yield bars.Outcome(f"8 B, {len(cases[name].slots)} hosts: one-way delays (at most)",
                               found, most, found is not None and found <= most)


def rails_bars(points):
    times = {point.run: point.tutti for point in points}
    one, two = times.get("one device"), times.get("two devices")
    return [bars.at_least("64 MiB: two devices by one", one / two if one and two else None, 1.8)]
