"""Tables of scripts/gpu_check, in Markdown."""

import floors


def table(headings, rows):
    cells = [headings, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def size(count):
    for unit in ("", " Ki", " Mi"):
        if count < 1024:
            return f"{count}{unit}"
        count //= 1024
    return f"{count} Gi"


def microseconds(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def steps_table(outcomes):
    rows = [(name, outcome.state, f"{seconds:.1f}", outcome.detail)
            for name, outcome, seconds in outcomes]
    return table(["step", "outcome", "seconds", ""], rows)


def verdict(row, share):
    """What is asked of this row, and whether it is kept; "" when nothing is."""
    if row["graph"] and row["collective"] == "all_reduce" and row["ranks"] == 8:
        most = floors.SMALL_US.get(row["bytes"])
        if most:
            kept = row["time_us"]["median"] <= most
            return f"{'kept' if kept else 'MISSED'}: at most {most:g} µs"
    if share is not None and not row["graph"] and row["bytes"] == floors.LARGE:
        least = floors.SHARE * (1 if row["blocks"] == floors.BLOCKS else floors.SHARE_OF_FEW)
        kept = share >= least
        return f"{'kept' if kept else 'MISSED'}: at least {least:.0%}"
    return ""


def times_table(rows, copy_bytes_per_s):
    """Rows of `tutti perf --json` out of place, with the share that the floor's time has of theirs."""
    lines = []
    for row in rows:
        if row["in_place"]:
            continue
        time_us = row["time_us"]["median"]
        share = None
        if copy_bytes_per_s:
            floor = floors.floor_us(row["collective"], row["ranks"], row["bytes"], copy_bytes_per_s)
            share = floor / time_us
        lines.append((row["collective"], row["ranks"], row["blocks"], size(row["bytes"]),
                      "graph" if row["graph"] else "eager", microseconds(time_us),
                      "" if share is None else f"{share:.2f}", row["algorithm"],
                      verdict(row, share)))
    return table(["collective", "ranks", "blocks", "bytes", "mode", "µs", "share of floor", "ran", "asked"], lines)


def trainers_table(rows):
    lines = [(row["family"], row["model"], row["micro_batch"], f"{1e3 * row['seconds']:.1f}",
              f"{row['tokens_per_second']:.0f}", f"{row['mfu_causal']:.1%}", f"{row['mfu_full']:.1%}",
              f"{row['memory_bytes'] / 2**30:.1f}", f"{row['first_loss']:.3f}",
              f"{row['last_loss']:.3f}") for row in rows]
    return table(["family", "model", "micro-batch", "ms a step", "tokens/s", "MFU", "MFU, full",
                  "GiB", "first loss", "last loss"], lines)


def document(about, outcomes, *, threads=(), by_processes=(), copy_bytes_per_s=None, trainers=()):
    parts = [f"# {about['gpu']}", "",
             f"{about['date']}, commit {about['commit']}, {about['gpu']}, driver {about['driver']}.",
             "", "`scripts/gpu_check`: what was checked, and what came of it.", "",
             steps_table(outcomes)]
    if copy_bytes_per_s:
        parts += ["", f"A copy inside the GPU reads and writes {copy_bytes_per_s / 1e12:.2f} TB/s in this "
                      "run. The floor of a call is the time in which a copy would read all ranks' "
                      "inputs and write all their outputs once: ranks share the memory of one GPU, so "
                      "it is not to be compared with NVLink."]
    if threads:
        parts += ["", "## Ranks that are threads of one process", "",
                  "fp32, sum, out of place, results checked; median.", "",
                  times_table(threads, copy_bytes_per_s)]
    if by_processes:
        parts += ["", "## Ranks that are processes", "",
                  "Their kernels take turns on the GPU; this is about results, not times.", "",
                  times_table(by_processes, None)]
    if trainers:
        parts += ["", "## Trainers", "",
                  "`tutti-train --device gpu --precision bf16`, one rank, sequences of 2048 tokens; MFU of "
                  "the fastest product of matrices measured at the start, attention counted as causal, "
                  "and as full.", "", trainers_table(trainers)]
    return "\n".join(parts) + "\n"
