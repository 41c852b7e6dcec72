"""A rank or a host is lost at a random moment of a running collective; the others learn whom within
seconds, and go on without.

Usage: faults_test.py WORKER FAULT [--repetitions N] [--seed N]

FAULT is one of kill, stop, cut, lose, vanish. Every repetition starts its ranks anew, in turn one
on each of three hosts, and two on one and one on another. Prints the times from the fault until
each survivor's error, and until it had computed in the shrunk communicator.
"""

import argparse
import os
import random
import re
import signal
import statistics
import sys
import time

import hosts
import namespaces
from ranks import Ranks

PLACES = ([0, 1, 2], [0, 0, 1])
DETECTED_WITHIN = 3.0
SLACK = 1.0  # more ranks than cores, and the time to print
START_TIMEOUT = 5.0  # also shrink()'s
MOST_FAILURES = 3

FAULTS = {
    "kill": "a rank is killed",
    "stop": "a rank is stopped (SIGSTOP)",
    "cut": "a host's cable is pulled",
    "lose": "all of a host's packets are lost",
    "vanish": "a host loses its cable and all its processes",
}


def inflict(fault, group, ranks, choose):
    """Does it. The ranks that are apart afterwards: sets of those who still have each other."""
    if fault in ("kill", "stop"):
        victim = choose.choice(ranks.all())
        os.kill(ranks.pid(victim), signal.SIGKILL if fault == "kill" else signal.SIGSTOP)
        return [set(ranks.all()) - {victim}]
    host = choose.choice(sorted(set(ranks.places)))
    inside, outside = set(ranks.on(host)), set(ranks.all()) - set(ranks.on(host))
    if fault == "lose":
        group.lose(host)
    else:
        group.cut(host)
    if fault != "vanish":
        return [inside, outside]
    group.kill_all(host)
    return [outside]


class Repetition:
    def __init__(self, fault, group, worker, number, seed):
        self._fault = fault
        self._group = group
        self._choose = random.Random(f"{seed}-{number}")
        self.ranks = Ranks(group, [worker, "loop", str(seed + number)],
                           places=PLACES[number % len(PLACES)],
                           environment={"TUTTI_START_TIMEOUT": str(START_TIMEOUT)})
        self.detected = []
        self.shrunk = []

    def run(self):
        """Raises AssertionError when something is not as it must be."""
        try:
            self.ranks.start()
            for rank in self.ranks.all():
                self.ranks.wait_for(rank, "running$", seconds=START_TIMEOUT + 10)
            time.sleep(self._choose.uniform(0, 0.5))
            begun = time.monotonic()
            sides = inflict(self._fault, self._group, self.ranks, self._choose)
            self._expect_errors(begun, sides)
            self._expect_survivors(begun, sides)
        finally:
            self.ranks.kill()
            for host in range(len(self._group)):
                self._group.heal(host)

    def _expect_errors(self, begun, sides):
        limit = DETECTED_WITHIN + SLACK
        for side in sides:
            lost = set(self.ranks.all()) - side
            for rank in side:
                left = max(0.1, begun + limit - time.monotonic())
                match = self.ranks.wait_for(rank, r"^rank \d+ error at ([\d.]+) s: (.*)$", left)
                took = float(match[1]) - begun
                self.detected.append(took)
                check(took <= limit, f"rank {rank} took {took:.2f} s to notice")
                named = {int(number) for number in re.findall(r"\brank (\d+)", match[2])}
                check(named & lost, f"rank {rank} names none of {sorted(lost)}: {match[2]}")
                check(re.search(r"\w+ #\d+", match[2]), f"rank {rank} names no call: {match[2]}")

    def _expect_survivors(self, begun, sides):
        for side in sides:
            for rank in side:
                match = self.ranks.wait_for(rank, r"^rank \d+ (?:not )?shrunk at ([\d.]+) s(.*)$",
                                            START_TIMEOUT + 5)
                expected = " to " + ",".join(map(str, sorted(side)))
                check(match[2] == expected, f"rank {rank}: expected '{expected}': {match[0]}")
                check(self.ranks.status(rank, seconds=5) == 0, f"rank {rank} did not end well")
                self.shrunk.append(float(match[1]) - begun)


def check(right, what):
    if not right:
        raise AssertionError(what)


def spread(times):
    if not times:
        return "never"
    return (f"{min(times):.3f} / {statistics.median(times):.3f} / {max(times):.3f} s "
            f"({len(times)} ranks)")


def main():
    arguments = parse_arguments()
    namespaces.skip_unless_possible()
    namespaces.leave_on_signals()
    detected, shrunk, failures = [], [], 0
    print(f"{FAULTS[arguments.fault]}; --seed {arguments.seed}", flush=True)
    with hosts.Hosts([2, 1, 1]) as group:
        for number in range(arguments.repetitions):
            repetition = Repetition(arguments.fault, group, arguments.worker, number,
                                    arguments.seed)
            try:
                repetition.run()
            except AssertionError as error:
                failures += 1
                print(f"repetition {number}: {error}\n{repetition.ranks.texts()}", flush=True)
            detected += repetition.detected
            shrunk += repetition.shrunk
            if failures == MOST_FAILURES:
                break
    print(f"{arguments.fault}: {number + 1} repetitions, {failures} failed\n"
          f"  noticed, least / median / most: {spread(detected)}\n"
          f"  shrunk and computed:            {spread(shrunk)}")
    return 1 if failures else 0


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worker")
    parser.add_argument("fault", choices=list(FAULTS))
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
