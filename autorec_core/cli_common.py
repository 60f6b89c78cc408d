"""What the commands of the command line share: where runs are, how a result and a download are told."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from autorec_core import storage
from autorec_core.runs import Run, RunStore

INTERRUPTED = 130
"""Status after Ctrl-C, as shells have it."""


def store_of(chosen: argparse.Namespace) -> RunStore:
    """The runs of `--runs`, or of the home folder."""
    return RunStore(Path(chosen.runs).resolve() if chosen.runs else storage.runs_folder())


def find_run(store: RunStore, name: str) -> Run:
    """A run by its id, or by its folder.

    Raises:
        NotFoundError: there is none.
    """
    folder = Path(name)
    return Run(folder.resolve()) if (folder / "run.json").is_file() else store.get(name)


def print_json(found: dict[str, Any]) -> None:
    """The one object that `--json` prints."""
    print(json.dumps(found, indent=1, ensure_ascii=False))


def fetching(come: int, whole: int) -> None:
    """Says on a terminal how far a download is; both in bytes, `whole` 0 where that is not known."""
    if sys.stderr.isatty():
        share = f" of {whole / 1e6:.1f}" if whole else ""
        print(f"\rFetching: {come / 1e6:.1f}{share} MB\033[K", end="\n" if come == whole else "", file=sys.stderr)
