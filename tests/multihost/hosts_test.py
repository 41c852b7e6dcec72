"""The hosts themselves: who reaches whom, how fast, and that nothing is left behind.

Usage: hosts_test.py [unittest options]
"""

import os
import signal
import subprocess
import sys
import time
import unittest

import hosts
import namespaces

COMMAND = os.path.join(hosts.FOLDER, "hosts")
PORT = 5000

# Sends back what comes, until the connection ends.
ECHO = f"""
import socket
server = socket.create_server(("", {PORT}))
print("listening", flush=True)
while True:
    connection, _ = server.accept()
    while data := connection.recv(65536):
        connection.sendall(data)
"""

# Sends so many bytes at once and waits for them; prints the milliseconds.
ROUND_TRIP = f"""
import socket, sys, threading, time
connection = socket.create_connection((sys.argv[1], {PORT}), timeout=5)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
begun = time.monotonic()
data = bytes(int(sys.argv[2]))
# What comes back is read meanwhile: neither side holds all of it.
threading.Thread(target=connection.sendall, args=(data,)).start()
left = len(data)
while left > 0:
    left -= len(connection.recv(65536))
print((time.monotonic() - begun) * 1000)
"""

# Prints "yes" or why not.
REACH = f"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], {PORT}), timeout=0.3)
    print("yes")
except OSError as error:
    print(error)
"""


class Network(unittest.TestCase):
    def echo(self, group, host):
        process = group.popen(host, [sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "listening\n")

    def reaches(self, group, source, target, device=0):
        return group.run(source, [sys.executable, "-c", REACH, group.address(target, device)]
                         ).stdout == "yes\n"

    def round_trip_ms(self, group, size):
        return float(group.run(0, [sys.executable, "-c", ROUND_TRIP, group.address(1), str(size)]
                               ).stdout)

    def test_links_are_cut_lose_packets_and_are_healed(self):
        with hosts.Hosts([1, 1, 1], devices=2) as group:
            self.echo(group, 1)
            for break_link in (group.cut, group.lose):
                self.assertTrue(self.reaches(group, 0, 1))
                self.assertTrue(self.reaches(group, 0, 1, device=1))
                break_link(1)
                self.assertFalse(self.reaches(group, 0, 1))
                self.assertFalse(self.reaches(group, 2, 1, device=1))
                group.heal(1)
                break_link(2)
                self.assertTrue(self.reaches(group, 0, 1))
                self.assertFalse(self.reaches(group, 2, 1))
                group.heal(2)

    def test_packets_take_the_delay_each_way(self):
        with hosts.Hosts([1, 1], delay=0.01) as group:
            self.echo(group, 1)
            least = min(self.round_trip_ms(group, 8) for _ in range(5))
        self.assertGreaterEqual(least, 20)
        self.assertLess(least, 24)

    def test_bandwidth_is_shaped_both_ways(self):
        with hosts.Hosts([1, 1], rate="100mbit") as group:
            self.echo(group, 1)
            took_ms = self.round_trip_ms(group, 4_000_000)  # 320 ms on the wire
        self.assertGreater(took_ms, 280)  # the first burst of each shaper is free
        self.assertLess(took_ms, 1000)

    def test_every_host_has_its_name_and_its_processes(self):
        with hosts.Hosts([1, 1]) as group:
            self.assertEqual(group.run(1, ["uname", "-n"]).stdout, "host2\n")
            sleeper = group.popen(1, ["sleep", "60"])
            other = group.popen(0, ["sleep", "60"])
            time.sleep(0.2)
            group.kill_all(1)
            self.assertEqual(sleeper.wait(timeout=5), -signal.SIGKILL)
            self.assertIsNone(other.poll())


class Command(unittest.TestCase):
    """The command `hosts`, and what is left after it."""

    def start(self, *arguments):
        return subprocess.Popen([COMMAND, "--hosts", "2,1", *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def left_of(self, run):
        return [name for name in namespaces.names() if name.startswith(f"tutti-{run.pid}-")]

    def test_a_rank_a_slot(self):
        run = self.start("--", "uname", "-n")
        output, _ = run.communicate(timeout=30)
        self.assertEqual(sorted(output.split()), ["host1", "host1", "host2"])
        self.assertEqual(run.returncode, 0)
        self.assertEqual(self.left_of(run), [])

    def test_a_failing_program(self):
        run = self.start("--", "false")
        run.communicate(timeout=30)
        self.assertNotIn(run.returncode, (0, namespaces.SKIPPED))
        self.assertEqual(self.left_of(run), [])

    def test_a_timeout(self):
        run = self.start("--timeout", "1", "--", "sleep", "60")
        run.communicate(timeout=30)
        self.assertEqual(run.returncode, 124)
        self.assertEqual(self.left_of(run), [])

    def test_a_signal(self):
        run = self.start("--", "sh", "-c", "echo up; sleep 60")
        self.assertEqual(run.stdout.readline(), "up\n")
        run.terminate()
        run.communicate(timeout=30)
        self.assertEqual(run.returncode, 128 + signal.SIGTERM)
        self.assertEqual(self.left_of(run), [])

    def test_clean_removes_what_a_killed_run_left(self):
        run = self.start("--", "sh", "-c", "echo up; sleep 60")
        self.assertEqual(run.stdout.readline(), "up\n")
        run.kill()
        run.wait()
        self.assertNotEqual(self.left_of(run), [])
        done = subprocess.run([COMMAND, "--clean"], capture_output=True, text=True, timeout=30)
        self.assertIn(f"removed tutti-{run.pid}-", done.stdout)
        run.stdout.close()
        self.assertEqual(self.left_of(run), [])


if __name__ == "__main__":
    namespaces.skip_unless_possible()
    namespaces.leave_on_signals()
    unittest.main()
