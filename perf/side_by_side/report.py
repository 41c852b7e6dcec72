"""Tables of measured rows: Markdown for people, JSON for programs (and for `run --report`)."""

import dataclasses
import datetime
import json
import os
import platform
import re
import statistics
import subprocess

import bars
from measure import Row

TITLES = {
    "tutti": "Tutti",
    "tutti_allocate": "Tutti, allocate",
    "openmpi": "Open MPI",
    "mpich": "MPICH",
    "gloo": "gloo",
    "limit_ordinary": "limit",
    "limit_streaming": "limit, streaming",
}


def machine():
    """Where and of what commit this run is."""
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "commit": output_of("git", "-C", os.path.dirname(__file__), "rev-parse", "--short", "HEAD"),
        "openmpi": "Open MPI " + output_of("mpirun.openmpi", "--version").split()[-1],
        "mpich": "MPICH " + output_of("mpichversion").split()[-1],
    }


def cpu_model():
    with open("/proc/cpuinfo") as file:
        found = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", file.read(), re.M))
    return "{} (family {}, model {})".format(
        found.get("model name", platform.machine()), found.get("cpu family", "?"),
        found.get("model", "?"))


def output_of(*command):
    """The first line that a command prints, or "unknown"."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip().split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def file_stem(about):
    cpu = re.sub(r"[^a-z0-9]+", "-", about["cpu"].split("(family")[0].lower()).strip("-")
    return f"{about['date']}-{cpu}-side_by_side"


def to_json(about, settings, rows):
    return json.dumps(
        {
            "about": about,
            "settings": settings,
            "rows": [rounded(dataclasses.asdict(row)) for row in rows],
            "bars": [dataclasses.asdict(outcome) for outcome in outcomes(settings, rows)],
        },
        indent=1,
    )


def rounded(value):
    """The same with four digits in every float: more would be noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def from_json(text):
    data = json.loads(text)
    return data["about"], data["settings"], [Row(**row) for row in data["rows"]]


def outcomes(settings, rows):
    return bars.evaluate(rows, len(settings["cores"]))


def exchange(rows):
    times = [time for row in rows for time in row.exchange if time is not None]
    return statistics.median(times) if times else None


def to_markdown(about, settings, rows):
    parts = [heading(about, settings, rows)]
    for ranks in sorted({row.ranks for row in rows}):
        for collective in dict.fromkeys(row.collective for row in rows):
            some = [r for r in rows if r.ranks == ranks and r.collective == collective]
            if some:
                parts.append(f"## {collective}, {ranks} ranks\n\n{table(some, settings)}")
                if any(name.startswith("tutti:") for row in some for name in row.times):
                    parts.append(algorithm_table(some))
    found = [outcome for outcome in outcomes(settings, rows) if outcome.passed is not None]
    if found:
        parts.append(f"## Bars\n\n{bar_table(found)}")
    return "\n\n".join(parts) + "\n"


def heading(about, settings, rows):
    cores = ", ".join(map(str, settings["cores"]))
    measured = exchange(rows)
    lines = [
        "# Tutti and its peers, side by side",
        "",
        f"{about['date']}, commit {about['commit']}, {about['cpu']}, {about['cores']} cores "
        f"(used: {cores}), {about['memory_gib']} GiB, Linux {about['kernel']}. "
        f"{about['openmpi']}, {about['mpich']}.",
        "",
        "fp32, sum, out of place, ranks pinned, results checked. Microseconds per operation: "
        f"{settings['figure']} of {settings['repetitions']} interleaved rounds, in each the "
        f"{settings['figure']} of the slowest rank's times. To 4 KiB operations are timed in "
        "batches, beyond that each on its own from a common start with freshly written inputs. "
        "Ratio: the peer's time by Tutti's, the peer being the faster of Open MPI and MPICH, or "
        "Open MPI where ranks outnumber cores.",
    ]
    if settings["peer_env"] == "fair":
        lines.append("malloc keeps its memory mapped (MALLOC_MMAP_MAX_=0 and so on), for all.")
    if measured:
        lines.append(f"Two cores exchange a cache line in {measured * 1000:.0f} ns.")
    # The run itself keeps the cores busy, and no more than that.
    if max(settings["load"]) > len(settings["cores"]) + 1:
        lines.append("**The machine was not quiet**: load {:.1f} before, {:.1f} after the run; do "
                     "not trust the figures.".format(*settings["load"]))
    return "\n".join(lines)


def table(rows, settings):
    cores = len(settings["cores"])
    present = [name for name in TITLES if any(name in row.times for row in rows)]
    ours = [name for name in ("tutti", "tutti_allocate") if name in present]
    header = ["bytes", *(TITLES[name] for name in present)]
    header += ["ratio" if name == "tutti" else "ratio, allocate" for name in ours]
    header += ["chosen"] if "tutti" in present else []
    lines = []
    for row in rows:
        cells = [bars.size_name(row.bytes), *(figure(row.times.get(name)) for name in present)]
        cells += [figure(bars.ratio(row, name, cores)) for name in ours]
        cells += [row.chosen.get("tutti", "-")] if "tutti" in present else []
        lines.append(cells)
    means = [bars.geomean([v for r in rows if (v := bars.ratio(r, name, cores))]) for name in ours]
    if ours:
        lines.append(["geomean", *[""] * len(present), *map(figure, means), ""])
    return markdown_table(header, lines)


def algorithm_table(rows):
    """Each forced algorithm, the best one in bold, and whether the one chosen is as good."""
    names = list(dict.fromkeys(n for row in rows for n in row.times if n.startswith("tutti:")))
    lines = []
    for row in rows:
        times = {name: row.times[name] for name in names if name in row.times}
        if not times:
            continue
        best = min(times, key=times.get)
        cells = [f"**{figure(t)}**" if name == best else figure(t)
                 for name, t in ((name, times.get(name)) for name in names)]
        lines.append([bars.size_name(row.bytes), *cells, judge_choice(row, best)])
    header = ["bytes", *(name.removeprefix("tutti:") for name in names), "chosen"]
    return markdown_table(header, lines)


def judge_choice(row, best):
    """The algorithm chosen, and if another is more than a tenth faster, which."""
    chosen = row.chosen.get("tutti", "-")
    own = row.times.get(f"tutti:{chosen}", row.times.get("tutti"))
    if own is None or own <= 1.1 * row.times[best]:
        return chosen
    return f"{chosen}, {best.removeprefix('tutti:')} is {own / row.times[best]:.2f}× faster"


def bar_table(found):
    words = {True: "PASS", False: "FAIL", None: "-"}
    lines = [[words[o.passed], o.bar, figure(o.value), figure(o.limit), o.where] for o in found]
    return markdown_table(["", "bar", "found", "asked", "lowest"], lines)


def markdown_table(header, lines):
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
        for line in [header, rule, *lines])


def figure(value):
    """Three digits, as many as such a measurement is good for."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
