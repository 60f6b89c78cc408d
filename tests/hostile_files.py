"""Files that nobody means well by, each read by everything that reads files; run by `test_bad_input` in a process whose
memory and processor time are bounded, and whose folder is looked at afterwards.

    python tests/hostile_files.py FOLDER [--quick]

Prints one JSON object: case -> reader -> what came of it: "read", or the sentence, or what should not have come.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import struct
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from autorec_core import datasets, fetching, uploads
from autorec_core.errors import AutoRecError
from autorec_core.imports import read_history
from autorec_core.rating_files import read_ratings
from autorec_core.runs import Run, RunConfig, RunStore
from autorec_core.shelf import note_of
from autorec_core.snapshots import Album, Watched
from autorec_core.titles import titles_of_csv
from autorec_core.trials import importance_of, trials_of

SECONDS = 5.0
"""Of the processor, for one reader of one file."""
MEMORY = 1_500_000_000
"""Bytes of addresses beyond what the process has when it is ready."""
GOOD = b"user,item,rating\n" + b"".join(b"%d,%d,%d\n" % (u, i, 1 + (u * i) % 5) for u in range(12) for i in range(9))
DEEP = b"[" * 100_000
DEEP_OBJECTS = b'{"a":' * 100_000


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A zip file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def bomb(name: str, megabytes: int, *others: tuple[str, bytes]) -> bytes:
    """A zip whose one member unpacks to very much more."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        block = b"1,1,1\n" * 170_000
        for _ in range(megabytes):
            file.write(block)
    return packed.getvalue()


def symlink(name: str) -> zipfile.ZipInfo:
    """A member that would be a link when unpacked."""
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, 0o120777 << 16
    return member


def wide_parquet(millions: int) -> bytes:
    """A small Parquet file of very many equal rows."""
    whole = io.BytesIO()
    table = pa.table({name: pa.array(np.ones(1_000_000, dtype=np.int64)) for name in ("user", "item", "rating")})
    with pq.ParquetWriter(whole, table.schema, compression="zstd") as writer:
        for _ in range(millions):
            writer.write_table(table, row_group_size=1_000_000)
    return whole.getvalue()


