"""Ask me: one movie at a time, the one whose rating would teach the model most, and how much it knows by now."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from autorec_core.errors import AutoRecError
from autorec_core.fold_in import ItemBasedFoldIn
from autorec_core.runs import Run
from pages.shared import plain, services, stars, state, undo, visit
from pages.shared.words import _, later

ME = later("Ask me")
"""What the Rate page calls it."""
NOT_SEEN = "not seen"


def me(given: visit.Given) -> None:
    """One proposed movie with its stars, and what is known of the visitor."""
    run = visit.current_run()
    if run is None:
        st.info(_("There is no model yet that could ask. The starter model trains; rate from the list meanwhile."))
        return
    proposed, known = _proposal(run, given)
    error = state.live("ask_error", None)
    if error:
        st.error(plain.lines(_(error)))
    card, told = st.columns([1, 1.35], gap="large")
    with card:
        st.markdown(_("**Have you seen this one?**"))
        if proposed is None:
            st.info(_("Nothing left to ask. You have rated or passed over every movie that this model knows."))
        else:
            _card(proposed, given)
    with told:
        if known is None:
            st.markdown(_("**The most popular movies come first.**"))
            st.caption(_("A user-based model can't tell which answer would teach it most."))
        else:
            st.markdown(_("**What the model knows about you: {share:.1f}\u00a0%**", share=100 * known))
            st.progress(known)
            st.caption(
                _(
                    "By so much did your ratings make the variance of all predictions fall, each movie counting "
                    "the more the more it is watched. Asked is what would make it fall most, counting how likely you "
                    "are to have seen it; nobody is ever known whole."
                )
            )


def _proposal(run: Run, given: visit.Given) -> tuple[int | None, float | None]:
    """The movie to ask about, and the share that is known; None where there is none."""
    unseen, using = visit.passed_over(NOT_SEEN), services.recommender(run.id)
    questions = services.questions(run.id)
    if questions is None:
        left = using.model.item_counts.astype(np.float64)
        left[given.item_indices] = left[unseen] = -1.0
        return (int(np.argmax(left)) if left.max() >= 0 else None), None
    met = using.fold_in(given.item_indices, given.ratings)
    if not isinstance(met, ItemBasedFoldIn):
        raise TypeError("a model with questions is item-based")
    found = questions.best(met, unseen)
    return (int(found[0]) if len(found) else None), questions.known_share(met)


def _card(proposed: int, given: visit.Given) -> None:
    catalogue, name = visit.current_catalogue(), visit.catalogue_name()
    stars.cards(
        "ask_card",
        catalogue,
        [proposed],
        given.by_id,
        visit.current_scale(),
        lambda item_id, rating: undo.rate(name, item_id, rating),
    )
    with st.container(horizontal=True):
        st.button(
            _("Not seen"),
            key="ask_not_seen",
            on_click=_pass_over,
            args=(str(catalogue.items.ids[proposed]),),
            help=_("Another movie is asked about; this one no more."),
        )
        if len(visit.passed_over(NOT_SEEN)):
            st.button(
                _("Ask again about all"),
                key="ask_again",
                type="tertiary",
                on_click=_again,
                help=_("Movies that you said you had not seen may be asked about again."),
            )


def say_not_seen(item_id: str, is_so: bool) -> None:
    """Remembers, or forgets, that this visitor has not seen a movie. Raises StorageError."""
    if is_so:
        visit.pass_over(item_id, NOT_SEEN)
    else:
        visit.take_up_again(NOT_SEEN, item_id)


def _pass_over(item_id: str) -> None:
    _told(lambda: visit.pass_over(item_id, NOT_SEEN))


def _again() -> None:
    _told(lambda: visit.take_up_again(NOT_SEEN))


def _told(act: Callable[[], None]) -> None:
    state.forget_live("ask_error")
    try:
        act()
    except AutoRecError as error:
        state.set_live("ask_error", error.sentence)
