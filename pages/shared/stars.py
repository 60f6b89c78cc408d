"""Cards of movies with stars to click: one component for a whole grid, by mouse, touch and keyboard.

The browser keeps each change until the server has committed it, and sends all that are not yet acknowledged along with
the next one, numbered, so that rapid clicks are neither lost nor done twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autorec_core.catalogue import Catalogue
from autorec_core.errors import AutoRecError
from autorec_core.ratings import IntArray, RatingScale
from pages.shared import assets, genres, state
from pages.shared.words import _, ngettext

_HTML = '<div class="grid" role="list"></div>\n'

Rate = Callable[[str, float | None], None]
"""Keeps (or, with None, clears) a rating; returns when it is committed, raises AutoRecError where it is not."""
NotSeen = Callable[[str, bool], None]
"""Keeps (or, with False, forgets) that a movie has not been seen; as `Rate`."""


def cards(
    key: str,
    catalogue: Catalogue,
    item_indices: IntArray | Sequence[int],
    ratings: dict[str, float],
    scale: RatingScale,
    rate: Rate,
    *,
    not_seen: IntArray | None = None,
    say_not_seen: NotSeen | None = None,
    words: Mapping[str, str] | None = None,
) -> None:
    """Draws movies with their stars.

    Args:
        key: of the component.
        catalogue: of the movies.
        item_indices: (n,) which to draw, in order.
        ratings: item id as text -> the visitor's rating.
        scale: the rating scale.
        rate: called once for each change, in order.
        not_seen: items that the visitor has not seen; with `say_not_seen`, each card has a button for it.
        say_not_seen: called once for each click on that button.
        words: in place of some of `_words`, where that button means something else.
    """
    # What the browser knows to be done: last change of each of its lives, and what was refused.
    done: dict[str, Any] = state.live(f"stars_{key}", {"acknowledged": {}, "refused": {}})

    def take_changes() -> None:
        sent = (state.get(key) or {}).get("rated")
        client, changes = changes_in(sent)
        for number, item_id, value, is_not_seen in changes:
            if number <= done["acknowledged"].get(client, 0):
                continue
            try:
                if is_not_seen is None:
                    rate(item_id, value)
                elif say_not_seen is not None:
                    say_not_seen(item_id, is_not_seen)
                done["refused"].pop(item_id, None)
            except AutoRecError as error:
                done["refused"][item_id] = error.sentence
            done["acknowledged"][client] = number

    titles, items = catalogue.display_titles, catalogue.items
    unseen = [] if not_seen is None else list(not_seen)
    assets.component("stars", _HTML)(
        key=key,
        data={
            "cards": [
                {
                    "id": str(items.ids[index]),
                    "title": titles[index],
                    "year": int(items.years[index]),
                    "genres": [[genre, genres.genre_name(genre)] for genre in items.genres[index]],
                    "facts": _facts(catalogue, index),
                }
                for index in item_indices
            ],
            "ratings": {str(items.ids[index]): ratings.get(str(items.ids[index])) for index in item_indices},
            "notSeen": None if say_not_seen is None else [str(items.ids[index]) for index in unseen],
            "scale": {"low": scale.low, "high": scale.high, "step": scale.step},
            "acknowledged": done["acknowledged"],
            "refused": {item_id: _(why) for item_id, why in done["refused"].items()},
            "words": {**_words(), **(words or {})},
        },
        on_rated_change=take_changes,
    )


def changes_in(sent: Any) -> tuple[str, list[tuple[int, str, float | None, bool | None]]]:
    """What a browser sent: who it is, and each change's number, item, rating, and whether the movie was not seen.

    Anybody can write to a websocket: what is no change is left out, and neither an error nor a traceback in the log.

    >>> changes_in({"client": "a", "changes": [{"number": 1, "id": 7, "value": 4}, {"number": 2, "value": []}]})
    ('a', [(1, '7', 4.0, None)])
    """
    found: list[tuple[int, str, float | None, bool | None]] = []
    if not isinstance(sent, dict) or not isinstance(sent.get("changes"), list):
        return "", found
    for change in sent["changes"]:
        with contextlib.suppress(TypeError, ValueError, KeyError, AttributeError, OverflowError):
            value, not_seen = change.get("value"), change.get("notSeen")
            number, rating = int(change["number"]), None if value is None else float(value)
            found.append((number, str(change["id"]), rating, None if "notSeen" not in change else bool(not_seen)))
    return str(sent.get("client", ""))[:64], found


def _facts(catalogue: Catalogue, index: int) -> str:
    return ngettext(
        "{count:,} rating, mean {mean:.2f}",
        "{count:,} ratings, mean {mean:.2f}",
        int(catalogue.counts[index]),
        mean=float(catalogue.means[index]),
    )


def _words() -> dict[str, str]:
    """What the script says; it fills in what stands in braces."""
    return {
        "rate": _("Rate {title}"),
        "clear": _("Clear this rating"),
        "clearOf": _("Clear the rating of {title}"),
        "notSeen": _("Not seen"),
        "notAsked": _("Ask me does not ask about it"),
        "notSeenOf": _("I have not seen {title}"),
        "notRated": _("not rated"),
        "rated": _("{value} of {high}"),
        "saving": _("saving …"),
        "saved": _("✓ saved"),
        "cleared": _("✓ cleared"),
        "seen": _("✓ may be asked again"),
        "unseen": _("✓ not asked about again"),
    }
