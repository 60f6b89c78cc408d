"""Upload: a visitor's own ratings to train on, looked at before they are kept, and deletable."""

from __future__ import annotations

import streamlit as st

from pages.shared import frame, upload
from pages.shared.words import _

with frame.open_page("upload"):
    st.title(_("Train on your own ratings"))
    st.markdown(
        _(
            "A file of *who rated what, and how high*: a CSV with a header, any MovieLens release as published, or "
            "Parquet; movies or anything else that people rate. It is yours alone: no other visitor sees it, or what "
            "you train on it."
        )
    )
    upload.uploaders()
    upload.look()
    upload.own_sets()
