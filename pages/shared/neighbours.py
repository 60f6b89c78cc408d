"""Neighbours as people read them: who is most like the visitor, and which movies are nearest to one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import streamlit as st

from autorec_core import neighbours
from autorec_core.catalogue import Catalogue
from autorec_core.fold_in import FoldIn
from autorec_core.neighbours import Twin
from autorec_core.ratings import Compressed, union
from autorec_core.recommender import Recommender
from autorec_core.runs import Run
from pages.shared import genres, rows, services, state
from pages.shared.palette import YOU
from pages.shared.words import _, ngettext, sentences

COUNT = 10
FEWEST_OF_A_MOVIE = 10
"""Ratings below which the code of a movie is mostly chance."""

_STYLE = f"""<style>
.near {{ display: grid; grid-template-columns: 4.2rem minmax(0, 1fr); gap: .15rem 1rem; padding: .7rem 0;
  border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); align-items: baseline; }}
.near b {{ font-variant-numeric: tabular-nums; font-size: 1.15rem; }}
.near .meter {{ height: .4rem; border-radius: .2rem; background: color-mix(in srgb, currentColor 14%, transparent);
  margin-top: .25rem; }}
.near .meter i {{ display: block; height: 100%; border-radius: .2rem; background: {YOU}; }}
.near .name {{ font-weight: 650; overflow-wrap: anywhere; }}
.near .name span {{ font-weight: 400; opacity: .74; margin-left: .3rem; }}
.near .name span {{ unicode-bidi: isolate; }}
.near .facts {{ font-size: .88rem; opacity: .82; font-variant-numeric: tabular-nums; line-height: 1.45;
  overflow-wrap: anywhere; }}
</style>"""


# -- people -----------------------------------------------------------------------------------------------------------


def people(run: Run, recommender: Recommender, met: FoldIn, catalogue: Catalogue) -> None:
    """The users of the data who are most like the visitor, and what they loved that the visitor has not rated."""
    if rows.split_or_none(run) is None:
        st.info(
            _(
                "The ratings that this model was trained on are no longer where they were, so nobody can be compared "
                "with you. Movies can."
            )
        )
        return
    found = neighbours.twins(recommender.model, met, _ratings_of(run.id))
    if not found:
        st.info(_("Nobody in this data set rated enough movies to be compared with you."))
        return
    st.html(_STYLE + f'<div role="list">{"".join(_person(twin, recommender, catalogue) for twin in found)}</div>')
    st.caption(
        _(
            "People of the data set who rated {fewest} movies or more. The number is a correlation, 1 at the most: of "
            "what the model expects of you and of them for the {compared} most rated movies, each less what everybody "
            "gives it. So strict and generous people can be of one taste, and few movies in common are enough.",
            fewest=neighbours.FEWEST_RATINGS,
            compared=min(neighbours.MOVIES_COMPARED, len(recommender.items)),
        )
    )


@st.cache_resource(show_spinner=False, max_entries=2)
def _ratings_of(run_id: str) -> Compressed:
    split = services.split_of(run_id)
    return union(split.train, [split.valid, split.test])[0].by_user


def _person(twin: Twin, recommender: Recommender, catalogue: Catalogue) -> str:
    user = escape(_("User {id}", id=recommender.model.user_ids[twin.user_index]))
    common = ngettext("{count} movie rated by both of you", "{count} movies rated by both of you", twin.num_common)
    if not math.isnan(twin.mean_difference):
        common += _(", {difference:.1f} stars apart on average", difference=twin.mean_difference)
    loved = ", ".join(escape(_name(catalogue, item)) for item in twin.loved.tolist())
    line = f'<div class="facts">{sentences(_("Loved, and not rated by you:"), loved)}</div>' if loved else ""
    return _row(twin.likeness, f'<div class="name">{user}</div><div class="facts">{escape(common)}</div>{line}')


# -- movies -----------------------------------------------------------------------------------------------------------


def movie_control(catalogue: Catalogue, rated: Sequence[int]) -> int | None:
    """Draws the choice of a movie, one that the visitor rated to begin with; its item index, or None."""
    query = st.text_input(
        _("Search"),
        key="near_query",
        placeholder=_("the matrix"),
        help=_("Words of the title; a slip is forgiven."),
        persist_state="session",
    )
    found = rows.movies_found(catalogue, query or "")
    if not found:
        return None
    options = list(found)
    if not query and rated and rated[0] not in options:
        options.insert(0, rated[0])
    first = options.index(rated[0]) if not query and rated else 0
    state.put_among("near_movie", options, options[first])
    chosen = st.selectbox(
        _("Movie"),
        options,
        format_func=lambda index: found.get(index) or _name(catalogue, index),
        key="near_movie",
        help=_("The most rated ones come first."),
    )
    return None if chosen is None else int(chosen)


def movies(recommender: Recommender, item: int, catalogue: Catalogue, own: dict[int, float]) -> None:
    """The movies nearest to one.

    Args:
        recommender: of the model.
        item: index of the movie.
        catalogue: of the movies.
        own: the visitor's ratings, by item index.
    """
    found = neighbours.nearest_movies(recommender, item, count=COUNT, fewest=FEWEST_OF_A_MOVIE)
    if not found:
        st.info(_("No other movie of this data set has enough ratings to be compared."))
        return
    lines = []
    for near, cosine in found:
        count = int(catalogue.counts[near])
        facts = ngettext(
            "{count:,} rating, mean {mean:.2f}",
            "{count:,} ratings, mean {mean:.2f}",
            count,
            mean=float(catalogue.means[near]),
        )
        if near in own:
            facts += _(", you gave {rating:g}", rating=own[near])
        kinds = genres.genre_list(catalogue.items.genres[near])
        lines.append(
            _row(
                cosine,
                f'<div class="name">{escape(catalogue.display_titles[near])}'
                f"<span>{int(catalogue.items.years[near]) or ''}</span></div>"
                f'<div class="facts">{escape(kinds)}</div><div class="facts">{escape(facts)}</div>',
            )
        )
    st.html(_STYLE + f'<div role="list">{"".join(lines)}</div>')
    of_what = _("codes") if recommender.model.by_items else _("decoder weights")
    st.caption(
        _(
            "The number is the cosine of the two movies' {of_what}, 1 at the most, among movies of {fewest} ratings or "
            "more. The network was told no title, genre or year: movies are near because the same people rated them, "
            "and in a like manner.",
            of_what=of_what,
            fewest=FEWEST_OF_A_MOVIE,
        )
    )


def _row(likeness: float, inside: str) -> str:
    width = 100 * min(1.0, max(0.0, likeness))
    return (
        f'<div class="near" role="listitem"><div><b>{likeness:.2f}</b>'
        f'<div class="meter"><i style="width:{width:.0f}%"></i></div></div><div>{inside}</div></div>'
    )


def _name(catalogue: Catalogue, index: int) -> str:
    year = int(catalogue.items.years[index])
    return f"{catalogue.display_titles[index]} ({year})" if year else str(catalogue.display_titles[index])
