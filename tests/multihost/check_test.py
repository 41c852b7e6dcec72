"""Every collective, type and shape over several hosts, with right results.

Usage: check_test.py WORKER [unittest options]
"""

import re
import subprocess
import sys
import unittest

import hosts
import namespaces

WORKER = ""


class Check(unittest.TestCase):
    def check(self, slots, **shape):
        with hosts.Hosts(slots, **shape) as group:
            run = group.mpirun([WORKER, "check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
            output, _ = run.communicate(timeout=170)
        self.assertEqual(run.returncode, 0, output)
        found = re.findall(r"^rank \d+: checked (\d+) calls, 0 wrong$", output, re.M)
        self.assertEqual(len(found), sum(slots), output)
        self.assertGreater(min(map(int, found)), 1000)
        self.assertIn("ucx", output)  # or they were not several hosts to the library

    def test_two_hosts_with_two_ranks_each(self):
        self.check([2, 2])

    def test_three_hosts_with_two_ranks_each(self):
        self.check([2, 2, 2])

    def test_four_hosts_with_one_rank_each(self):
        self.check([1, 1, 1, 1])

    def test_three_hosts_with_unequal_numbers_of_ranks(self):
        self.check([3, 1, 2])

    def test_two_devices_a_host(self):
        self.check([2, 1], devices=2)


if __name__ == "__main__":
    namespaces.skip_unless_possible()
    namespaces.leave_on_signals()
    WORKER = sys.argv.pop(1)
    unittest.main()
