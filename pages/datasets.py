"""Get more data: the MovieLens releases, each with its terms, fetched and checked when asked for."""

from __future__ import annotations

import streamlit as st

from pages.shared import fetched, frame
from pages.shared.words import _

with frame.open_page("datasets"):
    st.title(_("Get more data"))
    st.markdown(
        _(
            "The MovieLens releases, from GroupLens. A download goes on when you leave the page, can be stopped and "
            "taken up again, and counts only when its checksum is right. Until then, and without a network, there is "
            "the bundled set."
        )
    )
    fetched.shelf()
