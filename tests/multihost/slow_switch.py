"""A switch whose packets arrive late: joins namespaces, as long as it runs.

  slow_switch.py SECONDS DEVICES NAMESPACE…

Makes devices e0, e1, … in every namespace (TAP, so that this process is the cable), prints "ready",
then delivers each frame SECONDS after it was sent. Device e0 sees the other e0 only, and so on.
"""

import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
LARGEST_FRAME = 65536


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def enter(namespace):
    with open(f"/run/netns/{namespace}") as file:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {namespace}")


def be_prompt():
    """Ahead of the ranks, which use all cores: the delay is to be as long as said, not longer."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        print("slow_switch.py: no priority; delays may be longer", file=sys.stderr)


class Switch:
    def __init__(self, delay, subnets):
        self._delay = delay
        self._subnet = {tap: subnet for subnet in subnets for tap in subnet}
        self._tap_of = {}  # (taps of the subnet, hardware address): learnt from what was sent
        self._waiting = collections.deque()  # (when due, from, frame), in order: all wait as long

    def run(self):
        taps = list(self._subnet)
        while True:
            ready, _, _ = select.select(taps, [], [], self._until_next())
            for tap in ready:
                self._take(tap)
            self._deliver()

    def _until_next(self):
        if not self._waiting:
            return None
        return max(0.0, self._waiting[0][0] - time.monotonic())

    def _take(self, tap):
        try:
            while True:
                frame = os.read(tap, LARGEST_FRAME)
                self._tap_of[self._subnet[tap], frame[6:12]] = tap
                self._waiting.append((time.monotonic() + self._delay, tap, frame))
        except BlockingIOError:
            pass

    def _deliver(self):
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, tap, frame = self._waiting.popleft()
            known = self._tap_of.get((self._subnet[tap], frame[0:6]))
            for target in [known] if known else self._subnet[tap]:
                if target != tap:
                    send(target, frame)


def send(tap, frame):
    try:
        os.write(tap, frame)
    except OSError:
        pass  # the device is down, or its queue full: a packet lost


def main():
    delay, devices, namespaces = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    subnets = [[] for _ in range(devices)]
    for namespace in namespaces:
        enter(namespace)
        for device, subnet in enumerate(subnets):
            subnet.append(open_tap(f"e{device}"))
    be_prompt()
    print("ready", flush=True)
    Switch(delay, [tuple(subnet) for subnet in subnets]).run()


if __name__ == "__main__":
    main()