def tensors(header: object, content: bytes = b"", *, length: int | None = None) -> bytes:
    """A safetensors file that may lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def tables(million: int) -> Iterator[tuple[str, str, bytes]]:
    """Case, name of the file, content; a million may be less, where time is short."""
    names = b"user,item,rating"
    yield "nothing", "a.csv", b""
    yield "a header of ten million columns", "a.csv", names + b",a" * int(9.9 * million) + b"\n1,1,1\n"
    yield "a row of ten million columns", "a.csv", names + b"\n1,1,1" + b",1" * int(9.9 * million)
    yield "ten million columns without a name", "a.csv", b"," * (19 * million)
    yield "one line of 19 MB", "a.csv", b"x" * (19 * million)
    yield "one cell of 19 MB", "a.csv", names + b'\n1,"' + b"y\n" * int(9.4 * million) + b'",3\n'
    yield "an open quote", "a.csv", names + b'\n"1,1,1\n' + b"2,2,2\n" * int(0.9 * million)
    yield "six million bad rows", "a.csv", names + b"\n" + b"x,\n" * (6 * million)
    yield "two million equal rows", "a.csv", names + b"\n" + b"1,1,1\n" * int(2.5 * million)
    ids = b"".join(b"u%d,i,3\n" % number for number in range(int(1.3 * million)))
    yield "a million ids of text", "a.csv", names + b"\n" + ids
    yield "no numbers", "a.csv", GOOD + b"90,90,nan\n91,91,inf\n92,92,-inf\n93,93,1e999\n94,94,1e308\n95,95,0x1\n"
    yield "ids as floats", "a.csv", GOOD.replace(b"\n1,", b"\n1.0,").replace(b",2,", b",2.50,") + b"1e3,1e400,3\n"
    yield "ids of a million digits", "a.csv", GOOD + b"9" * 1_000_000 + b",1,3\n"
    yield "ids beyond 64 bits", "a.csv", GOOD + b"99999999999999999999,-99999999999999999999,3\n"
    yield "the same pair often", "a.csv", GOOD * 20
    yield "zero bytes", "a.csv", GOOD + b"\0" * 1000
    yield "UTF-16", "a.csv", GOOD.decode().encode("utf-16")
    yield "UTF-32", "a.csv", GOOD.decode().encode("utf-32")
    yield "Latin-1", "a.csv", GOOD + "Amélie,é,3\n".encode("latin-1")
    yield "half a surrogate", "a.csv", GOOD + b"\xed\xa0\x80,1,3\n"
    yield "semicolons", "a.csv", GOOD.replace(b",", b";")
    yield "pipes", "a.csv", GOOD.replace(b",", b"|")
    yield "carriage returns", "a.csv", GOOD.replace(b"\n", b"\r")
    yield "quoted newlines", "a.csv", GOOD + b'"a\nb","c\r\nd",3\n'
    yield "columns named alike", "a.csv", b"user,user,item,item,rating,rating\n1,2,3,4,5,1\n" + GOOD
    yield "a name with folders", "../../../x/..\\..\\a.csv", GOOD
    yield "a name of control characters", "a\n\x1b[31m<b>.csv", b"x"
    yield "a long name", "n" * 5000 + ".csv", GOOD
    yield "a name of dots", "..", GOOD
    yield "u.data with one cell", "u.data", b"1\n" * 100_000
    yield "ratings.dat of separators", "ratings.dat", b"::" * (9 * million)
    yield "no zip", "a.zip", b"PK\x03\x04" + os.urandom(2000)
    yield "a zip bomb", "a.zip", bomb("ratings.csv", 210)
    yield (
        "a zip bomb of titles",
        "a.zip",
        zipped(("ratings.csv", GOOD), ("movies.csv", b"movieId,title\n" + b"1,a\n" * 60_000_000)),
    )
    yield "paths that reach outside", "a.zip", zipped(("../../evil.csv", GOOD), ("/tmp/evil/ratings.csv", GOOD))
    yield "a path with a drive", "a.zip", zipped(("C:\\evil\\ratings.csv", GOOD))
    yield "a link", "a.zip", zipped((symlink("ratings.csv"), b"/etc/passwd"))
    yield "a zip in a zip", "a.zip", zipped(("ratings.csv.zip", zipped(("ratings.csv", GOOD))))
    yield "a folder named as the file", "a.zip", zipped(("ratings.csv/", b""), ("x", b""))
    yield "seventy thousand members", "a.zip", zipped(*((f"{n}.csv", b"") for n in range(7 * million // 100)))
    yield "no Parquet", "a.parquet", b"PAR1" + os.urandom(2000) + b"PAR1"
    yield "very many rows of Parquet", "a.parquet", wide_parquet(10 if million < 1_000_000 else 100)
    yield "Parquet of lists", "a.parquet", _parquet({"user": [[1]], "item": [{"a": 1}], "rating": ["x"]})
    yield "deep JSON", "a.json", DEEP
    yield "deep JSON of objects", "a.json", b"[" + DEEP_OBJECTS
    yield (
        "JSON of odd values",
        "a.json",
        b'[{"rating":1e999,"movie":{"title":[[]],"ids":7}},{"rating":{},"movie":[]},7,null]',
    )
    yield "JSON of a long number", "a.json", b'[{"rating":' + b"9" * 1_000_000 + b',"movie":{"title":"x"}}]'
    yield "an export with odd cells", "a.csv", b"Name,Year,Rating\n\x1b[31m,99999999999,nan\n=1,,5\n" + b"a,1999,1e9\n"
    yield "an export of commas", "a.csv", b"Name,Year,Rating\n" + b"," * (19 * million)
    yield "an export of quotes", "a.csv", b"Name,Year,Rating\n" + b'"' * (19 * million)
    yield (
        "an export of dates",
        "a.csv",
        b"Date,Name,Year,Rating\n9999-99-99,a,1999,4\n0000-00-00,b,2000,4\n31/31/2001,c,1,3\n",
    )


def _parquet(columns: dict[str, list[object]]) -> bytes:
    whole = io.BytesIO()
    pq.write_table(pa.table(columns), whole)
    return whole.getvalue()


def run_files() -> Iterator[tuple[str, str, bytes]]:
    """Case, file of a run's folder, content."""
    array = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    yield "a header longer than the file", "last.safetensors", tensors({}, length=2**63)
    yield "a header of 2^40 bytes", "model.safetensors", tensors({}, length=2**40)
    yield (
        "an offset outside",
        "model.safetensors",
        tensors({"codes": array | {"data_offsets": [0, 2**62]}}),
    )
    yield "offsets that go back", "model.safetensors", tensors({"codes": array | {"data_offsets": [8, 0]}}, b"12345678")
    yield "a shape of 2^62", "last.safetensors", tensors({"codes": array | {"shape": [2**31, 2**31]}}, b"12345678")
    yield "a negative shape", "last.safetensors", tensors({"codes": array | {"shape": [-2]}}, b"12345678")
    yield "an unknown type", "model.safetensors", tensors({"codes": array | {"dtype": "OBJECT"}}, b"12345678")
    yield "two arrays at one place", "model.safetensors", tensors({"codes": array, "offsets": array}, b"12345678")
    yield "a deep header", "model.safetensors", tensors(DEEP)
    yield "deep meta", "last.safetensors", tensors({"__metadata__": {"meta": DEEP.decode()}})
    yield "meta that is no object", "last.safetensors", tensors({"__metadata__": {"meta": "[1]"}})
    yield "an epoch that is none", "last.safetensors", tensors({"__metadata__": {"meta": '{"epoch": "many"}'}})
    yield (
        "a scene that lies",
        "watch/scene.safetensors",
        tensors({"__metadata__": {"meta": '{"items": 5, "scale": []}'}}),
    )
    yield "a look that lies", "watch/look-000001.safetensors", tensors({"__metadata__": {"meta": '{"quantiles": 7}'}})
    for name in (
        "run.json",
        "result.json",
        "note.json",
        "model.json",
        "importance.json",
        "events.jsonl",
        "trials.jsonl",
    ):
        for what, content in (
            ("deep", DEEP),
            ("deep objects", DEEP_OBJECTS),
            ("a list", b"[1, 2]\n"),
            ("a number", b"7\n"),
            ("null", b"null\n"),
            ("no JSON", b"\xff\xfe\x00"),
            ("NaN", b'{"epoch": NaN, "kind": "epoch"}\n'),
            ("a number of a million digits", b'{"epoch": ' + b"9" * 1_000_000 + b"}\n"),
            ("a megabyte of brackets", b"{" * 1_000_000),
        ):
            yield f"{name} is {what}", name, content
    yield "items.csv of quotes", "items.csv", b'"' * 5_000_000
    yield "items.csv of zero bytes", "items.csv", b"\0" * 1000


