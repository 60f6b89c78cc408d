"""A training to give away: the address that holds it, and the panel with its link, its script and its command."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import streamlit as st

from autorec_core import links, scripts, takeaway
from autorec_core.runs import Run, RunConfig
from pages.shared import controls, inside, pictures, sets, state
from pages.shared.words import _, later

SECONDS_TO_ARRIVE = 5.0
"""How long a browser may still speak of the address that it had before."""
MOST_LEFT = 20
"""Addresses that were left and are remembered."""
_ADDRESS, _FAULTS, _LEFT, _SHOWN = "_shared_query", "_shared_faults", "_shared_left", "_shared_shown"
CONTROLS, RUN = later("These controls"), later("The run shown")
"""What can be shared."""


def follow_link() -> None:
    """Moves the controls to what the page's address says, where that is new; before they are drawn.

    The address without a word, as the menu has it, leaves the controls as they are. So does one that was just left:
    whoever clicks soon after a change sends it once more. Later it is the Back button, which takes the change back. And
    where a control was moved since the last drawing, the control counts.
    """
    query = st.query_params.to_dict()
    if not query or query == state.get(_ADDRESS):
        return
    # A control was moved, so nobody went anywhere: the address is one that the last drawings have not told yet.
    if state.get(_SHOWN) not in (None, _said()):
        return
    if any(query == left and time.monotonic() - at < SECONDS_TO_ARRIVE for left, at in state.get(_LEFT, [])):
        return
    config, faults = links.from_query(query)
    controls.put(config.hyperparameters)
    if "dataset" in query or not str(state.get("dataset") or "").startswith(sets.OWN):  # which no link can name
        state.put("dataset", config.source.dataset)
    state.put("seed", config.seed)
    state.put(_FAULTS, (links.to_query(config), faults))


def _said() -> dict[str, object]:
    """What the controls say now."""
    return {**controls.chosen().to_json(), "seed": controls.seed(), "dataset": state.get("dataset")}


def keep_address(config: RunConfig) -> None:
    """Makes the page's address say what the controls say, and tells what the last link had that could not be taken."""
    query = links.to_query(config)
    before = state.get(_ADDRESS)
    if before not in (None, query):
        state.put(_LEFT, [*state.get(_LEFT, []), (before, time.monotonic())][-MOST_LEFT:])
    state.put(_ADDRESS, query)
    state.put(_SHOWN, _said())
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)  # last: here a drawing ends where the next click has come already
    taken, faults = state.get(_FAULTS, ({}, []))
    if faults and taken == query:  # until something is changed
        why = _("Part of the link could not be taken; the default stands there:")
        st.warning("  \n".join([why, *map(_, faults)]))


def panel(config: RunConfig, run: Run | None) -> None:
    """Draws link, script and command of what the controls say, or of the run that is shown.

    Args:
        config: what the controls say.
        run: the run that is shown, or None.
    """
    with st.expander(_("Share and take home"), key="share", on_change="ignore"):
        stop_after = None
        if run is not None and run.ended is not None and _is_of_run():
            config, stop_after = run.config, takeaway.stopped_after(run)
            trained_with = (run.result or {}).get("hyperparameters")
            if trained_with not in (None, config.hyperparameters.to_json()):
                st.caption(_("This run was changed while it trained, so another one will not be the same."))
            if run.config.fork_of is not None:
                st.caption(
                    _("This run went on from an epoch of another, so one from the beginning will not be the same.")
                )
        config = sets.for_others(config)
        link, python, command = st.tabs([_("Link"), "Python", _("Command line")])
        with link:
            query = urlencode(links.to_query(config))
            st.code(f"{st.context.url or ''}{'?' if query else ''}{query}", language=None, wrap_lines=True)
            st.caption(
                _(
                    "Opens this page with the same data set, seed and hyperparameters; Start training then gives the "
                    "same curve."
                )
                if config.source.dataset is not None
                else _(
                    "Opens this page with the same seed and hyperparameters. A link can't carry ratings of one's own."
                )
            )
        with python:
            st.code(scripts.python_script(config, stop_after=stop_after), language="python", height=380)
            st.caption(_("Runs as it stands where `autorec_core` can be imported, and prints the same curve."))
        with command:
            st.code(scripts.command(config, stop_after=stop_after), language="bash", wrap_lines=True)
            st.caption(
                _("`--tensorboard DIR` beside it writes the curves for TensorBoard; `--json` prints all figures.")
            )
        pictures.save_row("share_pictures", _pictures(run), "autorec" if run is None else f"autorec-{run.id}")


def _pictures(run: Run | None) -> dict[str, str]:
    """What people call each picture of the Train page, by its key."""
    scores = {} if run is None or run.ended is None else {"scores": _("Test")}
    return {
        "curve": _("Curve"),
        **scores,
        "matrix": _("Matrix"),
        **{f"inside_{name}": _(label) for name, label in inside.NAMES.items()},
    }


def _is_of_run() -> bool:
    """Draws the choice between what the controls say and the run that is shown; whether it is the run."""
    chosen = st.segmented_control(
        _("What to share"),
        [CONTROLS, RUN],
        default=CONTROLS,
        format_func=_,
        required=True,
        key="share_what",
        label_visibility="collapsed",
    )
    return chosen == RUN
