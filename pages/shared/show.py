"""What is to be seen of a network while it learns: the matrix, the visitor, its weights and units, and the way back."""

from __future__ import annotations

import streamlit as st

from autorec_core import snapshots
from autorec_core.runs import Run
from pages.shared import frame, matrix, services, yourself


def draw(run: Run | None, state_name: str) -> None:
    """Draws all panels; each is always there, and empty where there is nothing to see yet.

    Args:
        run: whose network, or None where there is none yet.
        state_name: of its job.
    """
    watched = None if run is None else services.watched(run.id)
    scene = None if watched is None else watched.scene()
    looks = {} if watched is None else watched.looks()
    epoch = max(looks, default=0)
    names = [snapshots.TOP] if scene is None else [block.name for block in scene.blocks]
    head = st.columns([1.2, 1], vertical_alignment="bottom")
    head[0].subheader("The matrix fills in", anchor=False)
    name = head[1].selectbox(
        "Part of the matrix", names, key="block", persist_state="session", help="A column a movie, most rated first; a row a user, most active first."
    )
    matrix.draw("" if run is None else run.id, scene, name, looks.get(epoch))
    st.subheader("You, as it sees you", anchor=False)
    yourself.draw(run, watched, epoch)
    st.page_link(frame.page_path("rate"), label="Rate more movies")
