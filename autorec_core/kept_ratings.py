"""Ratings as they stand in memory, kept in a file: three Arrow tables after each other, mapped and not read.

A large set is read from its text once. From then on loading it is opening a file, and processes that use the same set
share one copy of it in memory. The file is this program's own and can be deleted at any time.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from autorec_core import storage
from autorec_core.ratings import Compressed, Items, Ratings, RatingScale

_LAYOUT = "1"
"""Of the file; changed with it, so that a file of another version is passed over."""
_BLOCK = 1 << 20


def keep(ratings: Ratings, path: Path, made_from: str) -> None:
    """Writes ratings into a file, whole or not at all.

    Args:
        ratings: what is kept.
        path: the file; replaced where it is there.
        made_from: what it was made from, for `fetch` to compare.

    Raises:
        StorageError: the disk does not take it.
    """
    scale = ratings.scale
    about = {
        "layout": _LAYOUT,
        "made_from": made_from,
        "name": ratings.name,
        "catalogue": ratings.catalogue,
        "scale": [scale.low, scale.high, scale.step],
        "sizes": [ratings.num_ratings, ratings.num_users, ratings.num_items],
    }
    by_user, items = ratings.by_user, ratings.items
    columns = {"item": by_user.indices, "rating": by_user.values}
    if ratings.timestamps is not None:
        columns["timestamp"] = ratings.timestamps
    users = pa.table({"id": ratings.user_ids.tolist(), "count": by_user.counts})
    known = pa.table(
        {
            "id": items.ids.tolist(),
            "title": items.titles.tolist(),
            "year": items.years,
            "genres": ["\n".join(genres) for genres in items.genres],
        }
    )
    marked = users.replace_schema_metadata({"about": json.dumps(about)})

    def write(place: Path) -> None:
        with pa.OSFile(str(place), "wb") as file:
            for table in (marked, known, pa.table(columns)):
                with pa.ipc.new_stream(file, table.schema) as writer:
                    # One piece, so that a column is one array when it is mapped.
                    writer.write_table(table, max_chunksize=max(1, table.num_rows))

    storage.replace_file(path, write)


def fetch(path: Path, made_from: str) -> Ratings | None:
    """Ratings from a file, or None where it is missing, made from something else, or damaged.

    Args:
        path: the file.
        made_from: as it was kept with.
    """
    try:
        with pa.memory_map(str(path)) as file:
            users = pa.ipc.open_stream(file).read_all()
            about = json.loads((users.schema.metadata or {})[b"about"])
            if about["layout"] != _LAYOUT or about["made_from"] != made_from:
                return None
            known = pa.ipc.open_stream(file).read_all()
            table = pa.ipc.open_stream(file).read_all()
        return _built(about, users, known, table)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, EOFError):
        return None


def _built(about: dict[str, object], users: pa.Table, known: pa.Table, table: pa.Table) -> Ratings:
    """Raises ValueError where the parts do not fit each other."""
    counts = _array(users, "count")
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    indices, values = _array(table, "item"), _array(table, "rating")
    timestamps = _array(table, "timestamp") if "timestamp" in table.column_names else None
    sizes = [len(indices), users.num_rows, known.num_rows]
    is_whole = sizes == about["sizes"] and indptr[-1] == len(indices) and (counts >= 0).all()
    # Compiled code relies on the indices, so they are looked at, a piece at a time.
    for begin in range(0, len(indices) if is_whole else 0, _BLOCK):
        part = indices[begin : begin + _BLOCK]
        is_whole = is_whole and int(part.min()) >= 0 and int(part.max()) < known.num_rows
    if not is_whole or indices.dtype != np.int32 or values.dtype != np.float32:
        raise ValueError("The parts do not fit each other.")
    genres_of: dict[str, tuple[str, ...]] = {"": ()}
    genres = []
    for text in known["genres"].to_pylist():
        if text not in genres_of:
            genres_of[text] = tuple(text.split("\n"))
        genres.append(genres_of[text])
    arrays = [np.array(users["id"].to_pylist()), np.array(known["id"].to_pylist())]
    titles, years = np.array(known["title"].to_pylist(), dtype=str), _array(known, "year")
    for array in (*arrays, titles, years, indptr):
        array.flags.writeable = False
    return Ratings(
        name=str(about["name"]),
        catalogue=str(about["catalogue"]),
        scale=RatingScale(*about["scale"]),  # type: ignore[misc]
        user_ids=arrays[0],
        items=Items(ids=arrays[1], titles=titles, years=years, genres=tuple(genres)),
        by_user=Compressed(indptr=indptr, indices=indices, values=values, num_columns=known.num_rows),
        timestamps=timestamps,
    )


def _array(table: pa.Table, name: str) -> np.ndarray:
    column = table[name]
    if column.num_chunks != 1 or column.null_count:
        raise ValueError(f"The column {name} is in pieces.")
    return np.from_dlpack(column.chunk(0))
