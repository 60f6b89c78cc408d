"""The curves of a training as TensorBoard reads them: an event file, written by hand.

A file is a row of records, each an `Event` in protocol-buffer encoding between its length and its checksum.

Source: TensorFlow's record format (`tensorflow/core/lib/io/record_writer.h`), `event.proto` and `summary.proto`.
"""

from __future__ import annotations

import math
import os
import socket
import struct
import time
from pathlib import Path

from autorec_core import storage
from autorec_core.errors import StorageError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded, TrainingEvent

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_MASK = 0xA282EAD8
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # wire types
_WALL_TIME, _STEP, _FILE_VERSION, _SUMMARY = 1, 2, 3, 5  # fields of Event
_VALUE = 1  # field of Summary
_TAG, _SIMPLE_VALUE = 1, 2  # fields of Summary.Value


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_remainder, range(256)))


def crc32c(content: bytes) -> int:
    """Castagnoli's checksum.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in content:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def record(content: bytes) -> bytes:
    """A record of an event file: length, its checksum, the content, its checksum."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def _masked(content: bytes) -> bytes:
    value = crc32c(content)  # turned and moved, as a record may hold checksums itself
    return struct.pack("<I", ((value >> 15 | value << 17) + _MASK) & 0xFFFFFFFF)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _text(field: int, content: bytes) -> bytes:
    return _key(field, _BYTES) + _varint(len(content)) + content


def _value(tag: str, value: float) -> bytes:
    inner = _text(_TAG, tag.encode()) + _key(_SIMPLE_VALUE, _FOUR_BYTES) + struct.pack("<f", value)
    return _text(_VALUE, inner)


class TensorBoardWriter:
    """An event file of one run, in a folder of its own, so that TensorBoard names the curves by the run.

    Args:
        folder: made where it is missing.

    Raises:
        StorageError: the disk does not take it.
    """

    def __init__(self, folder: Path) -> None:
        storage.make_folder(folder)
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._add(0, _text(_FILE_VERSION, b"brain.Event:2"))

    def add(self, event: TrainingEvent) -> None:
        """Adds the figures of an event; what is not finite is left out. Raises StorageError as the writer does."""
        step, scalars = 0, dict[str, float | None]()
        if isinstance(event, EpochEnded):
            step = event.epoch
            scalars = {"rmse/train": event.train_rmse, "rmse/validation": event.valid_rmse}
            scalars |= {"objective": event.objective, "learning_rate": event.learning_rate, "seconds": event.seconds}
        elif isinstance(event, RefitEpochEnded):
            step, scalars = event.epoch, {"refit/train_rmse": event.train_rmse, "refit/seconds": event.seconds}
        elif isinstance(event, TrainingEnded):
            step, scalars = event.best_epoch, {"test/rmse": event.test_rmse, "test/mae": event.test_mae}
        known = [_value(tag, value) for tag, value in scalars.items() if value is not None and math.isfinite(value)]
        if known:
            self._add(step, _text(_SUMMARY, b"".join(known)))

    def _add(self, step: int, what: bytes) -> None:
        event = _key(_WALL_TIME, _EIGHT_BYTES) + struct.pack("<d", time.time())
        event += (_key(_STEP, _VARINT) + _varint(step)) if step else b""
        try:
            with self.path.open("ab") as file:
                file.write(record(event + what))
        except OSError as error:
            raise StorageError(f"Can't write {self.path}: {error.strerror}.") from error
