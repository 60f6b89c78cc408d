"""Many at once: what do 50 visitors meet who walk through the app while one training runs and three wait?

    python -m benchmarks.load [--sessions 50] [--think 5]

A real server on this machine alone, with a home folder of its own, and real sessions over the websocket
(`benchmarks.wire`). Each opens Rate, gives five movies stars by the cards' own protocol, opens Recommendations and then
Reconstruction, and stays until all are through; between two acts a visitor thinks for a random time of the mean that
`--think` says, in seconds (0: none waits for anything). Meanwhile four other visitors have started trainings on the
Train page, which redraws itself twice a second for each of them.

What it looks at: exceptions and red boxes on any page, and anything wrong in the server's log; that each rating is in
the database, under its visitor alone, and each page counts the ratings of its own visitor; that the line keeps its
order, nobody waits for more trainings than the page said, and one more than may wait is refused by a sentence; how long
a run of a page takes, from the request until the server says that it is finished; and the memory of the process that
serves: before, with all of them there, and after they have left. The worker that trains is another process and is not
counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from autorec_core import datasets
from autorec_core.runs import Run, RunStore
from autorec_core.visitors import VisitorStore, new_visitor_id, owner_of
from benchmarks.machine import machine
from benchmarks.ports import free_port
from benchmarks.wire import Drawn, Session

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "127.0.0.1")
PATIENCE = 300.0
"""Seconds until something counts as missing, on a machine that is busy with other things."""
RATED = 5
"""Movies that a visitor gives stars."""
WAITING = 3
"""Trainings in line behind the one that runs."""
LONG, SHORT = "preset=quick&epochs=2000&patience=0&hidden_units=500", "preset=quick"
"""The address of a training that goes on until it is stopped, and of one that ends by itself."""
AS_LARGE = "preset=quick&hidden_units=500"
"""The address of a short one whose model is as large as that of the long one: it is many times that of the others."""
MODELS_KEPT = 8
"""Models that the server keeps in memory, whoever uses them."""
KEPT = 120
"""Seconds for which the server keeps the session of somebody who left, should the connection only have broken."""
LATE = 95
"""The percentile that is told beside the median."""
BACK = 0.10
"""The share by which the memory may be above what it was before they came."""


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    home: Path
    log: Path

    def megabytes(self) -> float:
        """Of memory that its process has resident."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def files(self) -> int:
        """Files and connections that its process has open."""
        return int(psutil.Process(self.process.pid).num_fds())

    def processor(self) -> float:
        """Seconds that its process has had of a processor; unlike others, other work on the machine adds none."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def runs(self) -> list[Run]:
        """The runs in its home."""
        return RunStore(self.home / "runs").all()

    def wrong_in_log(self) -> list[str]:
        """Lines of its log that tell of something wrong."""
        return wrong_lines(self.log.read_text(encoding="utf-8"))


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[Server]:
    """The app on a port of its own, with its first model trained; it is ended afterwards."""
    port = free_port()
    home, log = folder / "home", folder / "server.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTOREC_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*COMMAND, "--server.port", str(port)],
            cwd=ROOT,
            env={**clean, "AUTOREC_HOME": str(home), **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whoever ends this ends the server, too
    server = Server(process, f"http://127.0.0.1:{port}", home, log)
    try:
        wait_until(lambda: process.poll() is not None or _answers(server.url), "the server does not answer")
        wait_until(lambda: any(run.has_model and run.ended for run in server.runs()), "the first model does not train")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Waits until something holds; raises TimeoutError where it does not come."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def wrong_lines(log: str) -> list[str]:
    """Lines of a server's log that tell of an exception or an error; a traceback's line says how it ends, too.

    >>> wrong_lines("INFO all is well\\nTraceback (most recent call last):\\n  File ...\\nValueError: no\\n")
    ['Traceback (most recent call last): ... ValueError: no']
    """
    wrong = re.compile(r"\b(error|critical)\b|traceback|uncaught", re.IGNORECASE)
    lines, found = log.splitlines(), []
    for number, line in enumerate(lines):
        if "Traceback (most" in line:
            end = next((later for later in lines[number + 1 :] if later.strip() and not later[0].isspace()), "")
            found.append(f"{line} ... {end}")
        elif wrong.search(line):
            found.append(line)
    return found


# -- one visitor ------------------------------------------------------------------------------------------------------


@dataclass
class Visit:
    """What a visitor did, and what came of it."""

    visitor: str
    given: dict[str, float] = field(default_factory=dict)
    """Item id -> the rating that they gave."""
    drawn: list[Drawn] = field(default_factory=list)
    """All runs of pages; the first one of a page is named after it, a rating "a rating"."""
    faults: list[str] = field(default_factory=list)


async def walk(session: Session, visit: Visit, chance: random.Random, think: float) -> None:
    """Rates, opens Recommendations and Reconstruction; what is wrong on the way is noted."""

    async def act(name: str, what: Awaitable[Drawn]) -> None:
        drawn = await what
        drawn.page = name
        visit.drawn.append(drawn)
        count = len(visit.given)
        if count and f"**{count}** movie" not in drawn.words:
            visit.faults.append(f"{name}: does not count {count} ratings")
        if name == "recommendations" and "because you gave" not in drawn.words:
            visit.faults.append(f"{name}: nothing is recommended")
        drawn.elements = []  # which nobody reads again
        if think:
            await asyncio.sleep(chance.uniform(0.5, 1.5) * think)

    await act("rate", session.open("rate"))
    cards = [card["id"] for card in session.read("rate_cards")["cards"]]
    for item_id in chance.sample(cards, RATED):
        visit.given[item_id] = chance.randint(1, 10) / 2
        await act("a rating", session.rate("rate_cards", item_id, visit.given[item_id]))
    await act("recommendations", session.open("recommendations"))
    await act("reconstruction", session.open("reconstruction"))
    visit.faults += session.faults
    session.faults.clear()


def ratings_lost(store: VisitorStore, visits: Sequence[Visit]) -> int:
    """Ratings that are not in the database as they were given, under their visitor and nobody else.

    Args:
        store: the database.
        visits: of distinct visitors.
    """
    catalogue = datasets.find(datasets.BUNDLED).catalogue
    lost = 0
    for visit in visits:
        kept = store.ratings_of(visit.visitor, catalogue)
        lost += len(set(kept.items()) ^ set(visit.given.items()))
    return lost


# -- the line ---------------------------------------------------------------------------------------------------------


@dataclass
class Place:
    """One training in line."""

    run_id: str
    said: int
    """Trainings before it, as its page said when it was put in line."""
    began: float | None = None
    """When it was seen to begin, in seconds of the clock."""
    ended: float | None = None


def runs_before(words: str) -> int:
    """Trainings before a visitor's own, as the page says: 0 where it is their turn.

    >>> runs_before("Waiting: 2 runs before yours. It starts by itself when its turn comes.")
    2
    """
    found = re.search(r"Waiting: (\d+) run", words)
    return int(found[1]) if found else 0


def unfair(places: Sequence[Place]) -> list[str]:
    """What is not fair in a line: who began before somebody earlier, or waited for more trainings than the page said.

    Args:
        places: in the order in which they were put in line.
    """
    found = []
    for number, place in enumerate(places):
        if place.began is None:
            found.append(f"training {number} never began")
            continue
        waited = sum(other.ended is not None and other.ended <= place.began for other in places if other is not place)
        if waited > place.said:
            found.append(f"training {number} waited for {waited}, its page said {place.said}")
        later = (other for other in places[number + 1 :] if other.began is not None and other.began < place.began)
        found += [f"training {number} began after {other.run_id}" for other in later]
    return found


async def start_training(session: Session, server: Server, query: str) -> Place:
    """Opens Train by an address, presses Start, and reads what the page says of the line."""
    before = {run.id for run in server.runs()}
    await session.open("train", query)
    drawn = await session.press("start")
    new = [run.id for run in server.runs() if run.id not in before and run.config.owner == owner_of(session.visitor)]
    if len(new) != 1:
        raise RuntimeError(f"Start made {len(new)} runs: {session.faults or drawn.words[-500:]}")
    return Place(new[0], runs_before(session.read("live_state")["html"]))


async def one_too_many(server: Server) -> list[str]:
    """Presses Start where the line is full: a sentence has to say so, and nothing may come of it."""
    before = len(server.runs())
    async with Session(server.url, new_visitor_id()) as session:
        await session.open("train", SHORT)
        await session.press("start")
        told = session.read("live_state")["html"]
        wrong = (
            []
            if f"The line is full: it has room for {WAITING}" in told
            else [f"the line is full, and the page says: {told}"]
        )
        return [*session.faults, *wrong, *(["a full line took one more"] if len(server.runs()) > before else [])]


async def training_ended(session: Session) -> None:
    """Waits until the Train page, which is open, shows the end of the training."""
    end = time.monotonic() + PATIENCE
    while '"live-state ended"' not in session.read("live_state")["html"]:
        if time.monotonic() > end:
            raise TimeoutError("the page does not show the end of its training")
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)  # it is drawn anew, with the results


async def watch_line(server: Server, places: Sequence[Place]) -> None:
    """Notes when each training begins and ends, until all have ended."""
    store = RunStore(server.home / "runs")
    while any(place.ended is None for place in places):
        for place in places:
            run = store.get(place.run_id)
            if place.began is None and run.state != "waiting":
                place.began = time.monotonic()
            if place.ended is None and run.ended is not None:
                place.ended = time.monotonic()
        await asyncio.sleep(0.05)


# -- all together -----------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What 50 at once came to."""

    visits: list[Visit]
    places: list[Place]
    faults: list[str]
    """Anything wrong, once for each time."""
    lost: int
    """Ratings that are not as they were given."""
    seconds: float
    """From the first request of the visitors to the last answer."""
    processor: float
    """Of which the server had a processor."""
    load: float
    """Of the whole machine at the end of that, other work included: processes that run or would like to."""
    ticks: int
    """Times that the pages of the trainings redrew themselves."""
    before: float
    """Megabytes before they came, after a few visits that filled the caches."""
    full: float
    """With all of them there."""
    after: float
    """After they had left and their sessions were no longer kept."""


