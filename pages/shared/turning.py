"""What would make this movie a 5 for me: the visitor's ratings that would have to be otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from autorec_core.catalogue import Catalogue
from autorec_core.fold_in import FoldIn
from autorec_core.recommender import Recommendation, Recommender
from autorec_core.turning import Turn, towards
from pages.shared import state
from pages.shared.words import _

NO_MOVIE = -1
_STYLE = "<style>.turn { margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }</style>"


def what_would(recommender: Recommender, met: FoldIn, found: Sequence[Recommendation], catalogue: Catalogue) -> None:
    """Draws a choice among the movies of the list, and what it would take to make the chosen one the highest rating."""
    highest, options = recommender.model.scale.high, [NO_MOVIE, *(one.item_index for one in found)]
    state.put_among("turn_item", options, NO_MOVIE)
    item = st.selectbox(
        _("What would make this movie a {highest:g} for me?", highest=highest),
        options,
        format_func=lambda index: _("Choose a movie") if index == NO_MOVIE else catalogue.display_titles[index],
        key="turn_item",
        help=_("Which of your ratings would have to be otherwise. Nothing is changed."),
    )
    if item != NO_MOVIE:
        st.html(_STYLE + _changes(turn := towards(recommender, met, item), catalogue))
        st.caption(told(turn, highest))


def told(turn: Turn, highest: float) -> str:
    """What the changes come to, in a sentence."""
    if turn.enough and not turn.changes:
        return _(
            "It is one already: predicted are {before:.2f}, which is {highest:g} to the nearest rating.",
            before=turn.before,
            highest=highest,
        )
    if turn.enough:
        return _(
            "Then {after:.2f} would be predicted in place of {before:.2f}, which is {highest:g} to the nearest rating.",
            after=turn.after,
            before=turn.before,
            highest=highest,
        )
    if not turn.changes:
        return _("None of your ratings could raise it: predicted are {before:.2f}.", before=turn.before)
    return _(
        "Not even so: {after:.2f} would be predicted in place of {before:.2f}.", after=turn.after, before=turn.before
    )


def _changes(turn: Turn, catalogue: Catalogue) -> str:
    """The changes as a list, as HTML."""
    lines = [
        _(
            "{title}: {instead:g} instead of {given:g}",
            title=catalogue.display_titles[change.item_index],
            instead=change.instead,
            given=change.given,
        )
        for change in turn.changes
    ]
    return f'<ul class="turn">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>' if lines else ""
