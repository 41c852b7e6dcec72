"""Ranks on several hosts meet: by PMIx, by a unique id over TCP, as torchrun starts them.
And starts that must fail, and say what of.

Usage: start_test.py WORKER [unittest options]
"""

import os
import subprocess
import sys
import unittest

import hosts
import namespaces
from ranks import Ranks

WORKER = ""
STRANGERS = os.path.join(hosts.FOLDER, "strangers.py")
PORT = 29500


def little_check():
    return [WORKER, "check", "int32"]


class Start(unittest.TestCase):
    def check_all_right(self, ranks):
        for rank in ranks.all():
            self.assertEqual(ranks.status(rank, seconds=100), 0, ranks.texts())
            self.assertRegex(ranks.text(rank), f"(?m)^rank {rank}: checked .*, 0 wrong$")

    def test_by_pmix(self):
        with hosts.Hosts([1, 2]) as group:
            run = group.mpirun(little_check(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
            output, _ = run.communicate(timeout=100)
        self.assertEqual(run.returncode, 0, output)
        self.assertEqual(output.count(", 0 wrong"), 3, output)

    def test_by_a_unique_id_over_tcp(self):
        with hosts.Hosts([1, 2]) as group:
            self.check_all_right(Ranks(group, little_check(), places=[0, 1, 1]).start())

    def test_as_torchrun_starts_them(self):
        with hosts.Hosts([1, 2]) as group:
            self.check_all_right(
                Ranks(group, little_check(), places=[0, 1, 1], port=PORT).start())

    def test_two_hundred_strangers_do_not_disturb(self):
        with hosts.Hosts([1, 1, 1]) as group:
            ranks = Ranks(group, little_check(), places=[0, 1, 2], port=PORT).start([0, 1])
            strangers = group.popen(2, [sys.executable, STRANGERS, group.address(0), str(PORT)],
                                    stdout=subprocess.PIPE, text=True)
            self.assertEqual(strangers.stdout.readline(), "200 connected\n")
            ranks.start([2])
            self.check_all_right(ranks)


class FailedStart(unittest.TestCase):
    def check_none_starts(self, ranks, seconds):
        for rank in ranks.all():
            self.assertEqual(ranks.status(rank, seconds), 1, ranks.texts())
            self.assertIn("not started: ", ranks.text(rank))

    def test_a_device_that_is_not_there_is_named_on_every_rank(self):
        with hosts.Hosts([1, 1]) as group:
            ranks = Ranks(group, little_check(), places=[0, 1],
                          environment={"TUTTI_NET_DEVICES": "nonsense"}).start()
            self.check_none_starts(ranks, seconds=40)
            for rank in ranks.all():
                self.assertIn("nonsense", ranks.text(rank))

    def test_a_rank_that_cannot_be_reached_is_named(self):
        with hosts.Hosts([1, 1, 1]) as group:
            group.cut(2)
            ranks = Ranks(group, little_check(), places=[0, 1, 2],
                          environment={"TUTTI_START_TIMEOUT": "3"}).start()
            self.check_none_starts(ranks, seconds=6)
            self.assertIn("rank 2", ranks.text(0))
            self.assertIn("rank 2", ranks.text(1))
            self.assertIn(group.address(0), ranks.text(2))


if __name__ == "__main__":
    namespaces.skip_unless_possible()
    namespaces.leave_on_signals()
    WORKER = sys.argv.pop(1)
    unittest.main()
