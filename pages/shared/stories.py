"""A small network that is trained while the page waits: each recipe once a process, for everybody."""

from __future__ import annotations

import streamlit as st

from autorec_core import small_autorec
from autorec_core.runs import RunConfig
from autorec_core.small_autorec import Recipe, Story
from autorec_core.splits import Split
from pages.shared import services
from pages.shared.words import _, ngettext

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


def story(recipe: Recipe) -> Story:
    """How a recipe went; trained where nobody asked for it before."""
    known = _stories()
    if recipe not in known:
        known[recipe] = small_autorec.train(_bundled_split(), recipe)
    return known[recipe]


def trained(recipes: list[Recipe], key: str) -> list[Story] | None:
    """The stories of some recipes; where many are not trained yet, a button that trains them, and None."""
    known = _stories()
    missing = [recipe for recipe in recipes if recipe not in known]
    if 0 < len(missing) <= 2:
        with st.spinner(_("Training a small network …")):
            for recipe in missing:
                story(recipe)
    elif missing:
        about = ngettext(
            "This takes {count} small training, of less than a second on a free machine.",
            "This takes {count} small trainings, each of less than a second on a free machine.",
            len(missing),
        )
        place = st.empty()
        with place.container(horizontal=True, vertical_alignment="center"):
            pressed = st.button(_("Train it"), key=f"{key}_train", type="primary")
            st.caption(about)
        if not pressed:
            return None
        with place.container():
            bar = st.progress(0.0)
            for number, recipe in enumerate(missing):
                bar.progress(
                    number / len(missing),
                    text=_("Training {number} of {count}", number=number + 1, count=len(missing)),
                )
                story(recipe)
        place.empty()
    return [known[recipe] for recipe in recipes]


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
