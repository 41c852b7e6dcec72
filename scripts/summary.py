#!/usr/bin/env python3
"""Prints the JSON of `tutti perf --vs mpi` runs as one short table, both libraries side by side.

    scripts/summary.py RUN.json…

Exits with 1 when a result was wrong, or nothing was checked.
"""

import json
import sys


def size(count):
    for unit in ("", " Ki", " Mi"):
        if count < 1024:
            return f"{count}{unit}"
        count //= 1024
    return f"{count} Gi"


def microseconds(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def compared(results):
    """Out-of-place results that have the other library beside them, in their order."""
    return [r for r in results if "vs" in r and not r["in_place"]]


def side_by_side(results):
    rows = compared(results)
    if not rows:
        return
    library = rows[0]["vs"]["library"]
    print(f"{rows[0]['ranks']} ranks, {rows[0]['type']}; median time in microseconds\n")
    print(f"{'collective':<16}{'bytes':>8}  {'algorithm':<20}{'Tutti':>10}{library:>20}{'ratio':>8}")
    for row in rows:
        print(f"{row['collective']:<16}{size(row['bytes']):>8}  {row['algorithm']:<20}"
              f"{microseconds(row['time_us']['median']):>10}"
              f"{microseconds(row['vs']['time_us']['median']):>20}"
              f"{row['vs']['ratio']:>8.2f}")
    print(f"\nratio: {library}'s time by Tutti's; above 1 Tutti is faster.")


def main(paths):
    results = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            results += json.load(file)["results"]
    side_by_side(results)
    checked = [r for r in results if r["errors"] is not None]
    wrong = [r for r in checked if r["errors"] > 0]
    kinds = {(r["collective"], r["type"], r["op"]) for r in checked}
    print(f"{len(checked)} results checked, over {len(kinds)} combinations of collective, type and "
          f"reduction: {len(wrong)} wrong.")
    return 0 if checked and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
