"""Train: choose, start, watch."""

from __future__ import annotations

import streamlit as st

from autorec_core.runs import RunConfig
from pages.shared import controls, frame, live, results, sets, share, state, trying
from pages.shared.words import _

with frame.open_page("train"):
    st.title(_("Train a model"))
    controls.begin()
    share.follow_link()
    top = st.columns([1.35, 1, 1.1], vertical_alignment="bottom")
    with top[0]:
        dataset = controls.dataset_control()
    with top[1]:
        controls.based_on_control()
    with top[2]:
        controls.preset_control()
    trying.draw()

    view, form = st.columns([2, 1], gap="medium")
    with form, st.container(border=True):
        st.caption(controls.preset_note())
        controls.hyperparameters_form()
    hyperparameters = controls.chosen()
    config = RunConfig(
        source=sets.source(dataset),
        hyperparameters=hyperparameters,
        preset=controls.name_of(hyperparameters),
        seed=controls.seed(),
        owner=state.owner(),
    )

    with view:
        share.keep_address(config)
        is_ready, shortage = sets.is_ready(dataset), controls.shortage(dataset)
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.button(
                _("Start training"),
                key="start",
                type="primary",
                disabled=not is_ready or bool(shortage),
                on_click=live.start,
                args=(config,),
                help=_("Splits the ratings, trains on 81 %, chooses the epoch on 9 % and tests once on 10 %."),
            )
            st.caption(controls.dataset_note(dataset), width="stretch")
        if shortage:
            st.warning(shortage)
        if not is_ready:
            controls.download_control(dataset)
        runs = live.shown_runs()
        run = live.watched_run(runs)
        if live.is_gone(state.watched_run_id()):
            st.info(_("The training that was shown here has been deleted."))
        names = live.run_names(runs)
        if run is not None:
            live.run_control(names, run)
        live.panel(run, hyperparameters.epochs, runs, names)
        if run is not None:
            results.of_run(run)
        share.panel(config, run)
