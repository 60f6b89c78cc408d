"""The event file of TensorBoard, parsed back by the rules of its format and no code of the writer."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autorec_core import cli
from autorec_core.errors import StorageError
from autorec_core.events import EpochEnded
from autorec_core.runs import RunStore
from autorec_core.tensorboard import TensorBoardWriter, crc32c


def slow_crc32c(content: bytes) -> int:
    """Bit by bit, as it is defined."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0x82F63B78 if value & 1 else value >> 1
    return value ^ 0xFFFFFFFF


def unmasked(value: int) -> int:
    turned = (value - 0xA282EAD8) & 0xFFFFFFFF
    return (turned << 15 | turned >> 17) & 0xFFFFFFFF


def records(content: bytes) -> Iterator[bytes]:
    while content:
        (length,), (of_length,) = struct.unpack("<Q", content[:8]), struct.unpack("<I", content[8:12])
        assert unmasked(of_length) == slow_crc32c(content[:8])
        held, (of_held,) = content[12 : 12 + length], struct.unpack("<I", content[12 + length : 16 + length])
        assert len(held) == length
        assert unmasked(of_held) == slow_crc32c(held)
        yield held
        content = content[16 + length :]


def number_of(content: bytes) -> tuple[int, bytes]:
    number = place = 0
    while content[place] & 0x80:
        number |= (content[place] & 0x7F) << 7 * place
        place += 1
    return number | content[place] << 7 * place, content[place + 1 :]


def fields(content: bytes) -> list[tuple[int, Any]]:
    """Number and value of each field of a message."""
    found = []
    while content:
        key, content = number_of(content)
        value: Any
        if key & 7 == 0:
            value, content = number_of(content)
        elif key & 7 == 1:
            value, content = struct.unpack("<d", content[:8])[0], content[8:]
        elif key & 7 == 5:
            value, content = struct.unpack("<f", content[:4])[0], content[4:]
        else:
            assert key & 7 == 2
            length, content = number_of(content)
            value, content = content[:length], content[length:]
        found.append((key >> 3, value))
    return found


def scalars_of(path: Path) -> dict[str, dict[int, float]]:
    """Tag -> step -> value."""
    first, *others = records(path.read_bytes())
    assert dict(fields(first))[3] == b"brain.Event:2"
    found: dict[str, dict[int, float]] = {}
    for record in others:
        event = dict(fields(record))
        assert event[1] > 1e9
        for number, value in fields(event[5]):
            assert number == 1
            named = dict(fields(value))
            found.setdefault(named[1].decode(), {})[event.get(2, 0)] = named[2]
    return found


@pytest.mark.parametrize("content", [b"", b"123456789", bytes(range(256))])
def test_the_checksum_is_castagnolis(content: bytes) -> None:
    assert crc32c(content) == slow_crc32c(content)


def test_a_training_writes_its_curves_as_its_events_have_them(tmp_path: Path, capsys: Any) -> None:
    lines = [f"{u},{i},{1 + (u * i) % 5}" for u in range(60) for i in range(40) if (u + i) % 2]
    (tmp_path / "mine.csv").write_text("userId,movieId,rating\n" + "\n".join(lines))
    folders = ["--runs", str(tmp_path / "runs"), "--tensorboard", str(tmp_path / "curves")]
    asked = ["--ratings", str(tmp_path / "mine.csv"), "--epochs", "200", "--hidden-units", "2"]
    assert cli.main(["train", *asked, *folders]) == 0
    capsys.readouterr()
    (run,) = RunStore(tmp_path / "runs").all()
    (path,) = (tmp_path / "curves" / run.id).iterdir()
    assert "tfevents" in path.name
    scalars = scalars_of(path)
    epochs = [event for event in run.events() if isinstance(event, EpochEnded)]
    assert len(epochs) == 200
    assert scalars["rmse/validation"] == pytest.approx({event.epoch: event.valid_rmse for event in epochs}, rel=1e-6)
    assert scalars["rmse/train"] == pytest.approx({event.epoch: event.train_rmse for event in epochs}, rel=1e-6)
    assert scalars["learning_rate"] == pytest.approx({event.epoch: event.learning_rate for event in epochs}, rel=1e-6)
    ended = run.ended
    assert ended is not None
    assert scalars["test/rmse"] == pytest.approx({ended.best_epoch: ended.test_rmse}, rel=1e-6)


def test_a_figure_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    writer = TensorBoardWriter(tmp_path / "run")
    writer.add(
        EpochEnded(
            epoch=1,
            objective=float("inf"),
            train_rmse=float("nan"),
            valid_rmse=1.5,
            learning_rate=0.1,
            seconds=0.2,
            ratings_per_second=1.0,
            is_best=False,
        )
    )
    assert set(scalars_of(writer.path)) == {"rmse/validation", "learning_rate", "seconds"}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="Can't make the folder"):
        TensorBoardWriter(tmp_path / "file" / "run")
