"""Does the server grow while visitors come and go? Its memory over a long time, and the slope of that.

    python -m benchmarks.soak [--minutes 20] [--sessions 20] [--log server.log]

A real server, and real sessions over the websocket (`benchmarks.wire`): as many at once as `--sessions` says, and as
soon as one has rated, seen recommendations and a reconstruction and left, another comes, with its own cookie. Every
tenth of them has the Train page open and starts a training, and waits until that has ended. The memory of the process
that serves is read every few seconds. Its first part, until the caches are full and the first who left are no longer
kept, is left out; what was freed leaves gaps of which ever more are filled again, so the memory nears its height
slowly, and the second half of the rest is what tells whether it grows. A straight line through the rest has a slope,
and that a standard error, for which the readings are first averaged over stretches that are longer than what a reading
has to do with the next ones. At the end, when all have left, it is read once more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autorec_core.visitors import VisitorStore, new_visitor_id
from benchmarks.load import (
    BACK,
    KEPT,
    Server,
    Visit,
    ratings_lost,
    served,
    start_training,
    times_of,
    training_ended,
    walk,
    warm_up,
)
from benchmarks.machine import machine
from benchmarks.wire import Session

EVERY = 5.0
"""Seconds between two readings."""
LEFT_OUT = 1.5 * KEPT
"""Seconds at the beginning that the slope leaves out."""
STRETCH = 60.0
"""Seconds of a stretch that counts as one reading."""
WHILE_AFTER = 25.0
"""Seconds after which a session that is kept no longer is gone, with its memory."""
TRAINS = 10
"""One visitor of so many trains a model."""
QUICK = "preset=quick&epochs=3&hidden_units=20"
NOISE = 2.0
"""Standard errors that a slope may be away from zero."""


@dataclass(frozen=True)
class Slope:
    """A straight line through readings."""

    an_hour: float
    """Megabytes an hour."""
    error: float
    """Its standard error."""

    @property
    def is_zero(self) -> bool:
        """Whether it is not above zero by more than the noise."""
        return self.an_hour <= NOISE * self.error


def slope_of(readings: Sequence[tuple[float, float]], stretch: float = STRETCH) -> Slope:
    """The slope of a straight line through readings, with its standard error.

    Readings that follow each other are alike, so each stretch counts once, by its mean: a standard error from all
    readings would be too small.

    Args:
        readings: seconds and megabytes, in the order of time.
        stretch: seconds.

    Raises:
        ValueError: they do not fill three stretches.
    """
    at, megabytes = np.array(readings, dtype=np.float64).reshape(-1, 2).T
    part = ((at - at.min(initial=np.inf)) // stretch).astype(int) if len(at) else np.zeros(0, dtype=int)
    used = np.unique(part)
    if len(used) < 3:
        raise ValueError(f"A slope needs three stretches of {stretch:g} s, and there are {len(used)}.")
    hours = np.array([at[part == one].mean() for one in used]) / 3600
    means = np.array([megabytes[part == one].mean() for one in used])
    off = hours - hours.mean()
    slope = off @ means / (off @ off)
    rest = means - means.mean() - slope * off
    return Slope(float(slope), float(np.sqrt(rest @ rest / (len(used) - 2) / (off @ off))))


@dataclass
class Soaked:
    """What coming and going came to."""

    visits: list[Visit] = field(default_factory=list)
    """Of those who left when they were through; at the end, some leave in the middle."""
    came: int = 0
    """All visitors."""
    trained: int = 0
    """Trainings that visitors started."""
    faults: list[str] = field(default_factory=list)
    readings: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the beginning, and megabytes."""
    lost: int = 0
    before: float = 0.0
    """Megabytes when the caches were full and nobody was there."""
    after: float = 0.0
    """When all had left and were no longer kept."""
    files: tuple[int, int] = (0, 0)
    """Open files and connections of the server, before and after."""


async def come_and_go(server: Server, found: Soaked, chance: random.Random, until: float, think: float) -> None:
    """One visitor after the other, until the time is over."""
    while time.monotonic() < until:
        visit = Visit(new_visitor_id())
        found.came += 1
        trains = found.came % TRAINS == 0
        async with Session(server.url, visit.visitor) as session:
            await walk(session, visit, chance, think)
            if trains:
                await start_training(session, server, QUICK)
                found.trained += 1
                await training_ended(session)
            visit.faults += session.faults
        found.visits.append(visit)
        found.faults += visit.faults


