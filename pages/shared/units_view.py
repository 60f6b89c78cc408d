"""The Code units page: an overview of all hidden units, and one of them in full."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core import code_units
from autorec_core.catalogue import Catalogue
from autorec_core.code_units import LEAST, MOST, CodeUnits
from pages.shared import atlas, figures, frame, services, state, units_charts
from pages.shared.genres import genre_list, group_name
from pages.shared.palette import ink
from pages.shared.words import _, later, ngettext, sentences

ANYTHING = later("Anything")
SHOWN_AT_AN_END = 15
"""Movies listed at either end of a unit."""


@st.cache_resource(show_spinner=False, max_entries=4)
def units_of(run_id: str) -> CodeUnits:
    """The units of a run's model."""
    return code_units.read_units(services.recommender(run_id).model)


# -- words ------------------------------------------------------------------------------------------------------------


def number_of(unit: int) -> int:
    """A unit as people count: from 1."""
    return unit + 1


def label(units: CodeUnits, unit: int) -> str:
    """A unit in a few words: its number and what it favours."""
    if units.states[unit] == "dead":
        return _("Unit {number} · dead", number=number_of(unit))
    if units.states[unit] == "saturated":
        return _("Unit {number} · saturated", number=number_of(unit))
    favourite = units.favourite(unit)
    if favourite is None:
        return _("Unit {number} · nothing tested", number=number_of(unit))
    end, group = favourite
    lift, name = float(units.lifts()[end, unit, group]), group_name(units.groups[group])
    if end == MOST:
        return _("Unit {number} · {group} ×{lift:.1f}", number=number_of(unit), group=name, lift=lift)
    return _("Unit {number} · against {group} ×{lift:.1f}", number=number_of(unit), group=name, lift=lift)


def summary(units: CodeUnits, by_items: bool) -> str:
    """What the network learnt to look for, in a few sentences."""
    favourites = [units.favourite(unit) for unit in range(units.num_units)]
    genres = sum(found is not None and found[1] < units.num_genres for found in favourites)
    decades = sum(found is not None and found[1] >= units.num_genres for found in favourites)
    what = (
        _(
            "A movie's code is {count:,} numbers, one a hidden unit: how strongly the unit fires for the movie.",
            count=units.num_units,
        )
        if by_items
        else _(
            "This model makes codes of people; of a movie it has {count:,} weights: how far each unit, where it fires, "
            "raises the movie's rating.",
            count=units.num_units,
        )
    )
    favoured = (
        _(
            "Nobody told the network what to look for, and it never saw a genre or a year. Yet {genres:,} of its units "
            "favour a genre most clearly, {decades:,} a decade.",
            genres=genres,
            decades=decades,
        )
        if units.groups
        else _(
            "Nobody told the network what to look for. This set names no genres or years that its units could be held "
            "against; see the movies at their ends."
        )
    )
    dead, saturated = units.states.count("dead"), units.states.count("saturated")
    if dead or saturated:
        silent = _(
            "{dead:,} are dead (they say the same of everything), {saturated:,} saturated (they lie at an end of their "
            "range): both say nothing.",
            dead=dead,
            saturated=saturated,
        )
    else:
        silent = _("None is dead or saturated.")
    return sentences(what, favoured, silent)


