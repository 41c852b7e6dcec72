"""Tests of the fit, of NCCL's rings, of the rows, and of the bar: DGX A100 and H100 within 20 %.

Usage: published_test.py TUTTI
"""

import os
import subprocess
import sys
import tempfile
import unittest

import curves
import cuts
import fitting
import prediction
import rings
import studies
import tables

PROGRAM = os.path.abspath(sys.argv.pop()) if len(sys.argv) > 1 else ""
HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = prediction.read_rows(os.path.join(HERE, "measurements.csv"))


def study(series):
    return next(one for one in studies.STUDIES if one.series == series)


class Fit(unittest.TestCase):
    SIZES = (1, 4, 16, 64, 256)

    def cost(self, latency, rate):
        measured = [14 * 5 + size / 0.2 for size in self.SIZES]
        return fitting.cost([14 * latency + size / rate for size in self.SIZES], measured)

    def test_finds_two_numbers(self):
        latency, rate = fitting.fit(lambda values: self.cost(*values), [1, 1])
        self.assertAlmostEqual(latency, 5, delta=0.05)
        self.assertAlmostEqual(rate, 0.2, delta=0.002)

    def test_finds_one_number(self):
        [rate] = fitting.fit(lambda values: self.cost(5, *values), [3])
        self.assertAlmostEqual(rate, 0.2, delta=0.002)

    def test_twice_and_half_are_as_wrong(self):
        self.assertAlmostEqual(fitting.cost([2], [1]), fitting.cost([1], [2]))


class Rings(unittest.TestCase):
    def test_each_passes_every_rank_once(self):
        for ring in range(4):
            self.assertEqual(sorted(rings.order(ring, 3, 4)), list(range(12)))

    def test_each_port_carries_one_ring_out_and_one_in(self):
        crossings = []
        for ring in range(4):
            order = rings.order(ring, 3, 4)
            crossings += [pair for pair in zip(order, order[1:] + order[:1])
                          if pair[0] // 4 != pair[1] // 4]
        self.assertEqual(sorted(sender for sender, _ in crossings), list(range(12)))
        self.assertEqual(sorted(receiver for _, receiver in crossings), list(range(12)))

    def test_are_right(self):
        for hosts, per_host in ((2, 1), (2, 2), (3, 4)):
            with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
                file.write(rings.all_reduce(hosts, per_host))
                file.flush()
                done = subprocess.run([PROGRAM, "sim", "--schedule", file.name],
                                      capture_output=True, text=True, timeout=60)
            self.assertIn("proved right", done.stdout + done.stderr)


class Rows(unittest.TestCase):
    def test_time_follows_from_bus_bandwidth(self):
        row = prediction.to_row({"series": "", "source": "", "nodes": "1", "ranks": "8",
                                 "collective": "all_reduce", "bytes": "1000000", "time_us": "",
                                 "busbw_GBps": "175", "note": ""})
        self.assertAlmostEqual(row.time_us, 10)

    def test_given_times_and_bandwidths_agree(self):
        with open(os.path.join(HERE, "measurements.csv"), newline="", encoding="utf-8") as file:
            for fields in prediction.csv.DictReader(file):
                if fields["time_us"] and float(fields["busbw_GBps"]) >= 1:
                    row = prediction.to_row(fields)
                    self.assertAlmostEqual(row.busbw / float(fields["busbw_GBps"]), 1, delta=0.02)

    def test_each_study_reports_rows_that_do_not_calibrate(self):
        for one in studies.STUDIES:
            own = [row for row in ROWS if row.series == one.series]
            self.assertTrue(any(not one.calibrates(row) for row in own), one.series)
            self.assertEqual(any(one.calibrates(row) for row in own), bool(one.free), one.series)

    def test_every_second_size_calibrates(self):
        sizes = [row.bytes >> 20 for row in ROWS
                 if row.series == "dgx_a100" and study("dgx_a100").calibrates(row)]
        self.assertEqual(sizes, [32, 128, 512, 2048, 8192])


class Cuts(unittest.TestCase):
    def test_short_chunks_go_in_halves(self):
        self.assertEqual(cuts.halves(40 << 20, 24)[1], str(20 << 20))
        self.assertEqual(cuts.halves(80 << 20, 24)[1], str(24 << 20))
        self.assertEqual(cuts.halves(1 << 10, 24)[1], str(24 << 15))


class Bar(unittest.TestCase):
    def test_dgx_a100_and_h100_are_within_20_percent(self):
        with tempfile.TemporaryDirectory() as folder:
            simulator = prediction.Simulator(PROGRAM, folder, cuts.SLICES)
            for one in (study("dgx_a100"), study("dgx_h100")):
                document = {"studies": [prediction.predict(one, ROWS, simulator)]}
                reported = tables.in_bar(document)
                self.assertEqual(len(reported), 6)
                for row in reported:
                    self.assertLess(abs(tables.error(row)), 0.2, row)
                self.assertIn(one.title, curves.to_svg(document))


if __name__ == "__main__":
    unittest.main()