async def load(server: Server, sessions: int, think: float, seed: int) -> Found:
    """Fills the caches, starts the trainings, lets the visitors walk, lets the line run out, and sends all away."""
    chance = random.Random(seed)
    await warm_up(server, chance, SHORT, AS_LARGE)
    before = server.megabytes()
    _tell(f"before: {before:.0f} MB")
    faults: list[str] = []
    async with AsyncExitStack() as stack:
        places, trainers = [], []
        for number in range(1 + WAITING):
            trainer = await stack.enter_async_context(Session(server.url, new_visitor_id()))
            places.append(await start_training(trainer, server, SHORT if number else LONG))
            trainers.append(trainer)
        watching = asyncio.create_task(watch_line(server, places))
        faults += await one_too_many(server)
        _tell(f"in line: {[place.said for place in places]} before each")
        visits = [Visit(new_visitor_id()) for _ in range(sessions)]
        visitors = [await stack.enter_async_context(Session(server.url, visit.visitor)) for visit in visits]
        began, processor = time.perf_counter(), server.processor()
        chances = [random.Random(chance.random()) for _ in visits]
        await asyncio.gather(
            *(walk(*each, think) for each in zip(visitors, visits, chances, strict=True)),
        )
        seconds, processor = time.perf_counter() - began, server.processor() - processor
        busy = os.getloadavg()[0]
        full = server.megabytes()
        _tell(f"walked in {seconds:.0f} s, {full:.0f} MB")
        for place in places[1:]:
            if place.began is not None:
                faults.append("a training that waits began before the first one was stopped")
        if places[0].ended is not None:
            faults.append("the first training ended before it was stopped")
        await trainers[0].press("transport_stop")
        await asyncio.wait_for(watching, PATIENCE)
        _tell("the line has run out")
        await asyncio.sleep(2)  # the pages of the trainings show their ends
        for session in (*trainers, *visitors):
            faults += session.faults
        ticks = sum(trainer.ticks for trainer in trainers)
    await asyncio.sleep(KEPT + 5)
    async with Session(server.url, new_visitor_id()) as last:  # with whom the server looks at whom it still keeps
        await last.open("rate")
        faults += last.faults
    await asyncio.sleep(5)
    after = server.megabytes()
    _tell(f"after: {after:.0f} MB")
    for visit in visits:
        faults += visit.faults
    faults += unfair(places) + server.wrong_in_log()
    lost = ratings_lost(VisitorStore(f"sqlite:///{server.home / 'visitors.sqlite3'}"), visits)
    return Found(visits, places, faults, lost, seconds, processor, busy, ticks, before, full, after)


