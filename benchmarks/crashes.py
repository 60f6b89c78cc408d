"""Does to it what a machine does: kills at random moments, full disks, cut power, too little memory. What is lost?

    python -m benchmarks.crashes            # the long form, `make soak`: some minutes
    python -m benchmarks.crashes --quick    # what the tests run
    python -m benchmarks.crashes --only kill_training kill_rating

Prints a row for each: how many times, and how much was lost that should not have been. The status is 1 where anything
was. Trainings run in children that are forked after torch is there and before it has made threads, so that a hundred
kills take a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from autorec_core import datasets, memory, recording
from autorec_core.errors import AutoRecError, QueueError, StorageError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobRunner
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.uploads import UploadStore, read
from autorec_core.visitors import VisitorStore, new_visitor_id
from autorec_core.worker import is_out_of_memory
from benchmarks.ports import free_port

ROOT = Path(__file__).parent.parent
OWNER = "a" * 16
PATIENCE = 900.0
"""Seconds until something counts as missing, on a machine that is busy with other things."""
SECONDS_TO_CLOSE = 5.0
"""How long a server may take to end with a training running."""
VALUES = Hyperparameters(hidden_units=6, epochs=12, batch_size=16)


@dataclass
class Row:
    """What came of one kind of crash."""

    name: str
    times: int = 0
    lost: int = 0
    note: str = ""

    def check(self, holds: object, what: str) -> None:
        """Counts a loss where something does not hold."""
        if not holds:
            self.lost += 1
            self.note = f"{self.note}; {what}".lstrip("; ")


def ratings_file(folder: Path) -> Path:
    """2,000 ratings with a pattern."""
    path = folder / "ratings.csv"
    if not path.exists():
        rows = (f"{u},{i},{1 + (u * i + u) % 5}" for u in range(80) for i in range(50) if (u + 2 * i) % 2)
        path.write_text("user,item,rating\n" + "\n".join(rows))
    return path


def child(act: Callable[[], None]) -> int:
    """Does something in a child of one's own; its process id."""
    sys.stdout.flush()
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        torch.set_num_threads(1)
        act()
        status = 0
    finally:
        os._exit(status)


def train(run: Run) -> None:
    """Trains, with a checkpoint after each epoch, so that short trainings have all moments of long ones."""
    recording.SECONDS_BETWEEN_CHECKPOINTS = 0.0
    record(run, lambda *_: True)


def figures(run: Run) -> list[dict[str, Any]]:
    """All events without what a clock says."""
    clocks = ("seconds", "ratings_per_second", "epoch_seconds_median")
    found = []
    for event in run.events():
        values = {name: value for name, value in asdict(event).items() if name not in clocks}
        if event.kind != "started":  # comes again at each resume
            found.append(values)
    return found


def same(run: Run, other: Run) -> bool:
    """Whether two runs came to the same figures and weights, bit for bit."""
    weights = [(one.folder / "model.safetensors").read_bytes() for one in (run, other)]
    return weights[0] == weights[1] and figures(run) == figures(other)


def uninterrupted(folder: Path, values: Hyperparameters = VALUES) -> tuple[RunStore, RunConfig, Run, float]:
    """A store, a configuration, the run that nothing happened to, and how long it took."""
    store = RunStore(folder / "runs")
    config = RunConfig(source=Source(ratings=str(ratings_file(folder))), hyperparameters=values)
    whole = store.create(config)
    began = time.perf_counter()
    os.waitpid(child(lambda: train(whole)), 0)
    taken = time.perf_counter() - began
    if whole.ended is None:
        raise SystemExit("The training that nothing happens to does not end.")
    return store, config, whole, taken


# -- kills ------------------------------------------------------------------------------------------------------------