def sentence(units: CodeUnits, unit: int, by_items: bool) -> str:
    """What a unit looks for, as far as it can be told."""
    if units.states[unit] == "dead":
        return _("This unit is dead: it says nearly the same of every row, and so nothing of any.")
    if units.states[unit] == "saturated":
        return _(
            "This unit is saturated: it lies at an end of its range for nearly every row, and has stopped learning."
        )
    favourite = units.favourite(unit)
    if favourite is None:
        return _(
            "No genre or decade is over-represented among the movies at its ends. It may look for what the data has no "
            "word for; see its movies."
        )
    end, group = favourite
    name = group_name(units.groups[group])
    words = {
        "found": int(units.found[end, unit, group]),
        "size": int(units.ends[end, unit]),
        "group": name if group < units.num_genres else _("of the {decade}", decade=name),
        "expected": float(units.expected(end, unit)[group]),
        "q": units_charts.chance(float(units.q_values[end, unit, group])),
    }
    if end == MOST and by_items:
        text = _(
            "Of the {size} movies that it fires for most, **{found} are {group}**; {expected:.1f} would be by chance",
            **words,
        )
    elif end == MOST:
        text = _(
            "Of the {size} movies that it raises most, **{found} are {group}**; {expected:.1f} would be by chance",
            **words,
        )
    elif by_items:
        text = _(
            "Of the {size} movies that it fires for least, **{found} are {group}**; {expected:.1f} would be by chance",
            **words,
        )
    else:
        text = _(
            "Of the {size} movies that it lowers most, **{found} are {group}**; {expected:.1f} would be by chance",
            **words,
        )
    return sentences(text, _("(false discovery rate {q}).", **words))


def traits(units: CodeUnits, unit: int) -> str:
    """What else a unit goes with."""
    popularity, mean, year = units.traits[unit].tolist()
    if units.num_genres == len(units.groups):  # no years are known
        return _(
            "Correlation with popularity {popularity:+.2f}, with the mean rating {mean:+.2f}.",
            popularity=popularity,
            mean=mean,
        )
    return _(
        "Correlation with popularity {popularity:+.2f}, with the mean rating {mean:+.2f}, with the year {year:+.2f}.",
        popularity=popularity,
        mean=mean,
        year=year,
    )


# -- controls ---------------------------------------------------------------------------------------------------------


def overview(units: CodeUnits) -> None:
    """Draws all units by what they favour; a click chooses one."""

    def clicked() -> None:
        points = ((state.get("units_overview") or {}).get("selection") or {}).get("unit") or []
        if points:
            choose(int(points[0]["number"]) - 1)

    if not units.groups:  # nothing that they could favour
        return
    order = by_favourite(units)
    table = overview_table(units, order)
    st.markdown(
        _(
            "**All units.** A column is a unit, those that favour the same beside each other; a row is a genre or "
            "decade. Blue where the movies that the unit fires for most hold more of it than chance would put there, "
            "orange for those it fires for least; the stronger, the more. Click a mark to see its unit."
        )
    )
    if table.empty:
        st.info(
            _("No unit favours a genre or decade beyond chance. A longer training, or more ratings, may change that.")
        )
        return
    figures.show(
        units_charts.overview(table, units, ink(st.context.theme.type)),
        key="units_overview",
        on_select=clicked,
        selection_mode="unit",
        alt=_("Each unit against genres and decades: what is over-represented at its two ends."),
    )


def by_favourite(units: CodeUnits) -> list[int]:
    """Units in blocks: by what they favour, genres first, the clearest first in each; the others at the end."""
    best = units.p_values.min(axis=(0, 2), initial=1.0)

    def key(unit: int) -> tuple[int, float]:
        favourite = units.favourite(unit)
        return (len(units.groups) if favourite is None else favourite[1], float(best[unit]))

    return sorted(range(units.num_units), key=key)


def overview_table(units: CodeUnits, order: list[int]) -> pd.DataFrame:
    """What is over-represented where, a row each: unit's number and place, group, end, lift and rate."""
    place = np.empty(units.num_units, dtype=np.int64)
    place[order] = np.arange(units.num_units)
    end, unit, group = np.nonzero(units.q_values <= code_units.FALSE_DISCOVERIES)
    lifts = units.lifts()
    return pd.DataFrame(
        {
            "number": unit + 1,
            "place": place[unit],
            "group": [units.groups[one] for one in group],
            "end": np.array(["most", "least"])[end],
            "lift": lifts[end, unit, group],
            "rate": units.q_values[end, unit, group],
        }
    )


def choose(unit: int) -> None:
    """Makes a unit the one that is shown; a callback."""
    state.put("units_favours", ANYTHING)  # only dropped, the browser's own choice would come back with its next word
    state.put("units_unit", unit)


