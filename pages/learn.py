"""Learn: the method in steps that answer, and six ways to fool yourself."""

from __future__ import annotations

import streamlit as st

from pages.shared import fooled, frame, lesson, rows, services, starter, state, visit
from pages.shared.words import _

with frame.open_page("learn"):
    st.title(_("Learn"))
    run = visit.current_run()
    if run is None:
        starter.notice()
        st.markdown(_("The lesson is told with a trained model. Rate some movies meanwhile, and be its example."))
        frame.go_button(_("Rate movies"), "rate")
    elif rows.split_or_none(run) is None:
        st.info(
            _(
                "The ratings that this model was trained on are no longer where they were, and the lesson needs them. "
                "Train a model on a data set that is here."
            )
        )
        frame.go_button(_("Train a model"), "train")
    else:
        st.markdown(
            _(
                "Eleven short steps from a row of ratings to a list of recommendations, each with its formula, its "
                "code and something to move; a quarter of an hour, best taken in order. Then six ways to fool "
                "yourself, ten minutes more: what makes a bad model look good."
            )
        )
        model = services.recommender(run.id).model
        part = st.segmented_control(
            _("What to learn"),
            ["method", "fooled"],
            format_func=lambda name: (
                _("The method, step by step") if name == "method" else _("Six ways to fool yourself")
            ),
            default=None if state.get("learn_part") else "method",  # the last step sets it
            required=True,
            key="learn_part",
            label_visibility="collapsed",
            persist_state="session",
        )
        if part == "fooled":
            fooled.draw(run, model)
        else:
            lesson.draw(run, model)