def kill_training(folder: Path, times: int, chance: random.Random) -> Row:
    """kill -9 of the process that trains, at any moment; resumed, it comes to the same, bit for bit."""
    row = Row("kill -9 of a training, at random moments")
    store, config, whole, taken = uninterrupted(folder)
    runner = JobRunner(store)  # tells what a person reads; it starts no worker
    while row.times < times:
        run = store.create(config)
        while run.ended is None:
            number = child(lambda run=run: train(run))  # type: ignore[misc]
            if row.times < times and chance.random() < 0.8:
                time.sleep(chance.uniform(0, 0.8 * taken))
                os.kill(number, signal.SIGKILL)
                row.times += 1
            os.waitpid(number, 0)
            state, epoch = run.state, run.checkpoint_epoch
            row.check(state in ("waiting", "interrupted", "ended"), f"state {state}")
            with contextlib.suppress(StorageError):
                numbers = [event.epoch for event in run.events() if event.kind == "epoch"]
                row.check(numbers == list(range(1, len(numbers) + 1)), f"epochs {numbers}")
                row.check(epoch is None or epoch <= len(numbers), "a checkpoint before its event")
            if (run.folder / "last.safetensors").exists():
                row.check(run.load_checkpoint() is not None, "no checkpoint")
            if state == "interrupted":
                told = runner.status(run.id).message
                begins = f"from epoch {epoch}" if epoch else "from the beginning"
                row.check(begins in told or "not begun" in told, f"told {told!r}, has {epoch}")
        row.check(same(run, whole), f"run {run.id} came to something else")
    return row


def kill_rating(folder: Path, times: int, chance: random.Random) -> Row:
    """kill -9 of a process that writes ratings: each that was acknowledged is there, and the database is whole."""
    row = Row("kill -9 while rating")
    url, acknowledged = f"sqlite:///{folder / 'visitors.sqlite3'}", folder / "acknowledged"
    visitor = new_visitor_id()
    VisitorStore(url).close()

    def rate(first: int) -> None:
        store = VisitorStore(url)
        with acknowledged.open("ab", buffering=0) as file:
            for item in range(first, first + 100_000):
                store.rate(visitor, "movielens", item, 4.0)
                file.write(f"{item}\n".encode())

    for time_ in range(times):
        before = acknowledged.stat().st_size if acknowledged.exists() else 0
        number = child(lambda first=time_ * 100_000: rate(first))  # type: ignore[misc]
        until(lambda: acknowledged.exists() and acknowledged.stat().st_size > before, 60, "no rating")  # noqa: B023
        time.sleep(chance.uniform(0, 0.1))
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        row.times += 1
    store = VisitorStore(url)
    known = {int(item) for item in store.ratings_of(visitor, "movielens")}
    told = {int(line) for line in acknowledged.read_text().split("\n")[:-1]}
    row.check(told <= known, f"{len(told - known)} ratings")
    row.check(len(known - told) <= times, "ratings that nobody gave")
    with contextlib.closing(sqlite3.connect(folder / "visitors.sqlite3")) as connection:
        row.check(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), "not whole")
    row.note = row.note or f"{len(told):,} acknowledged ratings"
    return row


def cut_power(folder: Path, times: int, chance: random.Random) -> Row:
    """The log of writes cut anywhere, with or without rubbish behind: what opens is what was there up to a moment."""
    row = Row("power cut: SQLite's log torn anywhere")
    path = folder / "visitors.sqlite3"
    store, visitor = VisitorStore(f"sqlite:///{path}"), new_visitor_id()
    for item in range(30):
        store.rate(visitor, "movielens", item, 1.0 + item % 5)
    log = path.with_name(path.name + "-wal").read_bytes()
    whole = path.read_bytes()
    for _ in range(times):
        place = folder / f"cut-{row.times}"
        place.mkdir()
        (place / "visitors.sqlite3").write_bytes(whole)
        length = chance.randrange(len(log) + 1)
        rubbish = chance.randbytes(chance.randrange(5000)) if chance.random() < 0.5 else b""
        (place / "visitors.sqlite3-wal").write_bytes(log[:length] + rubbish)
        again = VisitorStore(f"sqlite:///{place / 'visitors.sqlite3'}")
        found = sorted(int(item) for item in again.ratings_of(visitor, "movielens"))
        row.check(found == list(range(len(found))), f"a hole: {found}")
        row.check(length < len(log) or len(found) == 30, "the whole log has not all")
        again.rate(visitor, "movielens", 99, 3.0)
        again.close()
        shutil.rmtree(place)
        row.times += 1
    return row


