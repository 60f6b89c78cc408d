"""`python -m autorec_core status | backup | restore`: for whoever runs a server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from autorec_core import memory, operating, storage
from autorec_core.cli_common import print_json


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds the commands to the command line."""
    status = commands.add_parser("status", help="how a server stands: runs, database, disk, memory")
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.set_defaults(act=_status)
    backup = commands.add_parser("backup", help="copy the ratings' database while the server runs")
    backup.add_argument("file", metavar="FILE", help="a new file, or a folder")
    backup.set_defaults(act=_backup)
    restore = commands.add_parser("restore", help="put a backup in the database's place, the server being stopped")
    restore.add_argument("file", metavar="FILE", help="what backup wrote")
    restore.set_defaults(act=_restore)


def _status(chosen: argparse.Namespace) -> int:
    found = operating.status()
    if chosen.json:
        print_json(found)
        return 0
    words = memory.in_words
    print(f"home      {found['home']}")
    print("runs      " + ", ".join(f"{count} {name}" for name, count in found["runs"].items()))
    for one in found["training"]:
        print(f"training  {one['run_id']}, epoch {one['epoch']} of {one['epochs']}")
    database, disk = found["database"], found["disk"]
    counts = f", {database['ratings']:,} ratings of {database['visitors']:,} visitors" if database["ratings"] else ""
    print(f"database  {database['url']}: {database['state']}{counts}")
    used = ", ".join(f"{name} {words(size)}" for name, size in disk["used_bytes"].items())
    can_write = "" if disk["is_writable"] else "; it can't be written"
    print(f"disk      {words(disk['free_bytes'])} of {words(disk['total_bytes'])} free; {used}{can_write}")
    print(
        f"memory    {words(found['memory']['available_bytes'])} of {words(found['memory']['total_bytes'])} free"
        + (f"; load {' '.join(map(str, found['load']))}" if found["load"] else "")
    )
    return 0


def _backup(chosen: argparse.Namespace) -> int:
    count = operating.backup(Path(chosen.file))
    print(f"backed up {count:,} ratings", file=sys.stderr)
    return 0


def _restore(chosen: argparse.Namespace) -> int:
    count = operating.restore(Path(chosen.file))
    print(f"restored {count:,} ratings to {storage.database_url()}", file=sys.stderr)
    return 0