async def soak(server: Server, minutes: float, sessions: int, think: float, seed: int) -> Soaked:
    """Visitors come and go for so long; the memory is read meanwhile."""
    chance, found = random.Random(seed), Soaked()
    await warm_up(server, chance, QUICK)
    await asyncio.sleep(WHILE_AFTER)  # the last of these few are still kept; that makes it larger by a percent or two
    found.before, files = server.megabytes(), server.files()
    began = time.monotonic()
    until = began + 60 * minutes
    going = [
        asyncio.create_task(come_and_go(server, found, random.Random(chance.random()), until, think))
        for _ in range(sessions)
    ]
    told = 0.0
    while time.monotonic() < until:
        at = time.monotonic() - began
        found.readings.append((at, server.megabytes()))
        if at >= told:
            ended = [one for one in going if one.done()]
            for one in ended:
                one.result()  # which raises what ended it
            print(
                f"[{time.strftime('%H:%M:%S')}] {at / 60:.0f} min, {found.came} sessions, "
                f"{found.readings[-1][1]:.0f} MB, {len(found.faults)} faults",
                file=sys.stderr,
                flush=True,
            )
            told += 60
        await asyncio.sleep(EVERY)
    for one in going:
        one.cancel()
    await asyncio.gather(*going, return_exceptions=True)
    await asyncio.sleep(KEPT + WHILE_AFTER)
    found.after, found.files = server.megabytes(), (files, server.files())
    found.faults += server.wrong_in_log()
    found.lost = ratings_lost(VisitorStore(f"sqlite:///{server.home / 'visitors.sqlite3'}"), found.visits)
    return found


def main() -> int:
    """Does it, prints what it came to, and returns 1 where something was wrong or lost, or the server grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long they come and go (default: 20)")
    parser.add_argument("--sessions", type=int, default=20, help="visitors at once (default: 20)")
    parser.add_argument("--think", type=float, default=5.0, help="mean seconds between two acts (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of what they do (default: 0)")
    parser.add_argument("--log", type=Path, help="a file to keep the server's log in")
    asked = parser.parse_args()
    on = machine()
    with tempfile.TemporaryDirectory(prefix="autorec-soak-") as folder, served(Path(folder)) as server:
        found = asyncio.run(soak(server, asked.minutes, asked.sessions, asked.think, asked.seed))
        if asked.log is not None:
            shutil.copyfile(server.log, asked.log)
    settled = [reading for reading in found.readings if reading[0] >= LEFT_OUT]
    if len(settled) < 10:
        parser.error(f"--minutes: a slope needs more than the first {LEFT_OUT:.0f} s")
    stretch = min(STRETCH, (settled[-1][0] - settled[0][0]) / 10)
    whole, slope = (slope_of(part, stretch) for part in (settled, settled[len(settled) // 2 :]))
    megabytes = [reading[1] for reading in settled]
    rows = [
        ("minutes", f"{asked.minutes:g}, {asked.sessions} at once"),
        ("sessions", f"{found.came}, {found.trained} of them trained"),
        ("exceptions, red boxes, errors in the log", str(len(found.faults))),
        ("ratings not kept as given", f"{found.lost} of {sum(len(visit.given) for visit in found.visits)}"),
        *times_of(found.visits),
        ("memory with nobody there, before", f"{found.before:.0f} MB"),
        ("memory with all there", f"{min(megabytes):.0f} to {max(megabytes):.0f} MB"),
        (f"slope after {LEFT_OUT:.0f} s", f"{whole.an_hour:+.0f} MB an hour, standard error {whole.error:.0f}"),
        ("slope of the second half of that", f"{slope.an_hour:+.0f} MB an hour, standard error {slope.error:.0f}"),
        ("memory after all have left", f"{found.after:.0f} MB, {found.after / found.before - 1:+.1%}"),
        ("open files and connections before and after", f"{found.files[0]} and {found.files[1]}"),
        ("load of the machine at the end, other work included", f"{os.getloadavg()[0]:.0f}"),
    ]
    print(f"{on}\n\n| what | found |\n|---|---|")
    print("\n".join(f"| {what} | {value} |" for what, value in rows))
    for fault in sorted(set(found.faults))[:20]:
        print(f"{found.faults.count(fault)} x {fault}")
    return int(bool(found.faults) or found.lost > 0 or not slope.is_zero or found.after > (1 + BACK) * found.before)


if __name__ == "__main__":
    sys.exit(main())
