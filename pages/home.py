"""Home: what AutoRec is in a picture, what is loaded, and what to do next."""

from __future__ import annotations

import streamlit as st

from pages.shared import cards, frame, plain, rows, services, starter, visit
from pages.shared.words import _, ngettext, sentences

with frame.open_page("home"):
    st.title(_("An autoencoder fills in the rating matrix"))
    st.markdown(
        _(
            "Nearly everything in a rating matrix is unknown. **AutoRec** takes one row of it, keeps only a short code "
            "of what is known, and writes the row back **whole**. What it writes into the holes are its predictions. "
            "Here you can train it on real ratings, watch it learn, and see what it makes of yours."
        )
    )
    st.markdown(
        _(
            "A good order: **rate** five movies or more, **look** at what is recommended to you and why, then "
            "**train** a model of your own. *Learn* explains each step on the way."
        )
    )
    run = visit.current_run()
    given = visit.given()
    if run is None:
        starter.notice()
        frame.go_button(_("Rate movies"), "rate")
    else:
        model = services.recommender(run.id).model
        names = rows.names(run, model)
        if names:
            chosen = st.selectbox(
                _("A movie of the data") if model.by_items else _("A user of the data"),
                list(names),
                format_func=names.__getitem__,
                key="home_row",
                help=_("Whose ratings go through the network below."),
                width=420,
            )
            entries = rows.entries(run, model, int(chosen or 0))
            st.html(cards.row_through_network(**entries, scale=model.scale))

        result = run.result or {}
        count = len(given.by_id)
        data, quality, you = st.columns(3)
        with data, st.container(border=True, height="stretch"):
            st.markdown(f"**{_('The data')}**")
            whole = result.get("dataset", {})
            source = plain.escaped(run.config.source.title)
            st.markdown(
                _(
                    "{title}: {ratings:,} ratings of {movies:,} movies by {people:,} people.",
                    title=source,
                    ratings=whole.get("num_ratings", 0),
                    movies=whole.get("num_items", 0),
                    people=whole.get("num_users", 0),
                )
            )
        with quality, st.container(border=True, height="stretch"):
            st.markdown(f"**{_('The model')}**")
            units = model.hyperparameters.hidden_units
            text = (
                _("The starter model keeps a code of {units} numbers for each row.", units=units)
                if run.config.kind == "starter"
                else _("This model, trained here, keeps a code of {units} numbers for each row.", units=units)
            )
            if result.get("test_rmse") is not None:
                bias = result["baselines"]["user_item_bias"]
                text = sentences(
                    text,
                    _(
                        "It misses ratings that it never saw by {rmse:.2f} (RMSE, the root of the mean squared error; "
                        "lower is better); plain averages of movies and people miss by {bias:.2f}.",
                        rmse=result["test_rmse"],
                        bias=bias,
                    ),
                )
            st.markdown(text)
            st.page_link(frame.page_path("train"), label=_("Train another"))
        with you, st.container(border=True, height="stretch"):
            st.markdown(f"**{_('You')}**")
            st.markdown(ngettext("You rated {count} movie.", "You rated {count} movies.", count))
            if count < 5:
                frame.go_button(
                    _("Rate {count} more", count=5 - count) if count else _("Rate your first movies"), "rate"
                )
            else:
                frame.go_button(_("See what to watch"), "recommendations")
                st.page_link(frame.page_path("reconstruction"), label=_("See yourself reconstructed"))
