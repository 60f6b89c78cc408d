"""The two views of the Reconstruction page: yourself, and any movie or user of the data set."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core.catalogue import Catalogue
from autorec_core.fold_in import FoldIn
from autorec_core.metrics import rmse
from autorec_core.ratings import RatingScale
from autorec_core.runs import Run
from autorec_core.trained_model import TrainedModel
from pages.shared import charts, figures, residual_charts, rows
from pages.shared.palette import ink
from pages.shared.words import _, ngettext

MOST_DUMBBELLS = 15


def you(fold_in: FoldIn, catalogue: Catalogue, scale: RatingScale) -> None:
    """Draws what the visitor gave, what the model gives back, and what it would say had it not seen the rating."""
    table = rows.yours(fold_in, catalogue)
    st.markdown(
        _(
            "For each of your ratings the model is asked twice. **Without it**: what would you have given, going by "
            "all your *other* ratings? **With it**: what comes back when it knows this one too? The line between what "
            "you gave and what it expected is your surprise."
        )
    )
    if len(table) > MOST_DUMBBELLS:
        st.caption(
            _(
                "Your {most} largest surprises; the table below has all {count:,}.",
                most=MOST_DUMBBELLS,
                count=len(table),
            )
        )
    figures.show(
        charts.dumbbells(table.head(MOST_DUMBBELLS), scale, ink(st.context.theme.type)),
        key="you_chart",
        alt=_("For each movie what you gave, what was predicted without your rating, and what is given back with it."),
    )
    figures.csv_button(table, "you_ratings")
    with_it, without = rmse(fold_in.given_back, fold_in.ratings), rmse(fold_in.left_out, fold_in.ratings)
    numbers = st.columns(3)
    numbers[0].metric(_("Your ratings"), f"{len(table):,}")
    numbers[1].metric(_("RMSE without each"), f"{without:.4f}", help=_("How well it foresaw you: the honest figure."))
    numbers[2].metric(_("RMSE with each"), f"{with_it:.4f}", help=_("How well it remembers what it was told."))
    st.dataframe(
        table,
        hide_index=True,
        height=min(420, 38 + 35 * len(table)),
        column_config={
            "movie": st.column_config.TextColumn(_("Movie"), width="medium"),
            "given": st.column_config.NumberColumn(_("You gave"), format="%.1f"),
            "left_out": st.column_config.NumberColumn(_("Without it"), format="%.2f", help=_(charts.LEFT_OUT)),
            "given_back": st.column_config.NumberColumn(_("With it"), format="%.2f", help=_(charts.KNOWN)),
            "surprise": st.column_config.NumberColumn(
                _("Surprise"), format="%+.2f", help=_("What you gave less what was predicted without it.")
            ),
        },
        key="you_table",
    )


def movie_control(catalogue: Catalogue) -> int | None:
    """Draws the choice of a movie; returns its item index, or None where the search finds none."""
    return _choice(_("Find a movie"), _("the matrix"), _("Movie"), "reconstruct_movie", catalogue, None)


def user_control(model: TrainedModel) -> int | None:
    """Draws the choice of a user; returns its index, or None where no id begins so."""
    return _choice(_("Find a user by id"), "547", _("User"), "reconstruct_user", None, model)


def _choice(
    search: str, example: str, label: str, key: str, catalogue: Catalogue | None, model: TrainedModel | None
) -> int | None:
    left, right = st.columns([1, 1.6], gap="medium")
    query = left.text_input(
        search, placeholder=example, key=f"{key}_query", help=_("Press Enter to search."), persist_state="session"
    )
    if catalogue is not None:
        found = rows.movies_found(catalogue, query or "")
    elif model is not None:
        found = rows.users_found(model, query or "")
    else:
        found = {}
    chosen = right.selectbox(
        label,
        list(found),
        format_func=lambda index: found.get(index, ""),
        key=key,
        help=_("What the search finds, those with most ratings first, at most {most}.", most=rows.MOST_NAMES),
        placeholder=_("Nothing found"),
        persist_state="session",
    )
    return None if chosen is None else int(chosen)


def row(run: Run, model: TrainedModel, *, user: int | None = None, item: int | None = None) -> None:
    """Draws all ratings of one user or one movie against what the model predicts, held-out ones marked."""
    table = rows.observed(run.id, user=user, item=item)
    parts = rows.parts_of(table)
    picture, numbers = st.columns([2.2, 1], gap="medium")
    with picture:
        _row_picture(table, model, parts)
    is_refitted = bool((run.result or {}).get("is_refitted"))
    learnt = {"train", "validation"} if is_refitted else {"train"}
    with numbers:
        for part, (count, error) in rows.rmse_by_part(table).items():
            st.metric(
                _rmse_of(part, count),
                f"{error:.4f}" if math.isfinite(error) else "–",
                help=_("The model learnt from these.") if part in learnt else _("Held out: the model never saw these."),
            )
        st.caption(
            _(
                "Each point is one rating. The model learnt from **train** points. **Validation** points were held out "
                "while they chose the number of epochs, and then it was fitted to them as well. **Test** points stayed "
                "held out."
            )
            if is_refitted
            else _(
                "Each point is one rating. The model learnt from **train** points. **Validation** and **test** points "
                "are held out: where they lie, its input was empty."
            )
        )
    worst = rows.worst_first(table)
    st.dataframe(
        worst.assign(part=[_(residual_charts.PART_NAMES[part]) for part in worst["part"].tolist()]),
        hide_index=True,
        height=320,
        column_config={
            "name": st.column_config.TextColumn(_("Movie") if user is not None else _("User"), width="medium"),
            "given": st.column_config.NumberColumn(_("Given"), format="%.1f"),
            "predicted": st.column_config.NumberColumn(_("Predicted"), format="%.2f"),
            "part": st.column_config.TextColumn(_("Part of the split")),
            "error": st.column_config.NumberColumn(_("Error"), format="%+.2f", help=_("Predicted less given.")),
        },
        key="row_table",
    )
    if len(table) and not np.isin(parts, ["validation", "test"]).any():
        st.caption(_("None of its ratings was held out in this split."))


def _rmse_of(part: str, count: int) -> str:
    if part == "train":
        return ngettext("RMSE, {count:,} training rating", "RMSE, {count:,} training ratings", count)
    if part == "validation":
        return ngettext("RMSE, {count:,} validation rating", "RMSE, {count:,} validation ratings", count)
    return ngettext("RMSE, {count:,} test rating", "RMSE, {count:,} test ratings", count)


def _row_picture(table: pd.DataFrame, model: TrainedModel, parts: list[str]) -> None:
    """Draws given against reconstructed, or what is left over."""
    names = {"given": _("Given against reconstructed"), "residuals": _("Residuals")}
    what = st.segmented_control(
        _("Picture"),
        list(names),
        format_func=names.__getitem__,
        default="given",
        required=True,
        key="row_picture",
        help=_("The same ratings; the residuals show what the model leaves unexplained."),
        persist_state="session",
    )
    numbers = table.assign(residual=table["given"] - table["predicted"])
    if what == "residuals":
        figures.draw(
            residual_charts.residuals(table, parts),
            numbers,
            "row_residuals",
            see=_(
                "Above the dashed line somebody gave more than the model expected; where held-out points spread wider "
                "than trained ones, the model has partly learnt by heart."
            ),
        )
    else:
        figures.draw(
            charts.given_against_predicted(table, model.scale, parts),
            numbers,
            "row_chart",
            see=_("On the dashed line a prediction is right; see how much further from it the held-out points lie."),
        )
