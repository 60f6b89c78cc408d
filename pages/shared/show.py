"""What is to be seen of a network while it learns: the matrix, the visitor, its weights and units, and the way back."""

from __future__ import annotations

import streamlit as st

from autorec_core import snapshots
from autorec_core.runs import Run
from pages.shared import frame, inside, matrix, pictures, rewind, services, yourself
from pages.shared.words import _, box


def draw(run: Run | None, state_name: str, num_epochs: int) -> None:
    """Draws all panels; each is always there, and empty where there is nothing to see yet.

    Args:
        run: whose network, or None where there is none yet.
        state_name: of its job.
        num_epochs: that it has or would have.
    """
    watched = None if run is None else services.watched(run.id)
    scene = None if watched is None else watched.scene()
    looks = {} if watched is None else watched.looks()
    epoch = rewind.draw(run, state_name, watched, list(looks))
    names = [snapshots.TOP] if scene is None else [block.name for block in scene.blocks]
    head = st.columns([1.2, 1], vertical_alignment="bottom")
    head[0].subheader(_("The matrix fills in"), anchor=False)
    name = box(
        _("Part of the matrix"),
        names,
        place=head[1],
        format_func=_,
        key="block",
        persist_state="session",
        disabled=scene is None,  # what was opened would close as the other parts come
        help=_("A column a movie, most rated first; a row a user, most active first."),
    )
    with pictures.place("matrix"):
        matrix.draw("" if run is None else run.id, scene, name, looks.get(epoch))
    st.subheader(_("You, as it sees you"), anchor=False)
    yourself.draw(run, watched, epoch)
    st.caption(
        _(
            "This is the network as it learns, met in haste. *Recommendations* asks the finished model, which is "
            "fitted once more to all ratings but the test ratings, so that its list differs."
        )
        if run is None or run.config.hyperparameters.refit
        else _("This is the network as it learns, met in haste. *Recommendations* asks the finished model.")
    )
    st.page_link(frame.page_path("rate"), label=_("Rate more movies"))
    st.subheader(_("Inside the network"), anchor=False)
    inside.draw(looks, epoch, num_epochs)