def two_servers(folder: Path, times: int, chance: random.Random) -> Row:
    """Two processes that want the same run at once: one trains it, and it comes to the same."""
    row = Row("two servers resume one run at once")
    store, config, whole, taken = uninterrupted(folder)

    def try_to(run: Run) -> None:
        with contextlib.suppress(QueueError):
            train(run)

    for _ in range(times):
        run = store.create(config)
        numbers = [child(lambda run=run: try_to(run)) for _ in range(2)]  # type: ignore[misc]
        time.sleep(chance.uniform(0, taken))
        statuses = [os.waitpid(number, 0)[1] for number in numbers]
        row.check(statuses == [0, 0], f"statuses {statuses}")
        row.check(run.ended is not None and same(run, whole), "not the same")
        row.times += 1
    return row


# -- disks ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path | None]:
    """A file system of its own that is soon full; None where one may not be mounted."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, left: int) -> None:
    """Fills a disk but for some bytes."""
    free = shutil.disk_usage(disk).free
    with (disk / "ballast").open("ab") as ballast:
        ballast.write(b"\0" * max(0, free - left))


def fetch(folder: Path, home: Path) -> None:
    """Fetches a data set from a file beside into a home folder."""
    packed = folder / "small.zip"
    if not packed.exists():
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(ratings_file(folder), "ml-latest-small/ratings.csv")
    known = replace(datasets.DATASETS["ml-latest-small"], download=packed.as_uri())
    before, os.environ["AUTOREC_HOME"] = os.environ.get("AUTOREC_HOME", ""), str(home)
    try:
        datasets._fetch_once(known, None, lambda: False)
    finally:
        os.environ["AUTOREC_HOME"] = before


def full_disk(folder: Path, times: int, chance: random.Random) -> Row:
    """Every kind of write on a disk that is full: a sentence, what was there stays, and with room it goes on."""
    row = Row("full disk: event, checkpoint, rating, data set, upload, run")
    with small_disk(folder, 3000) as disk:
        if disk is None:
            row.note = "skipped: a disk may not be mounted here"
            return row
        _, config, whole, _ = uninterrupted(folder)
        store, uploads = RunStore(disk / "runs"), UploadStore(disk / "uploads")
        visitors, visitor = VisitorStore(f"sqlite:///{disk / 'visitors.sqlite3'}"), new_visitor_id()
        ratings = read("mine.csv", ratings_file(folder).read_bytes())
        for given in range(times):
            run = store.create(config)

            def try_to(run: Run = run) -> None:
                with contextlib.suppress(StorageError):
                    train(run)

            fill(disk, chance.randrange(4096, 80_000))
            number = child(try_to)
            row.check(os.waitpid(number, 0)[1] == 0, "a training ended otherwise than by a sentence")
            row.check(run.state in ("interrupted", "waiting", "ended"), run.state)
            fill(disk, 0)
            for act in (
                lambda: store.create(config),
                lambda: uploads.keep(OWNER, "mine.csv", ratings),
                lambda: fetch(folder, disk),
                lambda: [visitors.rate(visitor, "movielens", 10_000 + item, 2.0) for item in range(200)],
            ):
                try:
                    act()
                    row.check(False, "written to a full disk")
                except AutoRecError as error:
                    row.check(any(word in str(error) for word in ("space", "full", "MB are free")), f"told {error}")
            row.check(store.all() == [found for found in store.all() if found.folder.name], "a run without a folder")
            row.check(uploads.of(OWNER) == [], "half an upload")
            row.check(not [*(disk / "datasets").rglob("*.csv")], "half a data set")
            (disk / "ballast").unlink()
            visitors.rate(visitor, "movielens", given, 5.0)
            known = visitors.ratings_of(visitor, "movielens")
            row.check(all(known.get(str(item)) == 5.0 for item in range(given + 1)), "a rating")
            os.waitpid(child(lambda run=run: train(run)), 0)  # type: ignore[misc]
            row.check(run.ended is not None and same(run, whole), "resumed, it is not the same")
            leftovers = [path.name for path in run.folder.iterdir() if path.name.startswith(".")]
            row.check(not leftovers, f"left behind: {leftovers}")
            store.delete(run.id)
            row.times += 1
        visitors.close()
    return row


def out_of_memory(folder: Path, times: int, chance: random.Random) -> Row:
    """Too little memory: what is foreseen is refused with its figure; what is not ends in a sentence, and can go on."""
    row = Row("out of memory in the training")
    store = RunStore(folder / "runs")
    values = Hyperparameters(hidden_units=1000, epochs=2, batch_size=16)
    path = folder / "wide.csv"
    rows = (f"{u},{u % 40},{1 + u % 5}\n{u},{40 + u % 31},{1 + u % 3}" for u in range(30_000))
    path.write_text("user,item,rating\n" + "\n".join(rows))
    config = RunConfig(source=Source(ratings=str(path)), hyperparameters=values)
    for _ in range(times):
        run = store.create(config)

        def starve(run: Run = run) -> None:
            taken = psutil.Process().memory_info().vms
            spare = chance.randrange(100_000_000, 400_000_000)
            resource.setrlimit(resource.RLIMIT_AS, (taken + spare, taken + spare))
            try:
                train(run)
            except BaseException as error:
                os._exit(0 if is_out_of_memory(error) or isinstance(error, AutoRecError) else 3)

        chance.random()
        number = child(starve)
        status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        row.check(status == 0, f"status {status}")
        row.check(run.state in ("waiting", "interrupted"), run.state)
        row.times += 1
    told = memory.shortage(1e15)
    row.check("would need about" in told and "are free" in told, told)
    return row


# -- the whole server -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server(home: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The app, on a port of its own, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "127.0.0.1"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "AUTOREC_HOME": str(home)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        until(lambda: answers(port), PATIENCE, "the server does not answer")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    """Whether the server is there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


