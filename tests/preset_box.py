"""The preset's control of the Train page, whose key changes as it says something else."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


def preset_of(app: AppTest) -> Any:
    """The control that is there."""
    (found,) = (box for box in app.selectbox if str(box.key).startswith("preset_"))
    return found