def unit_control(units: CodeUnits) -> int | None:
    """Draws the choice of a unit; returns it, or None where none favours what is asked for."""
    left, right = st.columns(2, gap="medium")
    with left:
        wanted = st.selectbox(
            _("Favours"),
            [ANYTHING, *units.groups],
            format_func=lambda group: _(ANYTHING) if group == ANYTHING else group_name(group),
            key="units_favours",
            help=_("Units for which this is over-represented at either end."),
        )
    order = units.order().tolist()
    if wanted in units.groups:
        group = units.groups.index(str(wanted))
        rates = units.q_values[:, :, group].min(0)
        order = [unit for unit in order if rates[unit] <= code_units.FALSE_DISCOVERIES]
        order.sort(key=lambda unit: float(units.p_values[:, unit, group].min()))
    if not order:
        st.info(_("No unit favours {group} beyond chance. Choose another.", group=group_name(str(wanted))))
        return None
    state.put_among("units_unit", order, order[0])
    with right:
        unit = st.selectbox(
            ngettext("Unit, of {count:,}", "Unit, of {count:,}", len(order)),
            order,
            format_func=lambda one: label(units, one),
            key="units_unit",
            help=_("Those first that favour something most clearly; dead and saturated ones last."),
        )
    return int(unit)


# -- one unit ---------------------------------------------------------------------------------------------------------


def one(units: CodeUnits, catalogue: Catalogue, unit: int, by_items: bool) -> None:
    """Draws a unit: what it favours, its two ends, and how it spreads over all movies."""
    st.subheader(_("Unit {number}", number=number_of(unit)))
    st.markdown(sentence(units, unit, by_items))
    st.caption(traits(units, unit))
    favourite = units.favourite(unit)
    group = None if favourite is None else favourite[1]
    left, right = st.columns([5, 6], gap="medium")
    with left:
        figures.show(
            units_charts.spread(units, unit, group, by_items, ink(st.context.theme.type)),
            key="unit_spread",
            alt=_("How the unit's values spread over all movies, and over those of the group that it favours."),
        )
        st.caption(
            _(
                "All {count:,} movies with enough ratings in grey; in colour those of the group that it favours. The "
                "farther apart the two hills, the better this one number tells the group.",
                count=len(units.items),
            )
            if group is not None
            else _("All {count:,} movies with enough ratings.", count=len(units.items))
        )
    with right:
        rows = group_table(units, unit)
        if rows.empty:
            st.info(_("Nothing is over-represented at its ends."))
        else:
            st.dataframe(
                rows,
                hide_index=True,
                height=min(316, 38 + 35 * len(rows)),
                key="unit_groups",
                column_config={
                    "group": st.column_config.TextColumn(_("Group"), width=104, help=_("Over-represented")),
                    "end": st.column_config.TextColumn(_("End"), width=54, help=_("Fires for most, or for least.")),
                    "found": st.column_config.NumberColumn(_("Found"), width=58),
                    "expected": st.column_config.NumberColumn(_("By chance"), width=78, format="%.1f"),
                    "lift": st.column_config.NumberColumn("×", width=48, format="%.1f", help=_("Found over expected.")),
                    "rate": st.column_config.NumberColumn(
                        _("FDR"), format="scientific", help=_("False discovery rate, over all units, groups and ends.")
                    ),
                },
            )
            st.caption(
                _(
                    "Over-represented does not say why: genre, decade and who watches what go together, and the "
                    "network saw only the last."
                )
            )
    for column, end in zip(st.columns(2, gap="medium"), (MOST, LEAST), strict=True):
        with column:
            st.markdown(f"**{end_name(end, by_items)}**")
            st.dataframe(
                end_table(units, catalogue, unit, end),
                hide_index=True,
                height=38 + 35 * 8,
                key=f"unit_end_{end}",
                column_config={
                    "movie": st.column_config.TextColumn(_("Movie"), width="medium"),
                    "value": st.column_config.NumberColumn(_("Value"), format="%.3f"),
                    "genres": st.column_config.TextColumn(_("Genres")),
                    "ratings": st.column_config.NumberColumn(_("Ratings"), help=_("Training ratings.")),
                },
            )
    with st.container(horizontal=True):
        st.download_button(
            _("Download this unit as CSV"),
            unit_csv(units, catalogue, unit),
            f"autorec-unit-{number_of(unit)}.csv",
            "text/csv",
            on_click="ignore",
            help=_("Its value for each movie."),
        )
        st.download_button(
            _("Download all units as CSV"),
            lambda: units_csv(units),
            "autorec-units.csv",
            "text/csv",
            on_click="ignore",
            help=_("Each unit, end and group: found, expected, chance and false discovery rate."),
        )


