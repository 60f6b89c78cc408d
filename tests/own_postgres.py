"""A PostgreSQL server of one's own: started in a temporary folder, on loopback at a free port, and stopped again.

PostgreSQL refuses to run as root, so that a root starts it as the user `nobody`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.ports import free_port

SECONDS = 60
USER = "autorec"
DURABILITY_OFF = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""A server that is thrown away need not survive a power cut."""


def programs() -> Path:
    """The folder of `initdb` and `postgres`; Debian keeps it out of the path. The newest one."""
    found = shutil.which("initdb")
    if found is not None and Path(found).resolve().with_name("postgres").exists():
        return Path(found).resolve().parent
    folders = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if not folders:
        raise FileNotFoundError("These tests need PostgreSQL's programs: `make postgres`, or apt install postgresql.")
    return max(folders, key=lambda folder: int(folder.parent.name))


@contextmanager
def running(settings: tuple[str, ...] = DURABILITY_OFF) -> Iterator[str]:
    """The URL of an empty database of a server that runs for as long as this is open.

    Args:
        settings: of the server, `name=value` each.
    """
    folder = Path(tempfile.mkdtemp(prefix="autorec-postgres-"))
    unprivileged: dict[str, Any] = {"cwd": "/"}
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        unprivileged |= {"user": "nobody", "extra_groups": []}
    try:
        yield from _served(folder, unprivileged, settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _served(folder: Path, unprivileged: dict[str, Any], settings: tuple[str, ...]) -> Iterator[str]:
    cluster, log = folder / "cluster", folder / "log"
    made = [programs() / "initdb", "--pgdata", cluster, "--username", USER, "--auth", "trust", "--no-sync"]
    said = subprocess.run(
        [*map(str, made), "--encoding", "UTF8", "--locale", "C"], capture_output=True, text=True, **unprivileged
    )
    if said.returncode:
        raise RuntimeError(f"initdb failed: {said.stderr}")
    port = free_port()
    command = [str(programs() / "postgres"), "-D", str(cluster), "-h", "127.0.0.1", "-p", str(port), "-k", ""]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, *(part for setting in settings for part in ("-c", setting))],
            stdout=output,
            stderr=subprocess.STDOUT,
            **unprivileged,
        )
    try:
        url = f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
        _wait_until_it_answers(url, server, log)
        yield url
    finally:
        server.send_signal(signal.SIGQUIT)  # nothing is to be kept
        server.wait(SECONDS)


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    engine, until = sa.create_engine(url, poolclass=sa.NullPool), time.monotonic() + SECONDS
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.02)
        else:
            return
