"""A new run that goes on from an earlier moment of another one."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace

from autorec_core import storage
from autorec_core.errors import NotFoundError, Sentence, StorageError
from autorec_core.runs import Run, RunStore
from autorec_core.snapshots import Album


def fork(store: RunStore, run: Run, epoch: int, *, owner: str | None) -> Run:
    """Makes a run that begins where another one was after an epoch: weights, optimiser, history and pictures.

    Args:
        store: takes the new run.
        run: the one to branch off from; it stays as it is.
        epoch: one of `Album.epochs("checkpoint")`.
        owner: whose the new run is.

    Raises:
        NotFoundError: there is no checkpoint of that epoch.
        StorageError: the disk does not take it.
    """
    album = Album(run.folder)
    checkpoint = album.checkpoint(epoch)
    if checkpoint is None:
        kept = ", ".join(map(str, album.epochs("checkpoint"))) or Sentence("none")
        raise NotFoundError(
            "Epoch {epoch} of run {run} can't be resumed from; these can: {kept}.", epoch=epoch, run=run.id, kept=kept
        )
    made = store.create(replace(run.config, kind="visitor", owner=owner, fork_of=run.id, fork_epoch=epoch))
    try:
        shutil.copyfile(run.folder / "events.jsonl", made.folder / "events.jsonl")
        shutil.copyfile(checkpoint, made.folder / "last.safetensors")
        storage.flush_file(made.folder / "last.safetensors")
        album.copy_to(Album(made.folder), epoch)
        made.cut_back(epoch)
    except (OSError, StorageError) as error:
        with contextlib.suppress(OSError, StorageError, NotFoundError):
            store.delete(made.id)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StorageError("Can't branch off from run {run}: {reason}.", run=run.id, reason=reason) from error
    return made
