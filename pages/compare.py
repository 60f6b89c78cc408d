"""Compare: runs beside each other, on the same split."""

from __future__ import annotations

import streamlit as st

from autorec_core import comparison
from pages.shared import compared, frame, live
from pages.shared.words import _

with frame.open_page("compare"):
    st.title(_("Compare runs"))
    found = compared.summaries(live.shown_runs())
    own = [one for one in found if one.config.owner is not None]
    if not own:
        st.markdown(
            _(
                "Nothing of yours to compare yet. Train two models that differ in one thing, and see here what it does "
                "to their curves, their error and their time."
            )
        )
        frame.go_button(_("Train a model"), "train")
    if found:
        group = compared.split_control(found)
        labels = comparison.labels(group, _)
        compared.table(group, labels)
        compared.actions(group, labels)
        compared.deleted()
        compared.pictures(compared.drawn_control(group, labels), labels)
    else:
        compared.deleted()
