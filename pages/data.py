"""Data: what a set is made of, its matrix from afar and from near, and how all of it follows a choice of movies."""

from __future__ import annotations

import streamlit as st

from pages.shared import explore, frame
from pages.shared.words import _

with frame.open_page("data"):
    st.title(_("Data"))
    st.markdown(
        _(
            "Who rated what, and how high: all that a model learns from. Choose a genre or a decade, and every panel "
            "follows."
        )
    )
    explore.draw(explore.set_control())
