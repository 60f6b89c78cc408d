"""A port for a server that a test or a benchmark starts on this machine alone."""

from __future__ import annotations

import contextlib
import random
import socket

LOWEST, HIGHEST = 10_240, 32_767
"""Below those that the system hands out to whoever connects, and past the last one that browsers refuse."""


def free_port() -> int:
    """One that nobody listens at.

    The system's own choice of a free port would be free for everybody again as soon as it is told: the next connection,
    or the next who asks, gets it before the server listens there. Two that are drawn here at once meet once in 22,000.
    """
    chance = random.SystemRandom()
    while True:
        port = chance.randint(LOWEST, HIGHEST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