def until(holds: Callable[[], object], seconds: float, what: str) -> None:
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


HOW = {
    "SIGTERM": lambda server, worker: server.send_signal(signal.SIGTERM),
    "Ctrl-C": lambda server, worker: server.send_signal(signal.SIGINT),
    "kill -9 of the server": lambda server, worker: server.kill(),
    "kill -9 of the worker": lambda server, worker: worker.kill(),
    "kill -9 of both": lambda server, worker: (worker.kill(), server.kill()),
}
"""What is done to a server -> how."""


def stop_server(folder: Path, times: int, chance: random.Random) -> Row:
    """The whole app with a training running, told to end: within seconds, with a checkpoint, and without an orphan."""
    row = Row("SIGTERM of the server, a training running")
    for _ in range(times):
        _end(row, folder, "SIGTERM", LONG, chance.randrange(1, 4))
    return row


LONG = Hyperparameters(hidden_units=32, epochs=60, batch_size=128)
"""A training of the bundled ratings that takes a while."""


def end_server(folder: Path, times: int, chance: random.Random) -> Row:
    """The whole app with a training running, ended in every way; started again, its training comes to the same."""
    row = Row("the server and its worker: " + ", ".join(HOW))
    values = LONG
    whole = RunStore(folder / "reference").create(RunConfig(kind="starter", hyperparameters=values))
    program = "import sys; from pathlib import Path; from autorec_core.runs import Run; "
    program += "from autorec_core.recording import record; record(Run(Path(sys.argv[1])), lambda *_: True)"
    subprocess.run([sys.executable, "-c", program, str(whole.folder)], cwd=ROOT, check=True)
    slowest = 0.0
    for _ in range(times):
        for how in HOW:
            run, taken = _end(row, folder, how, values, chance.randrange(1, 40))
            slowest = max(slowest, taken)
            home = run.folder.parent.parent
            with server(home, folder / "server.log") as process:  # which resumes its starter model by itself
                until(lambda: run.ended is not None, PATIENCE, "it does not go on")  # noqa: B023
                process.terminate()
                process.wait(30)
            row.check(same(run, whole), f"{how}: not the same")
    row.note = row.note or f"slowest end {slowest:.1f} s"
    return row


