"""The Map page: its layouts, its search, what lies near a movie, and what was encircled."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core import layouts, projection
from autorec_core.catalogue import Catalogue
from autorec_core.fold_in import FoldIn
from autorec_core.ratings import BoolArray, FloatArray, IntArray, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.runs import Run
from pages.shared import frame, movie_map, plain, services, state
from pages.shared.genres import genre_list, genre_name
from pages.shared.words import _, ngettext, sentences

MOST_FOUND = 6
"""Movies that a search offers."""
NUM_NEIGHBOURS = 10
MIDDLE, STRONG = 0.25, 0.3
"""Correlations that an axis must have with something to be called after it at all, and by way of being the first."""


@dataclass(frozen=True, eq=False)
class Ground:
    """What stays of a map while its colours, its choice and its visitor change."""

    shown: IntArray
    """(n,) item indices."""
    place_of: IntArray
    """(num_items,) where each is in `shown`; -1 where it is not."""
    directions: FloatArray
    """(n, hidden_units) unit vectors."""
    components: projection.Projection
    """Their principal components."""
    fitted: FloatArray
    """(n, 3) the same, fitted to the picture."""
    is_of: BoolArray
    """(n, genres)."""
    telling: tuple[str, ...]
    """Genres that lie farthest to one side."""


@st.cache_resource(show_spinner=False, max_entries=4)
def ground(run_id: str) -> Ground:
    """The map of a run's model."""
    recommender = services.recommender(run_id)
    model = recommender.model
    shown = projection.shown_items(model)
    place_of = np.full(len(model.items), -1, dtype=np.int64)
    place_of[shown] = np.arange(len(shown))
    is_of = projection.membership(model.items)[shown]
    directions = recommender.directions[shown]
    components = projection.principal_components(projection.movie_vectors(model)[shown])
    telling = projection.telling_genres(directions, is_of, movie_map.MOST_GENRES)
    return Ground(
        shown=shown,
        place_of=place_of,
        directions=directions,
        components=components,
        fitted=movie_map.fitted(components.places),
        is_of=is_of,
        telling=tuple(model.items.genre_names[genre] for genre in telling),
    )


@st.cache_resource(show_spinner=False, max_entries=4)
def _umap(run_id: str, _changed: float) -> tuple[FloatArray, FloatArray] | None:
    found = layouts.read(services.run_store().get(run_id), ground(run_id).shown)
    return None if found is None else (movie_map.fitted(found[0]), movie_map.fitted(found[1]))


def umap_of(run: Run) -> tuple[FloatArray, FloatArray] | None:
    """A run's layout by UMAP, flat and in space, fitted to the picture; None before it is made."""
    try:
        changed = (run.folder / layouts.FILE).stat().st_mtime
    except OSError:
        return None
    return _umap(run.id, changed)


def how_many(item_counts: IntArray, num_drawn: int) -> str:
    """How many movies are drawn, and why the others are not.

    Args:
        item_counts: (num_items,) training ratings of each.
        num_drawn: movies on the map.
    """
    unrated = int(np.count_nonzero(item_counts == 0))
    beyond = len(item_counts) - unrated - num_drawn
    told = [ngettext("{count:,} movie is drawn.", "{count:,} movies are drawn.", num_drawn)]
    if unrated:
        told.append(
            ngettext(
                "{count:,} is left out: without a training rating a movie has no code of its own.",
                "{count:,} are left out: without a training rating a movie has no code of its own.",
                unrated,
            )
        )
    if beyond > 0:
        told.append(
            ngettext(
                "{count:,} with the fewest ratings is left out, so that the others can be told apart.",
                "{count:,} with the fewest ratings are left out, so that the others can be told apart.",
                beyond,
            )
        )
    return sentences(*told)


# -- controls ---------------------------------------------------------------------------------------------------------


def controls(run: Run) -> tuple[str, int, str]:
    """Draws what can be chosen of the picture; returns layout, axes and colouring."""
    methods = {"pca": _("PCA"), "umap": _("UMAP")}
    views = {2: _("Flat"), 3: _("In space")}
    colours = {
        "genre": _("Genre"),
        "year": _("Year"),
        "mean": _("Mean rating"),
        "predicted": _("Predicted for you"),
    }
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        method = st.segmented_control(
            _("Layout"),
            list(methods),
            format_func=methods.get,
            default="pca",
            required=True,
            key="map_layout",
            on_change=partial(_ask, run),
            help=_(
                "PCA looks at the codes from the side where they differ most, at once. UMAP bends the picture until "
                "near neighbours lie together; that takes a minute, once a model."
            ),
            persist_state="session",
        )
        axes = st.segmented_control(
            _("View"),
            list(views),
            format_func=views.get,
            default=2,
            required=True,
            key="map_axes",
            help=_("Two directions, or three that you can turn."),
            persist_state="session",
        )
        colour = st.segmented_control(
            _("Colour"),
            list(colours),
            format_func=colours.get,
            default="genre",
            required=True,
            key="map_colour",
            help=_("What the colours say. The more ratings a movie has, the larger its point."),
            persist_state="session",
        )
    return str(method), int(axes or 2), str(colour)


