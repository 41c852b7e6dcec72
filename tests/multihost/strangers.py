"""Connects two hundred times to a port where it has no business: silent, or with garbage, or gone
at once.

Usage: strangers.py ADDRESS PORT
"""

import random
import socket
import sys
import time

STRANGERS = 200


def connect(address):
    """The listener may not be there yet."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(address, timeout=5)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def main():
    address = sys.argv[1], int(sys.argv[2])
    noise = random.Random(1)
    kept = []
    for number in range(STRANGERS):
        stranger = connect(address)
        try:
            if number % 3 > 0:
                stranger.sendall(noise.randbytes(noise.randrange(1, 2000)))
        except OSError:
            pass  # shown the door already
        if number % 3 < 2:
            kept.append(stranger)
    print(f"{STRANGERS} connected", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
