"""What whoever runs a server may set: environment variables, each with its default, its range and a sentence.

They are read here and nowhere else, at the moment that they are asked for, so that importing changes nothing and a
test may set them. `docs/operating.md` has the table.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from typing import Any

from autorec_core.errors import InvalidSettingError


@dataclass(frozen=True)
class Setting:
    """One environment variable."""

    name: str
    """Of the variable."""
    default: str
    """What holds where it is not set; empty where that depends on the machine."""
    help: str
    """What it is for, in a sentence."""
    low: float | None = None
    """The smallest number that is accepted; None where it is no number."""
    high: float | None = None
    """The largest one."""


HOME = Setting("AUTOREC_HOME", "", "The folder of everything that is kept; `.autorec` in the home folder by default.")
DATABASE_URL = Setting(
    "AUTOREC_DATABASE_URL", "", "An SQLAlchemy URL of the ratings' database; an SQLite file in AUTOREC_HOME by default."
)
LOG = Setting("AUTOREC_LOG", "text", "How the log is written: `text`, or `json` for one JSON object a line.")
METRICS_TOKEN = Setting(
    "AUTOREC_METRICS_TOKEN", "", "The secret that `/metrics` asks for; without one there is no such address."
)
LIMITS = {
    "queue": Setting("AUTOREC_MAX_QUEUE", "20", "Trainings that may wait in line.", 1, 1000),
    "in_line": Setting("AUTOREC_MAX_IN_LINE", "5", "Trainings that one visitor may have in line.", 1, 1000),
    "runs": Setting("AUTOREC_MAX_RUNS", "100", "Runs that are kept for one visitor.", 1, 100_000),
    "epochs": Setting("AUTOREC_MAX_EPOCHS", "2000", "Epochs of one training.", 1, 2000),
    "ratings": Setting("AUTOREC_MAX_RATINGS", "50000000", "Ratings of a set that is trained on.", 100, 1e10),
    "seconds": Setting("AUTOREC_MAX_SECONDS", "3600", "Seconds that one training may take.", 1, 1e7),
    "uploads": Setting("AUTOREC_MAX_UPLOADS", "5", "Sets of ratings that are kept for one visitor.", 0, 1000),
    "upload_mb": Setting("AUTOREC_MAX_UPLOAD_MB", "20", "Megabytes of a file that a visitor brings.", 1, 20),
}
"""Field of `Limits` -> its variable."""
ALL = (HOME, DATABASE_URL, LOG, METRICS_TOKEN, *LIMITS.values())


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one visitor, and all together, may ask of this server."""

    queue: int = 20
    """Trainings that may wait in line."""
    in_line: int = 5
    """Trainings that one visitor may have in line."""
    runs: int = 100
    """Runs that are kept for one visitor."""
    epochs: int = 2000
    """Epochs of one training."""
    ratings: int = 50_000_000
    """Ratings of a set that is trained on."""
    seconds: float = 3600
    """Seconds that one training may take, pauses left out."""
    uploads: int = 5
    """Sets of ratings that are kept for one visitor."""
    upload_mb: float = 20
    """Megabytes (10^6 bytes) of a file that a visitor brings."""


def text(setting: Setting) -> str:
    """What a variable says, or its default."""
    return os.environ.get(setting.name, "").strip() or setting.default


def limits() -> Limits:
    """The limits as they are set.

    Raises:
        InvalidSettingError: a variable is no number, or outside of its range.
    """
    found: dict[str, Any] = {field.name: _number(LIMITS[field.name], str(field.type)) for field in fields(Limits)}
    return Limits(**found)


def logs_json() -> bool:
    """Whether the log is one JSON object a line.

    Raises:
        InvalidSettingError: the variable says neither.
    """
    found = text(LOG).lower()
    if found not in ("text", "json"):
        raise InvalidSettingError(f"{LOG.name} must be text or json, got {found!r}.")
    return found == "json"


def _number(setting: Setting, kind: str) -> float:
    given = text(setting)
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    low, high = setting.low or 0, setting.high or math.inf
    is_whole = kind == "int"
    if not low <= value <= high or (is_whole and value != int(value)):
        what = "a whole number" if is_whole else "a number"
        raise InvalidSettingError(f"{setting.name} must be {what} from {low:.10g} to {high:.10g}, got {given[:40]!r}.")
    return int(value) if is_whole else value