def _ask(run: Run) -> None:
    if state.get("map_layout") == "umap" and umap_of(run) is None:
        services.layouts().ask(run)


def layout_notice(run: Run) -> None:
    """Says how far the layout is, and draws the page anew when it is there."""
    if services.layouts().status(run.id).state in ("waiting", "running"):
        _wait_for_layout(run)
        return
    message = services.layouts().status(run.id).message
    told = plain.lines(_(message))
    st.info(told or _("This model has no layout by UMAP yet; below is PCA. It takes a minute, once."))
    st.button(_("Lay it out"), type="primary", key="map_ask", on_click=services.layouts().ask, args=(run,))


@st.fragment(run_every=0.5, key="map_wait")
def _wait_for_layout(run: Run) -> None:
    status = services.layouts().status(run.id)
    if status.state in ("done", "failed", ""):
        st.rerun()
    if status.state == "waiting":
        st.progress(0.0, _("Another model's layout is being made; this one is next in line. Below is PCA."))
        return
    remaining = status.remaining()
    text = _("UMAP lays the movies out, {seconds:.0f} s so far", seconds=status.seconds())
    if remaining is not None:
        text += _(", about {seconds:.0f} s to go", seconds=remaining)
    st.progress(min(1.0, status.share), text + _(". Below is PCA meanwhile."))


def colouring(name: str, land: Ground, catalogue: Catalogue, predicted: FloatArray) -> movie_map.Colouring:
    """The colours of the map; for genres, draws which of them.

    Args:
        name: one of those of `controls`.
        land: the map.
        catalogue: its movies.
        predicted: (n,) ratings predicted for the visitor.
    """
    items, shown = catalogue.items, land.shown
    if name == "year":
        years = items.years[shown]
        return movie_map.by_number(years, years > 0, _("Year"), ".0f")
    everywhere = np.ones(len(shown), dtype=bool)
    if name == "mean":
        return movie_map.by_number(catalogue.means[shown], everywhere, _("Mean rating"), ".1f")
    if name == "predicted":
        return movie_map.by_number(predicted, everywhere, _("Predicted for you"), ".1f")
    chosen = st.multiselect(
        _("Genres in colour"),
        items.genre_names,
        default=land.telling,
        format_func=genre_name,
        max_selections=movie_map.MOST_GENRES,
        key="map_genres",
        placeholder=_("None"),
        help=_(
            "At first those that the model puts farthest apart. A movie of several gets the colour of the one that "
            "fewest movies have; all others are grey."
        ),
        persist_state="session",
    )
    columns = [items.genre_names.index(genre) for genre in chosen]
    return movie_map.by_genre(land.is_of[:, columns], [genre_name(genre) for genre in chosen])


# -- search -----------------------------------------------------------------------------------------------------------


def find(catalogue: Catalogue, query: str, place_of: IntArray) -> list[int]:
    """Movies on the map that a query means, the likeliest first."""
    return [item for item in catalogue.search(query).tolist() if place_of[item] >= 0][:MOST_FOUND]


def search(run: Run, catalogue: Catalogue, land: Ground) -> None:
    """Draws the search; what is found first is chosen, and `found` offers the others."""

    def searched() -> None:
        some = find(catalogue, state.get("map_query") or "", land.place_of)
        if (state.get("map_query") or "").strip() and some:
            choose(run.id, some[0])

    st.text_input(
        _("Find a movie"),
        placeholder=_("the matrix"),
        key="map_query",
        on_change=searched,
        help=_("Words of the title, in any order; a slip of the pen is forgiven. Press Enter."),
    )


def found(run: Run, catalogue: Catalogue, land: Ground) -> None:
    """Draws what the search found, each to be chosen."""

    def taken() -> None:
        item = state.get("map_found")
        if item is not None:
            choose(run.id, int(item))

    query = state.get("map_query") or ""
    if not query.strip():
        return
    some = find(catalogue, query, land.place_of)
    if not some:
        st.caption(_("No movie on the map is called anything like this."))
        return
    now = chosen_item(run.id)
    state.put("map_found", now if now in some else None)
    st.pills(
        _("Found"),
        some,
        format_func=lambda item: named(catalogue, item),
        key="map_found",
        on_change=taken,
        help=_("Choose one to see it on the map."),
    )


