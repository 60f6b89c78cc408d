"""Bring your history: ratings from other sites in, and yours out."""

from __future__ import annotations

import streamlit as st

from pages.shared import frame, history
from pages.shared.words import _

with frame.open_page("history"):
    st.title(_("Bring your history"))
    st.markdown(
        _(
            "You rated movies on **Letterboxd, IMDb, MovieLens, TMDB** or **Trakt**? Give the file or the zip as the "
            "site exports it. You see what was found before anything is stored, and can undo it afterwards."
        )
    )
    history.how_to_export()
    history.uploader()
    history.told_error()
    report = history.current_report()
    if report is not None:
        history.summary(report)
        history.choices(report)
        history.tables(report)
        history.decision(report)
    history.last_import()
    history.take_home()
