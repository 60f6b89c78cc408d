"""Search: let the computer try hyperparameters, on validation alone."""

from __future__ import annotations

import streamlit as st

from pages.shared import controls, frame, searching
from pages.shared.words import _

with frame.open_page("search"):
    st.title(_("Search hyperparameters"))
    controls.begin()
    st.markdown(
        _(
            "Choose what to try and how long. Each trial is a training; what came of the ones before says what to try "
            "next, and one that lies behind is given up early. **Validation** decides, the test set is never looked "
            "at: take the best to Train, and it is scored there once."
        )
    )
    searching.form()
    searching.problem()
    run = searching.watched()
    if run is not None:
        searching.panel(run)
