"""Reconstruction: what was given against what the model gives back, for you and for anybody in the data."""

from __future__ import annotations

import streamlit as st

from pages.shared import astray, frame, mirror, rows, services, starter, visit
from pages.shared.words import _, later

YOU, MOVIE, USER, ALL = later("You"), later("A movie"), later("A user"), later("The whole test set")

with frame.open_page("reconstruction"):
    st.title(_("Reconstruction"))
    run = visit.current_run()
    if run is None:
        starter.notice()
        st.markdown(_("Rate some movies meanwhile, and see yourself reconstructed."))
        frame.go_button(_("Rate movies"), "rate")
    else:
        recommender = services.recommender(run.id)
        model, catalogue = recommender.model, services.catalogue_of(run.id)
        whose = st.segmented_control(
            _("Whose ratings"),
            [YOU, MOVIE, USER, ALL],
            default=YOU,
            required=True,
            key="whose",
            format_func=_,
            help=_("Yours, a row or column of the data set, or all that the model was tested on."),
            persist_state="session",
        )
        if whose == YOU:
            given = visit.given()
            if len(given.item_indices):
                mirror.you(recommender.fold_in(given.item_indices, given.ratings), catalogue, model.scale)
            else:
                st.info(
                    _(
                        "You have no ratings that this model knows. Rate a few movies, and see what comes back of them "
                        "from the network, and what it would have expected of you."
                    )
                )
                frame.go_button(_("Rate movies"), "rate")
        elif rows.split_or_none(run) is None:
            st.info(
                _(
                    "The ratings that this model was trained on are no longer where they were, so they can't be shown. "
                    "Train a model on a data set that is here."
                )
            )
            frame.go_button(_("Train a model"), "train")
        elif whose == ALL:
            astray.draw(run, model)
        elif whose == MOVIE:
            item = mirror.movie_control(catalogue)
            if item is None:
                st.info(_("No movie has these words in its title. Take one away."))
            else:
                mirror.row(run, model, item=item)
        else:
            user = mirror.user_control(model)
            if user is None:
                st.info(_("No user's id begins so. Take a digit away."))
            else:
                mirror.row(run, model, user=user)
