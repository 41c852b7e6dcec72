"""The tables of perf/choice/run, from its document."""

import statistics


def to_markdown(document):
    lines = ["# Choices and predictions", "", *about(document), ""]
    for case in document["cases"]:
        lines += case_lines(case)
    return "\n".join(lines) + "\n"


def about(document):
    load = ", ".join(f"{value:.1f}" for value in document["load"])
    return [*(f"{name}: {value}  " for name, value in document["machine"].items()),
            f"load before and after: {load}"]


def case_lines(case):
    regrets, errors, rows = [], [], []
    for call in case["calls"]:
        measured = [c for c in call["candidates"] if "measured_us" in c and "predicted_us" in c]
        if not measured:
            continue
        chosen, best = measured[0], min(measured, key=lambda c: c["measured_us"])
        regrets.append(chosen["measured_us"] / best["measured_us"])
        errors += [abs(c["predicted_us"] / c["measured_us"] - 1) for c in measured]
        rows.append([call["collective"], size(call["bytes"]), chosen["algorithm"],
                     figure(chosen["measured_us"]), figure(chosen["predicted_us"]),
                     best["algorithm"], figure(best["measured_us"]), f"{regrets[-1]:.2f}"])
    heading = ["collective", "bytes", "chosen", "measured (us)", "predicted (us)", "fastest",
               "measured (us)", "regret"]
    return [f"## {case['title']}", "",
            f"Regret: median {statistics.median(regrets):.2f}, worst {max(regrets):.2f}, "
            f"{len(regrets)} calls. Prediction of all {len(errors)} candidates: median error "
            f"{100 * statistics.median(errors):.0f} %, 90th percentile "
            f"{100 * percentile(errors, 0.9):.0f} %.", "",
            row(heading), row(["---"] * len(heading)), *map(row, rows), ""]


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def row(cells):
    return "| " + " | ".join(cells) + " |"


def size(count):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} B"


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
