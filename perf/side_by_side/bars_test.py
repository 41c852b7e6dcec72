"""Tests of the bars, of the choice of rounds and of the tables, on made-up figures."""

import unittest

import bars
import measure
import report
from measure import Row

MI = bars.MI


def row(collective="all_reduce", ranks=2, size=8, **times):
    return Row(collective, ranks, size, times=times)


def outcome(rows, name):
    return {o.bar: o for o in bars.evaluate(rows, 2)}[name]


class Bars(unittest.TestCase):
    def test_the_faster_peer_counts(self):
        self.assertEqual(bars.ratio(row(tutti=1, openmpi=4, mpich=3), "tutti", 2), 3)

    def test_crowded_ranks_are_compared_with_open_mpi_alone(self):
        crowded = row(ranks=4, tutti=1, openmpi=4, mpich=3)
        self.assertEqual(bars.ratio(crowded, "tutti", 2), 4)
        self.assertTrue(outcome([crowded], "more ranks than cores: geomean").passed)

    def test_gloo_is_no_peer(self):
        self.assertIsNone(bars.ratio(row(tutti=1, gloo=9), "tutti", 2))

    def test_geomean_is_of_ratios(self):
        rows = [row(size=8, tutti=1, openmpi=1), row(size=64, tutti=1, openmpi=4)]
        self.assertAlmostEqual(outcome(rows, "all_reduce: geomean").value, 2)

    def test_the_lowest_point_decides_and_is_named(self):
        rows = [row(size=8, tutti=1, openmpi=9), row(size=64 * MI, tutti=2, openmpi=1)]
        found = outcome(rows, "all_reduce: every point")
        self.assertFalse(found.passed)
        self.assertEqual(found.where, "all_reduce at 64 Mi")

    def test_rows_with_a_barrier_are_no_part_of_the_bars(self):
        rows = [row("broadcast", tutti=1, openmpi=2), row("broadcast+barrier", tutti=9, openmpi=1)]
        self.assertTrue(outcome(rows, "broadcast: every point").passed)

    def test_eight_bytes_are_held_against_one_exchange(self):
        name = "all_reduce: 8 B, in exchanges of a cache line (at most)"
        measured = row(tutti=0.14)
        self.assertIsNone(outcome([measured], name).passed)
        measured.exchange = [0.1, 0.1, 0.2]
        self.assertTrue(outcome([measured], name).passed)
        measured.times["tutti"] = 0.16
        self.assertFalse(outcome([measured], name).passed)

    def test_allocated_memory_is_held_against_the_better_limit(self):
        rows = [row(size=MI, tutti_allocate=2, openmpi=8, limit_ordinary=2, limit_streaming=1)]
        found = outcome(rows, "all_reduce, allocate, from 64 KiB: share of bare traffic")
        self.assertEqual(found.value, 0.5)
        self.assertFalse(found.passed)

    def test_what_was_not_measured_neither_passes_nor_fails(self):
        self.assertTrue(all(o.passed is None for o in bars.evaluate([], 2)))


class Rounds(unittest.TestCase):
    def test_every_contender_begins_and_ends_rounds(self):
        orders = [measure.turn(["a", "b", "c"], number) for number in range(6)]
        self.assertEqual({order[0] for order in orders}, {"a", "b", "c"})
        self.assertEqual({order[-1] for order in orders}, {"a", "b", "c"})

    def test_a_round_in_another_state_is_dropped(self):
        self.assertEqual(measure.steady([1, 2, 3], [0.10, 0.04, 0.11]), [1, 3])

    def test_rounds_stay_when_most_differ(self):
        self.assertEqual(measure.steady([1, 2], [0.1, 0.3]), [1, 2])


class Report(unittest.TestCase):
    def test_the_best_algorithm_is_marked_and_a_bad_choice_named(self):
        measured = row(size=64, tutti=2, **{"tutti:ring": 1, "tutti:tree": 3})
        measured.chosen["tutti"] = "tree"
        text = report.algorithm_table([measured])
        self.assertIn("**1.00**", text)
        self.assertIn("tree, ring is 3.00× faster", text)


if __name__ == "__main__":
    unittest.main()