# -- who reads --------------------------------------------------------------------------------------------------------


def readers(folder: Path, name: str, content: bytes) -> dict[str, Callable[[], object]]:
    """Reader -> what it does with a file."""
    place = folder / "given" / "".join(letter for letter in Path(name).name if letter not in "\n\x1b/\\")[-100:]
    if place.name in ("", ".", "given", ".."):
        place = folder / "given" / "dots.csv"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)

    def unpack() -> object:
        beside = folder / "unpacked"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        known, needed = datasets.MEMBERS, datasets.RATINGS_FILES
        return fetching.unpack(place, beside, known, needed=needed, most_bytes=106_000_000, source="a server")

    found: dict[str, Callable[[], object]] = {
        "preview": lambda: uploads.preview(name, content),
        "upload": lambda: uploads.read(name, content),
        "read_ratings": lambda: read_ratings(place, max_bytes=200_000_000),
        "history": lambda: read_history(name, content),
        "titles": lambda: titles_of_csv(name, content),
        "columns": lambda: uploads.read("a.csv", content, columns={"user": "user", "item": "item", "rating": "rating"}),
        "titles of an upload": lambda: uploads.read("a.csv", GOOD, titles=content),
    }
    if name.endswith(".zip"):
        found["data set"] = unpack
    return found


def run_readers(folder: Path, name: str, content: bytes) -> dict[str, Callable[[], object]]:
    """Reader -> what it does with a run of which one file is this."""
    store = RunStore(folder / "runs")
    run = store.create(RunConfig())
    (run.folder / "watch").mkdir()
    (run.folder / "model.json").write_text("{}")
    (run.folder / name).write_bytes(content)

    def pictures() -> None:
        album, watched = Album(run.folder), Watched(run.folder)
        scene = album.scene()
        watched.scene(), watched.looks(), album.look(1)
        if scene is not None:
            album.model(1, scene)

    return {
        "open": lambda: Run(run.folder),
        "list": store.all,
        "state": lambda: (run.state, run.ended, run.last_epoch, run.checkpoint_epoch, repr(run)),
        "events": run.events,
        "cut back": lambda: run.cut_back(3),
        "result": lambda: (run.result, run.beats_averages),
        "checkpoint": run.load_checkpoint,
        "model": run.load_model,
        "note": lambda: note_of(run),
        "trials": lambda: (trials_of(run), importance_of(run)),
        "pictures": pictures,
    }


class TooLong(Exception):
    """A reader took more than it may."""


def _too_long(*_: object) -> None:
    raise TooLong(f"more than {SECONDS:g} s of the processor")


def attempt(act: Callable[[], object]) -> str:
    """What comes of a reader."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        act()
        return "read"
    except AutoRecError as error:
        text = str(error)
        return f"told: {text[:200]}" if len(text) < 20_000 else f"WRONG: a sentence of {len(text):,} characters"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"WRONG: {type(error).__name__}: {str(error)[:300]} in {Path(where.filename).name} {where.lineno}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> None:
    """Tries all, and prints what came of it."""
    folder, million = Path(sys.argv[1]), 100_000 if "--quick" in sys.argv else 1_000_000
    signal.signal(signal.SIGPROF, _too_long)
    read_ratings_once = uploads.read("a.csv", GOOD)
    assert read_ratings_once.num_ratings == 108
    found: dict[str, dict[str, str]] = {}
    for case, name, content in tables(million):
        if not found:
            limit = psutil.Process().memory_info().vms + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        found[case] = {reader: attempt(act) for reader, act in readers(folder, name, content).items()}
        sys.stderr.write(f"{time.process_time():6.1f} s  {case}\n")
    for case, name, content in run_files():
        found[f"run: {case}"] = {reader: attempt(act) for reader, act in run_readers(folder, name, content).items()}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
