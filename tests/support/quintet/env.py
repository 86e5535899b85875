"""Where things are, and how long a test may wait."""

import os
import pathlib
import re
import socket
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROFILE = os.environ.get("PROFILE", "release")
BIN = ROOT / "build" / PROFILE / "bin"
PROTO = ROOT / "proto"
FACTOR = float(os.environ.get("QUINTET_TIMEOUT_FACTOR", "4" if PROFILE == "asan" else "1"))

# Before the command of a child that must not outlive a test process, however that ends.
DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")

SANITIZER = re.compile(
    r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|^panic: ", re.M
)


def seconds(value):
    """A time limit, made longer on slow machines and under sanitizers."""
    return value * FACTOR


def wait_until(condition, timeout=10.0, what="it", every=0.02):
    """Polls until condition() is true and returns its value; fails with a sentence."""
    end = time.monotonic() + seconds(timeout)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds(timeout):.0f} s in vain: {what}")
        time.sleep(every)


class Ports:
    """Loopback ports that nobody else gets while this object lives.

    Each is held by a bound socket that does not listen: other searches find it taken, and
    a server that reuses addresses can still listen on it.
    """

    def __init__(self):
        self._held = []

    def take(self):
        holder = socket.socket()
        holder.bind(("127.0.0.1", 0))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.append(holder)
        return holder.getsockname()[1]

    def close(self):
        for holder in self._held:
            holder.close()
        self._held.clear()
