"""The log of a server: a line an event, for people or, with `AUTOREC_LOG=json`, one JSON object a line.

It says what happened to trainings, workers and the server, never who a visitor is or what they rated: an owner's digest
is the most that it knows.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, TextIO

from autorec_core import settings

NAME = "autorec"
"""Of the logger above all others here."""
_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        values: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _KNOWN and name[0] != "_"},
        }
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return json.dumps(values, default=str)  # ASCII: no control character of a name gets into a terminal


class PlainLines(logging.Formatter):
    """A line for people, with whatever was given as `extra` at its end."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it the traceback where there is one."""
        extra = [f"{n}={v!r}" for n, v in vars(record).items() if n not in _KNOWN and n[0] != "_"]
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        message = record.getMessage().encode("unicode_escape").decode("ascii")
        line = " ".join([when, record.levelname.lower(), record.name, message, *extra])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def prepare(stream: TextIO | None = None, *, also: tuple[str, ...] = ()) -> None:
    """Makes this process write its log; calling it again changes nothing but the form.

    Args:
        stream: where to; standard error where None.
        also: names of other loggers whose handlers are to write in the same form.

    Raises:
        InvalidSettingError: `AUTOREC_LOG` says what is not accepted.
    """
    form = JsonLines() if settings.logs_json() else PlainLines()
    logger = logging.getLogger(NAME)
    own = next((handler for handler in logger.handlers if handler.name == NAME), None)
    if own is None:
        own = logging.StreamHandler(stream or sys.stderr)
        own.name = NAME
        logger.addHandler(own)
    own.setFormatter(form)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if settings.logs_json():
        for name in list(logging.root.manager.loggerDict):
            if name in also or name.startswith(tuple(f"{one}." for one in also)):
                for handler in logging.getLogger(name).handlers:
                    handler.setFormatter(form)
