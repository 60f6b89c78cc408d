"""Recommendations: what the current model predicts for the movies that you have not rated, and why."""

from __future__ import annotations

import streamlit as st

from autorec_core import ordering
from pages.shared import ensemble, frame, in_use, recommended, services, starter, turning, visit, wishes
from pages.shared.words import _

with frame.open_page("recommendations"):
    st.title(_("Recommendations"), anchor=False)  # its mark would take a line of its own on a telephone
    run = visit.current_run()
    given = visit.given()
    if run is None:
        starter.notice()
        st.markdown(_("Rate some movies meanwhile; five are enough for a start."))
        frame.go_button(_("Rate movies"), "rate")
    elif not len(given.item_indices):
        if given.num_unknown:
            st.info(
                _(
                    "None of the movies that you rated ({count:,}) is known to this model. Rate a few that it knows, "
                    "and your list appears here.",
                    count=given.num_unknown,
                )
            )
        else:
            st.info(
                _(
                    "Nothing to go by yet. Rate a few movies, five are enough for a start, and this page lists what "
                    "the model predicts for all others, how sure it is, and which of your ratings moved it."
                )
            )
        frame.go_button(_("Rate movies"), "rate")
    else:
        in_use.notice(run)
        catalogue = services.catalogue_of(run.id)
        recommender, ensemble_name = ensemble.in_use(run)
        with st.expander(_("Filters and order")):
            wanted, count = recommended.filters(catalogue)
            wish = wishes.trade_off(recommender.model.by_items)
        with st.expander(_("What if, and what your ratings say")):
            would_be = wishes.what_if(given, catalogue, recommender.model.scale)
            own = ordering.own_ratings(recommender, recommender.fold_in(would_be.item_indices, would_be.ratings))
            turned = st.container()
            wishes.profile(own, catalogue)
        fold_in = recommender.fold_in(would_be.item_indices, would_be.ratings)
        allowed = wishes.without_passed_over(wanted.matches(recommender.model))
        # A rating that is only thought away is still of a movie that the visitor has seen.
        allowed[given.item_indices] = False
        chosen = ordering.ordered(recommender, fold_in, allowed, wish, count)
        found = recommender.describe(fold_in, chosen)
        moves = {}
        if would_be is not given:
            as_given = recommender.fold_in(given.item_indices, given.ratings)
            moves = wishes.moved(
                ordering.ordered(recommender, as_given, allowed, wish, count).tolist(), chosen.tolist()
            )
        left_out = recommended.left_out_by_number(recommender.model, wanted, fold_in)
        st.caption(
            recommended.note(
                len(would_be.item_indices), given.num_unknown, left_out, wanted, ensemble_name or frame.model_name(run)
            )
        )
        if not found:
            st.info(_("No movie that you have not rated passes these filters."))
            st.button(_("Clear all filters"), on_click=recommended.clear_filters)
        else:
            with st.expander(_("Seen one of these, or not interested?")):
                wishes.passed_over(catalogue)
                wishes.cards(found, catalogue, given, recommender.model.scale)
            st.html(recommended.key())
            st.html(recommended.listing(found, recommender.model.scale, moves))
            with turned:
                turning.what_would(recommender, fold_in, found, catalogue)
            st.caption(
                _(
                    "The interval says how sure the model is: of many such movies, four in five would get a rating of "
                    "yours inside it. The numbers before “because” are exact: by so much would the prediction "
                    "change back if you took that one rating away; ratings that say the same share their effect, so "
                    "these numbers need not add up. Movies are ordered by prediction, those at the top of "
                    "the scale by how far they would go beyond it, unless you wish otherwise above."
                )
            )
            if run.config.hyperparameters.refit:
                st.caption(
                    _(
                        "The list that the page Train shows while it trains is another one: of the network on its way. "
                        "This is of the finished model, fitted once more to all ratings but the test ratings."
                    )
                )
            st.download_button(
                _("Download as CSV"),
                recommended.as_csv(found),
                "autorec-recommendations.csv",
                "text/csv",
                on_click="ignore",
                help=_("This list, with intervals and reasons."),
            )