async def warm_up(server: Server, chance: random.Random, query: str, second: str = "") -> None:
    """Visits with a training each, until what the server keeps for everybody is full: the models of so many runs.

    Args:
        server: where to.
        chance: what they rate.
        query: the address of their trainings.
        second: of the second one's, where that is another. With the app's own model the first one's is one too many;
            so this is the oldest that is kept, and the first to go.
    """
    for address in [query, second or query, *[query] * (MODELS_KEPT - 2)]:
        visit = Visit(new_visitor_id())
        async with Session(server.url, visit.visitor) as session:
            await start_training(session, server, address)
            await training_ended(session)
            await walk(session, visit, chance, 0.0)
            if visit.faults:
                raise RuntimeError(f"A visitor alone meets: {visit.faults}")
    await asyncio.sleep(2)


def _tell(what: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr, flush=True)


def times_of(visits: Sequence[Visit]) -> list[tuple[str, str]]:
    """A row for each page, and one for all: seconds of a run."""
    rows = []
    for name in ("rate", "a rating", "recommendations", "reconstruction", ""):
        times = [drawn.seconds for visit in visits for drawn in visit.drawn if name in ("", drawn.page)]
        middle, late, most = np.percentile(times, [50, LATE, 100])
        rows.append((f"seconds of {name or 'any run'}", f"median {middle:.2f}, p{LATE} {late:.2f}, most {most:.2f}"))
    return rows


