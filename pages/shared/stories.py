"""A small network that is trained while the page waits: each recipe once a process, for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import streamlit as st

from autorec_core import small_autorec
from autorec_core.runs import RunConfig
from autorec_core.small_autorec import Recipe, Story
from autorec_core.splits import Split
from pages.shared import services
from pages.shared.words import _

_CUT = ("source", "seed", "test_fraction", "valid_fraction", "holdout_users", "by_time")
"""What a run's split depends on."""


@st.cache_resource(show_spinner=False)
def _bundled_split() -> Split:
    # Reading the bundled set takes longer than training on it: that of the app's own model is here already.
    plain, starter = RunConfig(), services.starter_run()
    if starter is not None and all(getattr(starter.config, name) == getattr(plain, name) for name in _CUT):
        return services.split_of(starter.id)
    return plain.split()


@st.cache_resource(show_spinner=False)
def _stories() -> dict[Recipe, Story]:
    """What was trained so far in this process, for everybody."""
    return {}


def told(recipes: Sequence[Recipe]) -> list[Story]:
    """How each recipe went; trained where nobody asked for it before."""
    known = _stories()
    missing = [recipe for recipe in recipes if recipe not in known]
    if missing:
        known.update(zip(missing, small_autorec.train(_bundled_split(), missing), strict=True))
    return [known[recipe] for recipe in recipes]


def waiting() -> AbstractContextManager[None]:
    """While a story is asked for, which takes a moment where it has to be trained."""
    return st.spinner(_("Training a small network …"))


def about_small() -> None:
    """Says what is trained here."""
    st.caption(
        _(
            "A small AutoRec in NumPy, {units} hidden units, on the {items:,} most rated movies of the bundled set "
            "(`autorec_core/small_autorec.py`); trained once and remembered.",
            units=Recipe().hidden_units,
            items=small_autorec.MOST_ITEMS,
        )
    )
