"""The scripts and styles of the components, as they are sent."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def read(name: str) -> str:
    """A script or style sheet of this folder without indentation and lines of comment: it goes along with each drawing.

    Args:
        name: of the file.
    """
    lines = (line.strip() for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("// ")) + "\n"