def end_name(end: int, by_items: bool) -> str:
    """What an end of a unit is called."""
    if by_items:
        return _("Fires for most") if end == MOST else _("Fires for least")
    return _("Raises most") if end == MOST else _("Lowers most")


def end_table(units: CodeUnits, catalogue: Catalogue, unit: int, end: int) -> pd.DataFrame:
    """The movies at an end of a unit, the utmost first."""
    items = units.extremes(unit, end, SHOWN_AT_AN_END)
    values = units.values[np.searchsorted(units.items, items), unit]
    return pd.DataFrame(
        {
            "movie": [atlas.named(catalogue, item) for item in items.tolist()],
            "value": values,
            "genres": [genre_list(catalogue.items.genres[item]) for item in items.tolist()],
            "ratings": catalogue.counts[items],
        }
    )


def group_table(units: CodeUnits, unit: int) -> pd.DataFrame:
    """What is over-represented at a unit's ends, the surest first."""
    rows: list[dict[str, Any]] = []
    lifts = units.lifts()
    for end in (MOST, LEAST):
        expected = units.expected(end, unit)
        for group in np.flatnonzero(units.q_values[end, unit] <= code_units.FALSE_DISCOVERIES).tolist():
            rows.append(
                {
                    "group": group_name(units.groups[group]),
                    "end": _("most") if end == MOST else _("least"),
                    "found": int(units.found[end, unit, group]),
                    "expected": float(expected[group]),
                    "lift": float(lifts[end, unit, group]),
                    "rate": float(units.q_values[end, unit, group]),
                }
            )
    rows.sort(key=lambda row: row["rate"])
    return pd.DataFrame(rows, columns=["group", "end", "found", "expected", "lift", "rate"])


def unit_csv(units: CodeUnits, catalogue: Catalogue, unit: int) -> str:
    """A unit's value for each movie, as a file, the highest first."""
    items, values = units.items, units.values[:, unit]
    order = np.argsort(-values, kind="stable")
    whole = pd.DataFrame(
        {
            "item_id": catalogue.items.ids[items],
            "title": catalogue.items.titles[items],
            "year": catalogue.items.years[items],
            "genres": ["|".join(catalogue.items.genres[item]) for item in items.tolist()],
            "value": values,
        }
    )
    return str(whole.iloc[order].to_csv(index=False))


def units_csv(units: CodeUnits) -> str:
    """All tests of all units, as a file."""
    shape = units.p_values.shape
    end, unit, group = (axis.ravel() for axis in np.indices(shape))
    expected = units.ends[:, :, None] * units.is_in.mean(0)
    whole = pd.DataFrame(
        {
            "unit": unit + 1,
            "state": np.array([one or "in use" for one in units.states])[unit],
            "end": np.array(["most", "least"])[end],
            "movies": units.ends[end, unit],
            "group": np.array(units.groups)[group],
            "found": units.found.ravel(),
            "expected": expected.ravel().round(4),
            "p": units.p_values.ravel(),
            "false_discovery_rate": units.q_values.ravel(),
        }
    )
    return str(whole.sort_values(["unit", "end", "p"]).to_csv(index=False))


def starter() -> None:
    """What the page says before there is a model."""
    st.markdown(_("The hidden units are shown here when there is a model: what each of them learnt to look for."))
    frame.go_button(_("Train a model"), "train")
