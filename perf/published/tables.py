"""The tables of perf/published/run, from its document."""

import statistics

from studies import LEAST_OF_BAR


def error(row):
    return row["predicted_busbw"] / row["busbw"] - 1


def reported(study):
    """Rows that did not calibrate, of the sizes that the bar is about."""
    return [row for row in study["rows"]
            if not row["calibrates"] and row["bytes"] >= LEAST_OF_BAR]


def errors(rows):
    return [abs(error(row)) for row in rows]


def in_bar(document):
    return [row for study in document["studies"] if study["in_bar"] for row in reported(study)]


def calibrating(document):
    return [row for study in document["studies"] if study["in_bar"] for row in study["rows"]
            if row["calibrates"]]


def to_markdown(document):
    lines = ["# The simulator and published measurements", "",
             f"{document['date']}, commit {document['commit']}. "
             f"Calls are cut by: {document['cut']}.", ""]
    if in_bar(document):
        lines += [f"DGX A100 and DGX H100, all_reduce of at least 16 MiB, rows that did not "
                  f"calibrate: {words(errors(in_bar(document)))}. Rows that did: "
                  f"{words(errors(calibrating(document)))}.", ""]
    heading = ["machine", *NUMBERS.values(), "rows", "median error", "largest"]
    lines += [row(heading), row(["---", *["--:"] * (len(heading) - 1)])]
    lines += [row(summary_cells(study)) for study in document["studies"]]
    lines += ["", "Rows: of at least 16 MiB, without those that calibrated. Errors are of bus "
                  "bandwidth. Numbers in brackets are not fitted: of another machine of the table, "
                  "or assumed."]
    for study in document["studies"]:
        lines += study_lines(study)
    return "\n".join(lines) + "\n"


NUMBERS = {"latency": "latency (us)", "efficiency": "efficiency",
           "net_latency": "of the network (us)", "net_efficiency": "efficiency"}


def summary_cells(study):
    found = errors(reported(study))
    return [study["title"], *(number(study, name) for name in NUMBERS), str(len(found)),
            percent(statistics.median(found)), percent(max(found))]


def number(study, name):
    has_network = any(row["nodes"] > 1 for row in study["rows"])
    if name.startswith("net_") and not has_network:
        return ""
    text = f"{study['numbers'][name]:.2f}"
    return text if name in study["free"] else f"({text})"


def summary(study):
    return f"{study['title']}: {words(errors(reported(study)))}"


def words(found):
    return (f"median error {percent(statistics.median(found))}, largest {percent(max(found))}, "
            f"{len(found)} row{'' if len(found) == 1 else 's'}")


def study_lines(study):
    sources = sorted({row["source"] for row in study["rows"]})
    lines = ["", f"## {study['title']}", "", f"Source: {', '.join(sources)}."]
    if study["rule"]:
        lines += [f"Calibrated on {study['rule']}."]
    if study["remark"]:
        lines += [study["remark"]]
    heading = ["collective", "hosts", "ranks", "bytes", "measured (us)", "predicted (us)",
               "measured busbw (GB/s)", "predicted", "error", ""]
    lines += ["", row(heading), row(["---", *["--:"] * (len(heading) - 2), "---"])]
    return lines + [row(cells(one)) for one in study["rows"]]


def cells(one):
    return [one["collective"], str(one["nodes"]), str(one["ranks"]), size(one["bytes"]),
            figure(one["time_us"]), figure(one["predicted_us"]), figure(one["busbw"]),
            figure(one["predicted_busbw"]), f"{100 * error(one):+.0f} %",
            "calibrates" if one["calibrates"] else ""]


def row(columns):
    return "| " + " | ".join(columns) + " |"


def size(count):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:g} {name}"
    return f"{count} B"


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percent(value):
    return f"{100 * value:.0f} %"