def table(found: Found, think: float) -> str:
    """What it came to, as Markdown."""
    rows = [
        ("sessions at once", f"{len(found.visits)}, and {1 + WAITING} that train"),
        ("think time", f"{think:g} s on average" if think else "none"),
        ("runs of pages", f"{sum(len(visit.drawn) for visit in found.visits)} in {found.seconds:.0f} s"),
        ("processor of the server meanwhile", f"{found.processor:.0f} s; load of the machine {found.load:.0f}"),
        ("redrawings of the Train page", f"{found.ticks:,}"),
        ("exceptions, red boxes, errors in the log, unfairness", str(len(found.faults))),
        ("ratings not kept as given", f"{found.lost} of {sum(len(visit.given) for visit in found.visits)}"),
        ("trainings before each, as the page said", ", ".join(str(place.said) for place in found.places)),
    ]
    rows += times_of(found.visits)
    sizes = [drawn.size / 1000 for visit in found.visits for drawn in visit.drawn]
    rows.append(("kilobytes of a run", f"median {np.median(sizes):.0f}, most {max(sizes):.0f}"))
    of_each = [sum(drawn.seconds for drawn in visit.drawn) for visit in found.visits]
    rows.append(("seconds that a visitor waited in all", f"median {np.median(of_each):.1f}, most {max(of_each):.1f}"))
    rows += [
        ("memory before", f"{found.before:.0f} MB"),
        (
            "memory with all there",
            f"{found.full:.0f} MB, {(found.full - found.before) / (len(found.visits) + 1 + WAITING):.2f} a session",
        ),
        ("memory after", f"{found.after:.0f} MB, {found.after / found.before - 1:+.1%}"),
    ]
    return "\n".join(["| what | found |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)])


def main() -> int:
    """Does it, prints the table, and returns 1 where something was wrong or lost, or the memory did not come back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50, help="visitors at once (default: 50)")
    parser.add_argument("--think", type=float, default=5.0, help="mean seconds between two acts (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of what they do (default: 0)")
    asked = parser.parse_args()
    on, limits = machine(), {"AUTOREC_MAX_QUEUE": str(WAITING)}
    with tempfile.TemporaryDirectory(prefix="autorec-load-") as folder, served(Path(folder), **limits) as server:
        found = asyncio.run(load(server, asked.sessions, asked.think, asked.seed))
    print(f"{on}\n\n{table(found, asked.think)}")
    for fault in sorted(set(found.faults))[:20]:
        print(f"{found.faults.count(fault)} x {fault}")
    return int(bool(found.faults) or found.lost > 0 or found.after > (1 + BACK) * found.before)


if __name__ == "__main__":
    sys.exit(main())
