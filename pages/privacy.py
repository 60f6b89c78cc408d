"""Privacy: what is stored of the visitor, to look at, to take away and to delete."""

from __future__ import annotations

import streamlit as st

from pages.shared import frame, privacy
from pages.shared.words import _

with frame.open_page("privacy"):
    st.title(_("What is stored of you"))
    privacy.told()
    privacy.what_is_stored()
    privacy.take_away()
    privacy.delete()