def named(catalogue: Catalogue, item: int) -> str:
    """A movie's title with its year."""
    year = int(catalogue.items.years[item])
    return f"{catalogue.display_titles[item]} ({year})" if year else str(catalogue.display_titles[item])


# -- what is chosen ---------------------------------------------------------------------------------------------------


def choose(run_id: str, item: int | None) -> None:
    """Makes a movie the one in question; a callback."""
    state.set_live("map_chosen", None if item is None else (run_id, item))


def chosen_item(run_id: str) -> int | None:
    """The movie in question, by item index, or None."""
    kept = state.live("map_chosen", None)
    return kept[1] if kept is not None and kept[0] == run_id else None


def encircle(run_id: str, items: list[int]) -> None:
    """Keeps the movies in the lasso; a callback."""
    state.set_live("map_lasso", (run_id, items) if items else None)


def encircled(run_id: str) -> list[int]:
    """Item indices of the movies in the lasso."""
    kept = state.live("map_lasso", None)
    return list(kept[1]) if kept is not None and kept[0] == run_id else []


def liking(scale: RatingScale) -> float:
    """The rating from which on a movie counts as liked: 4 on a scale that ends at 5.

    >>> liking(RatingScale(0.5, 5.0)), liking(RatingScale(1, 10, 1))
    (4.0, 8.0)
    """
    return scale.low + math.ceil(round(0.75 * scale.span / scale.step, 6)) * scale.step


# -- tables -----------------------------------------------------------------------------------------------------------


def table(catalogue: Catalogue, items: IntArray, predicted: FloatArray, **more: Any) -> pd.DataFrame:
    """Movies as rows.

    Args:
        catalogue: of the movies.
        items: (m,) item indices.
        predicted: (num_items,) ratings predicted for the visitor.
        more: further columns, (m,) each, put after the title.
    """
    return pd.DataFrame(
        {
            "movie": [named(catalogue, item) for item in items.tolist()],
            **more,
            "mean": catalogue.means[items],
            "predicted": predicted[items],
            "ratings": catalogue.counts[items],
            "genres": [", ".join(catalogue.items.genres[item]) for item in items.tolist()],
        }
    )


def in_words(rows: pd.DataFrame) -> pd.DataFrame:
    """What `table` gave, with the genres as the visitor calls them."""
    return rows.assign(genres=[genre_list(genres.split(", ")) for genres in rows["genres"].tolist()])


def columns() -> dict[str, Any]:
    """How the columns of `table` look."""
    number = st.column_config.NumberColumn
    return {
        "movie": st.column_config.TextColumn(_("Movie"), width="medium"),
        "likeness": number(_("Likeness"), format="%.2f", help=_("Cosine of the codes: 1 is the same, 0 unrelated.")),
        "mean": number(_("Mean"), format="%.2f", help=_("Damped mean of the training ratings.")),
        "predicted": number(_("For you"), format="%.2f", help=_("Predicted for you.")),
        "ratings": number(_("Ratings"), help=_("Training ratings.")),
        "genres": st.column_config.TextColumn(_("Genres")),
    }


def neighbours(recommender: Recommender, land: Ground, item: int) -> tuple[IntArray, FloatArray]:
    """Item indices and cosines of the nearest movies on the map, by all units of the code."""
    near = recommender.directions[land.shown] @ recommender.directions[item]
    near[land.place_of[item]] = -np.inf
    order = np.argsort(-near, kind="stable")[: min(NUM_NEIGHBOURS, len(near) - 1)]
    return land.shown[order], near[order]


def neighbour_list(
    run: Run, catalogue: Catalogue, item: int, near: IntArray, cosines: FloatArray, fold_in: FoldIn
) -> None:
    """Draws a movie's neighbours; choosing one goes there."""
    st.subheader(_("Near {movie}", movie=named(catalogue, item)))
    st.caption(
        _(
            "Its {count} nearest by the whole code, not by the picture: a line to somewhere far away is a neighbour "
            "that the picture tears off. Tick one to go there.",
            count=len(near),
        )
    )
    rows = table(catalogue, near, fold_in.predicted_ratings, likeness=cosines)
    key = f"map_near_{item}"

    def go() -> None:
        ticked = ((state.get(key) or {}).get("selection") or {}).get("rows") or []
        if ticked and 0 <= ticked[0] < len(near):
            choose(run.id, int(near[ticked[0]]))

    st.dataframe(
        in_words(rows),
        hide_index=True,
        column_config=columns(),
        key=key,
        on_select=go,
        selection_mode="single-row",
        height=min(420, 38 + 35 * len(rows)),
    )


