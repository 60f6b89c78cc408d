"""What the visitor wants of the list, what would be if a rating were another, and what their ratings say of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
import streamlit as st

from autorec_core.catalogue import Catalogue
from autorec_core.errors import AutoRecError
from autorec_core.ordering import OwnRating, Wishes
from autorec_core.ratings import BoolArray, RatingScale
from autorec_core.recommender import Recommendation
from pages.shared import plain, recommended, stars, state, undo, visit
from pages.shared.palette import YOU
from pages.shared.words import _, later

NOT_INTERESTED = "not interested"
AS_GIVEN = -1
_STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
_DIVERSE = (0.0, 0.25, 0.5, 0.75, 1.0)
_WORDS = {
    "wish_adventure": (
        later("as safe as can be"),
        later("safer"),
        later("as predicted"),
        later("more adventurous"),
        later("as adventurous as can be"),
    ),
    "wish_obscurity": (
        later("as popular as can be"),
        later("more popular"),
        later("no matter"),
        later("more obscure"),
        later("as obscure as can be"),
    ),
    "wish_diversity": (
        later("no matter"),
        later("a little"),
        later("some"),
        later("more"),
        later("as diverse as can be"),
    ),
}
WIDGETS = tuple(_WORDS)


# -- the trade-off ----------------------------------------------------------------------------------------------------


def trade_off(by_items: bool) -> Wishes:
    """Draws the three controls; returns what is wanted."""
    adventure, obscurity, diversity = st.columns(3, gap="medium")
    with adventure:
        safe = _wish(
            _("Safe to adventurous"),
            "wish_adventure",
            _STEPS,
            _("Orders by the lower bound of each prediction, by the prediction, or by the upper bound.")
            if by_items
            else _("A user-based model is as sure of each movie, so that this changes nothing."),
            disabled=not by_items,
        )
    with obscurity:
        obscure = _wish(
            _("Popular to obscure"),
            "wish_obscurity",
            _STEPS,
            _("Movies that many or that few people rated come forward."),
        )
    with diversity:
        diverse = _wish(
            _("Similar to diverse"),
            "wish_diversity",
            _DIVERSE,
            _("The more, the more it counts against a movie that its code is like one above it on the list."),
        )
    return Wishes(adventure=safe, obscurity=obscure, diversity=diverse)


def _wish(label: str, key: str, steps: Sequence[float], help: str, *, disabled: bool = False) -> float:
    words = dict(zip(steps, _WORDS[key], strict=True))
    chosen = st.select_slider(
        label,
        steps,
        value=0.0,
        format_func=lambda step: _(words[step]),
        key=key,
        help=help,
        disabled=disabled,
        persist_state="session",
    )
    return 0.0 if disabled else float(chosen)


# -- what if ----------------------------------------------------------------------------------------------------------


def what_if(given: visit.Given, catalogue: Catalogue, scale: RatingScale) -> visit.Given:
    """Draws one rating to be dragged or dropped; returns the ratings as they would be then. Nothing is stored."""
    options = [AS_GIVEN, *given.item_indices.tolist()]
    ratings = dict(zip(given.item_indices.tolist(), given.ratings.tolist(), strict=True))
    state.put_among("what_if_item", options, AS_GIVEN)
    left, right = st.columns(2, gap="medium")
    with left:
        item = st.selectbox(
            _("What if I had rated this otherwise?"),
            options,
            format_func=lambda index: (
                _("Nothing changed")
                if index == AS_GIVEN
                else _("{title}, you gave {rating:g}", title=catalogue.display_titles[index], rating=ratings[index])
            ),
            key="what_if_item",
            help=_("The list below is drawn as it would be then. Nothing is stored until you say so."),
        )
    if item == AS_GIVEN:
        return given
    below = st.container(horizontal=True, vertical_alignment="center")
    with below:
        dropped = st.toggle(_("As if not rated"), key=f"what_if_dropped_{item}", help=_("Leaves this rating out."))
    with right:
        rating = st.slider(
            _("Your rating would be"),
            float(scale.low),
            float(scale.high),
            state.begins(f"what_if_rating_{item}", float(ratings[item])),
            float(scale.step),
            key=f"what_if_rating_{item}",
            disabled=dropped,
            help=_("Drag it, and the list moves at once."),
        )
    changed = dropped or rating != ratings[item]
    with below:
        item_id = str(catalogue.items.ids[item])
        st.button(
            _("Keep this change"),
            key="what_if_keep",
            disabled=not changed,
            on_click=_keep,
            args=(item, item_id, None if dropped else rating),
        )
        st.button(_("Back to what I gave"), key="what_if_back", type="tertiary", on_click=_back, args=(item,))
    told_error()
    if not changed:
        return given
    kept = given.item_indices != item if dropped else np.ones(len(given.item_indices), dtype=bool)
    would_be = np.where(given.item_indices == item, rating, given.ratings)
    return visit.Given(given.by_id, given.item_indices[kept], would_be[kept])


def _keep(item: int, item_id: str, rating: float | None) -> None:
    if _try(lambda: visit.rate(visit.catalogue_name(), item_id, rating)):
        _back(item)


def _back(item: int) -> None:
    state.put("what_if_item", AS_GIVEN)
    state.begin_again(f"what_if_rating_{item}", f"what_if_dropped_{item}")


def moved(before: Sequence[int], after: Sequence[int]) -> dict[int, str]:
    """How each item of a list stands to where it was: up, down or new; nothing where it stayed.

    >>> moved([1, 2, 3], [3, 1, 4])
    {3: '▲2', 1: '▼1', 4: 'new'}
    """
    places = {item: place for place, item in enumerate(before)}
    found = {}
    for place, item in enumerate(after):
        if item not in places:
            found[item] = _("new")
        elif places[item] != place:
            found[item] = f"▲{places[item] - place}" if places[item] > place else f"▼{place - places[item]}"
    return found


# -- seen, or not interested ------------------------------------------------------------------------------------------


def without_passed_over(allowed: BoolArray) -> BoolArray:
    """What may be recommended, less what the visitor is not interested in."""
    left = allowed.copy()
    left[visit.passed_over(NOT_INTERESTED)] = False
    return left


def cards(found: Sequence[Recommendation], catalogue: Catalogue, given: visit.Given, scale: RatingScale) -> None:
    """The movies of the list as cards: one that is rated there, or is not interesting, leaves the list."""
    name = visit.catalogue_name()
    stars.cards(
        "list_cards",
        catalogue,
        [one.item_index for one in found],
        given.by_id,
        scale,
        lambda item_id, rating: undo.rate(name, item_id, rating),
        not_seen=visit.passed_over(NOT_INTERESTED),
        say_not_seen=_say_not_interested,
        words={
            "notSeen": _("Not interested"),
            "notAsked": _("It goes from the list and stays away, until you bring it back."),
            "notSeenOf": _("I am not interested in {title}"),
            "unseen": _("✓ stays away"),
        },
    )


def passed_over(catalogue: Catalogue) -> None:
    """Brings back what the visitor was not interested in."""
    passed = visit.passed_over(NOT_INTERESTED).tolist()
    if not passed:
        return
    ids = [str(catalogue.items.ids[item]) for item in passed]
    names = {item_id: catalogue.display_titles[item] for item_id, item in zip(ids, passed, strict=True)}
    with st.popover(_("Passed over ({count:,})", count=len(passed))):
        st.selectbox(
            _("Bring back"),
            ids,
            index=None,
            placeholder=_("a movie"),
            format_func=names.__getitem__,
            key="bring_back",
            on_change=_bring_back,
            help=_("It may be recommended again."),
        )
        st.button(_("Bring all back"), on_click=_bring_all_back, key="bring_all_back")


def _say_not_interested(item_id: str, is_so: bool) -> None:
    """Raises StorageError."""
    if is_so:
        visit.pass_over(item_id, NOT_INTERESTED)
    else:
        visit.take_up_again(NOT_INTERESTED, item_id)


def _bring_back() -> None:
    chosen = state.get("bring_back")
    if chosen is not None:
        _try(lambda: visit.take_up_again(NOT_INTERESTED, chosen))
        state.put("bring_back", None)


def _bring_all_back() -> None:
    _try(lambda: visit.take_up_again(NOT_INTERESTED))


def _try(act: Callable[[], None]) -> bool:
    state.forget_live("wishes_error")
    try:
        act()
    except AutoRecError as error:
        state.set_live("wishes_error", error.sentence)
        return False
    return True


def told_error() -> None:
    """Why the last wish was not kept, in a sentence."""
    error = state.live("wishes_error", None)
    if error:
        st.error(plain.lines(_(error)))


# -- the visitor's own ratings ----------------------------------------------------------------------------------------

_STYLE = f"""<style>
.own {{ display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .25rem .9rem; font-size: .92rem; }}
.own b {{ font-variant-numeric: tabular-nums; font-weight: 650; text-align: right; white-space: nowrap; }}
.own span {{ overflow-wrap: anywhere; }}
.own em {{ font-style: normal; color: color-mix(in srgb, {YOU} 70%, currentColor); white-space: nowrap; }}
</style>"""
SHOWN = 5


def profile(own: Sequence[OwnRating], catalogue: Catalogue) -> None:
    """Which of the visitor's ratings matter most, and which surprise the model most."""
    matter, surprise = st.columns(2, gap="large")
    with matter:
        st.markdown(_("**They matter most**"))
        first = sorted(own, key=lambda one: -one.influence)[:SHOWN]
        st.html(_STYLE + _rows([(_given(one, catalogue), f"{one.influence:.3f}") for one in first]))
        st.caption(
            _(
                "By so much would the average prediction of a popular movie change if you took the rating away; for a "
                "single movie of the list others may matter more."
            )
        )
    with surprise:
        st.markdown(_("**They surprise the model most**"))
        first = sorted(own, key=lambda one: -abs(one.surprise))[:SHOWN]
        st.html(
            _STYLE
            + _rows(
                [
                    (
                        _("{given}, it expected {expected:.1f}", given=_given(one, catalogue), expected=one.expected),
                        recommended.signed(one.surprise),
                    )
                    for one in first
                ]
            )
        )
        st.caption(_("What it expects of you when it knows all your ratings but this one."))


def _given(one: OwnRating, catalogue: Catalogue) -> str:
    said = escape(_("you gave {rating:g}", rating=one.rating))
    return f"{escape(catalogue.display_titles[one.item_index])} <em>{said}</em>"


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """Pairs as HTML; the first of each is HTML already."""
    return f'<div class="own">{"".join(f"<span>{text}</span><b>{number}</b>" for text, number in rows)}</div>'
