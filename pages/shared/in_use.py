"""Which model is in use and why: said where it changed without being asked, with the way back and forth again."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from autorec_core.runs import Run
from pages.shared import live, state, visit
from pages.shared.words import _


def took_over(run: Run) -> bool:
    """Whether a run's model is in use only because its training ended; the visitor never said so."""
    current = visit.current_run()
    is_current = current is not None and current.id == run.id
    return is_current and run.config.owner is not None and state.chosen_run_id() != run.id


def back_button(run: Run, key: str) -> None:
    """Draws the way back to the model that was in use before a run's; nothing where there was none."""
    before = visit.run_unasked(without=run.id)
    if before is not None:
        _use(
            _("Back to the starter model") if before.config.kind == "starter" else _("Back to the model before"),
            before,
            key,
        )


def notice(run: Run) -> None:
    """Draws, above what a model says, that it took over or that a newer one waits; nothing where neither is so.

    Args:
        run: whose model is in use.
    """
    newest = visit.run_unasked()
    if took_over(run):
        with _row():
            told = _("Your newest model is in use since its training ended: {model}.", model=live.run_name(run))
            st.caption(told, width="stretch")
            _use(_("Keep"), run, "keep_model")
            back_button(run, "model_before")
    elif newest is not None and newest.id != run.id and newest.config.owner is not None:
        with _row():
            told = _(
                "You chose {model}. Your newest is {newest}.",
                model=live.run_name(run),
                newest=live.run_name(newest),
            )
            st.caption(told, width="stretch")
            _use(_("Use the newest"), newest, "newest_model")


def _row() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", key="model_in_use")


def _use(label: str, run: Run, key: str) -> None:
    st.button(
        label,
        key=key,
        on_click=state.choose_run,
        args=(run.id,),
        help=_("Then this model speaks on all pages: {model}.", model=live.run_name(run)),
    )