def lasso_list(run: Run, catalogue: Catalogue, items: list[int], fold_in: FoldIn) -> None:
    """Draws the movies in the lasso, the best known first."""
    chosen = np.array(items, dtype=np.int64)
    chosen = chosen[np.argsort(-catalogue.counts[chosen], kind="stable")]
    st.subheader(ngettext("{count:,} movie in the lasso", "{count:,} movies in the lasso", len(chosen)))
    share = Counter(genre for item in items for genre in catalogue.items.genres[item]).most_common(3)
    genres = _(", ").join(f"{genre_name(genre)} {count:,}" for genre, count in share)
    st.caption(
        _(
            "Most often {genres}; mean rating {mean:.2f}, for you {predicted:.2f}.",
            genres=genres or "–",
            mean=float(catalogue.means[chosen].mean()),
            predicted=float(fold_in.predicted_ratings[chosen].mean()),
        )
    )
    rows = table(catalogue, chosen, fold_in.predicted_ratings)
    st.dataframe(
        in_words(rows),
        hide_index=True,
        column_config=columns(),
        height=min(320, 38 + 35 * len(rows)),
        key="map_lassoed",
    )
    with st.container(horizontal=True):
        st.download_button(
            _("Download these as CSV"),
            rows.to_csv(index=False),
            "autorec-lasso.csv",
            "text/csv",
            on_click="ignore",
            help=_("The movies in the lasso."),
        )
        st.button(_("Let them go"), on_click=encircle, args=(run.id, []), key="map_let_go")


def as_csv(catalogue: Catalogue, shown: IntArray, places: FloatArray, axes: int, predicted: FloatArray) -> str:
    """The map as a file: a line a movie.

    Args:
        catalogue: of the movies.
        shown: (n,) item indices.
        places: (n, 3).
        axes: how many of them are drawn.
        predicted: (num_items,) ratings predicted for the visitor.
    """
    items = catalogue.items
    whole = {"item_id": items.ids[shown], "title": items.titles[shown], "year": items.years[shown]}
    whole |= {"xyz"[axis]: places[:, axis].round(5) for axis in range(axes)}
    whole |= {
        "mean_rating": catalogue.means[shown].round(4),
        "num_ratings": catalogue.counts[shown],
        "predicted_rating": predicted[shown].round(4),
        "genres": ["|".join(items.genres[item]) for item in shown.tolist()],
    }
    return str(pd.DataFrame(whole).to_csv(index=False))


# -- what to see ------------------------------------------------------------------------------------------------------


def axis_words(land: Ground, catalogue: Catalogue) -> list[str]:
    """What each of the two flat axes goes with, in words, as "more ratings"; "" where with nothing known."""
    shown = land.shown
    years = catalogue.items.years[shown]
    traits = [
        (np.log1p(catalogue.counts[shown]), np.ones(len(shown), dtype=bool), _("more ratings"), _("fewer ratings")),
        (catalogue.means[shown], np.ones(len(shown), dtype=bool), _("higher means"), _("lower means")),
        (years.astype(float), years > 0, _("later years"), _("earlier years")),
    ]
    found = []
    for axis in range(2):
        along = land.components.places[:, axis].astype(float)
        each = [
            (projection.goes_with(along[known], values[known]) if known.any() else 0.0, more, fewer)
            for values, known, more, fewer in traits
        ]
        each.sort(key=lambda one: -abs(one[0]))
        strong = [one for one in each if abs(one[0]) >= (STRONG if one is each[0] else MIDDLE)]
        found.append(_(" and ").join(more if r > 0 else fewer for r, more, fewer in strong[:2]))
    return found


def what_to_see(model_by_items: bool, land: Ground, catalogue: Catalogue, layout: str, axes: int) -> str:
    """The sentences above the map."""
    what = (
        _("Each point is a movie, placed by its **code**: what the network keeps of all its ratings.")
        if model_by_items
        else _(
            "This model makes codes of people, so a movie is placed by the **weights** with which the decoder reads "
            "such a code to write the movie's rating."
        )
    )
    if layout == "umap":
        how = _(
            "Movies that lie together are read alike by the model; how far apart two islands lie means little. No "
            "genre, year or title was ever shown to it: what gathers here does so by who rated what."
        )
    else:
        share = 100 * sum(land.components.shares[:axes])
        how = _(
            "The picture holds {share:.0f} % of what the codes differ in. No genre, year or title was ever shown to "
            "the model: what gathers here does so by who rated what.",
            share=share,
        )
        right, up = axis_words(land, catalogue)
        if axes == 2 and right:
            how = sentences(how, _("To the right lie movies with {traits}.", traits=right))
        if axes == 2 and up:
            how = sentences(how, _("Towards the top lie movies with {traits}.", traits=up))
    return sentences(what, how)


def starter() -> None:
    """What the page says before there is a model."""
    st.markdown(
        _("The map of the movies appears here when there is a model: it is drawn from what the network learnt.")
    )
    frame.go_button(_("Train a model"), "train")