def _end(row: Row, folder: Path, how: str, values: Hyperparameters, epoch: int) -> tuple[Run, float]:
    """Starts the app, which trains, and ends it in some way after an epoch; the run, and how long the end took."""
    home = folder / f"home-{row.times}"
    run = RunStore(home / "runs").create(RunConfig(kind="starter", hyperparameters=values))
    with server(home, folder / "server.log") as process:
        until(lambda: (run.last_epoch.epoch if run.last_epoch else 0) >= epoch, PATIENCE, "no epoch")
        workers = psutil.Process(process.pid).children(recursive=True)
        trains = [one for one in workers if "autorec_core.worker" in " ".join(one.cmdline())]
        began = time.monotonic()
        HOW[how](process, trains[0])
        if how == "kill -9 of the worker":
            until(lambda: run.state != "running", 30, "still running")
            process.terminate()
        process.wait(60)
        _, alive = psutil.wait_procs(workers, 30)
        taken = time.monotonic() - began
        row.check(not alive, f"{how}: left {[one.pid for one in alive]}")
        row.check(taken <= SECONDS_TO_CLOSE or "kill" in how, f"{how}: took {taken:.1f} s")
    row.check(run.state == "interrupted", f"{how}: {run.state}")
    last, saved = run.last_epoch, run.checkpoint_epoch
    row.check(last is not None and ("kill" in how or saved == last.epoch), f"{how}: saved {saved} of {last}")
    row.times += 1
    return run, taken


ALL: dict[str, tuple[Callable[..., Row], int, int]] = {
    "kill_training": (kill_training, 6, 400),
    "kill_rating": (kill_rating, 4, 300),
    "cut_power": (cut_power, 20, 2000),
    "two_servers": (two_servers, 1, 60),
    "full_disk": (full_disk, 1, 100),
    "out_of_memory": (out_of_memory, 1, 30),
    "stop_server": (stop_server, 1, 3),
    "end_server": (end_server, 0, 5),
}
"""Name -> what does it, how many times in the quick and in the long form."""


def main() -> int:
    """Does all that is asked for, prints a row each, and returns the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer times, without the whole server")
    parser.add_argument("--only", nargs="+", choices=ALL, default=list(ALL), help="some of them alone")
    parser.add_argument("--times", type=int, help="how often, in place of what each has")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    rows = []
    if not chosen.json:
        print("| what | times | lost | |\n|---|---|---|---|")
    for name in chosen.only:
        act, quick, long = ALL[name]
        times = chosen.times or (quick if chosen.quick else long)
        if not times:
            continue
        with tempfile.TemporaryDirectory(prefix="autorec-crash-") as folder:
            row = act(Path(folder), times, random.Random(f"{chosen.seed} {name}"))
        rows.append({"scenario": name, **asdict(row)})
        if not chosen.json:
            print(f"| {row.name} | {row.times:,} | {row.lost} | {row.note} |", flush=True)
    if chosen.json:
        print(json.dumps(rows))
    return int(any(row["lost"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
