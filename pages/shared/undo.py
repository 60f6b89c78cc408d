"""Taking back what was just rated, step by step: as long as a session lasts, for its last ratings."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from autorec_core.catalogue import Catalogue
from autorec_core.errors import AutoRecError
from pages.shared import plain, state, visit
from pages.shared.words import _

MOST = 100


@dataclass(frozen=True)
class Step:
    """A rating that was changed."""

    catalogue: str
    """Whose item id it is."""
    item_id: str
    """Of the movie."""
    before: float | None
    """The rating before; None where there was none."""


def rate(catalogue: str, item_id: str, rating: float | None) -> None:
    """Keeps or clears a rating, and remembers what was there. Raises StorageError as `visit.rate` does."""
    before = visit.rating_of(catalogue, item_id)
    visit.rate(catalogue, item_id, rating)
    if before != rating:
        steps = _steps()
        steps.append(Step(catalogue, item_id, before))
        del steps[:-MOST]


def button(catalogue: Catalogue) -> None:
    """Draws the button that takes back the last change; it says which."""
    steps, name = _steps(), visit.catalogue_name()
    last = next((step for step in reversed(steps) if step.catalogue == name), None)
    index = None if last is None else catalogue.items.find(last.item_id)
    told = _("Takes back what you rated last.")
    if last is not None and index is not None:
        title = catalogue.display_titles[index]
        if last.before is None:
            told = _("{title} will be unrated again.", title=title)
        else:
            told = _("{title} gets {rating:g} again.", title=title, rating=last.before)
    st.button(_("Undo"), key="undo_rating", disabled=last is None, help=told, on_click=_undo, args=(name,))
    error = state.live("undo_error", None)
    if error:
        st.error(plain.lines(_(error)))


def _undo(catalogue: str) -> None:
    state.forget_live("undo_error")
    steps = _steps()
    place = next((place for place in reversed(range(len(steps))) if steps[place].catalogue == catalogue), None)
    if place is None:
        return
    try:
        visit.rate(catalogue, steps[place].item_id, steps[place].before)
    except AutoRecError as error:
        state.set_live("undo_error", error.sentence)
    else:
        del steps[place]


def _steps() -> list[Step]:
    found: list[Step] = state.live("undo_steps", [])
    return found
