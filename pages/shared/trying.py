"""Things to try on the Train page: short experiments, each a setting of the controls and what to look for with it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from autorec_core.hyperparameters import DEFAULT_PRESET, Hyperparameters, preset
from pages.shared import controls, state, transport
from pages.shared.words import _, later

_DEFAULT = preset(DEFAULT_PRESET)
_STYLE = """<style>
.st-key-trying, .st-key-trying * { font-size: .875rem; }
.st-key-trying button { padding: .1rem .7rem; min-height: 2rem; }
@media (min-width: 641px) { .st-key-trying_looks { min-height: 3rem; } }
</style>"""


@dataclass(frozen=True)
class Experiment:
    """A setting worth a look."""

    label: str
    """A few words for a button."""
    looks: str
    """What is set, and what to look for: true of the bundled ratings, whatever the seed."""
    hyperparameters: Hyperparameters
    """That are set."""
    pace: float
    """Epochs a second, one of `transport.PACES`."""


EXPERIMENTS = {
    "slowly": Experiment(
        later("Watch it learn"),
        later(
            "The default, one epoch a second. Look at the matrix: at first a movie's column has one colour, its "
            "average; then the cells part, as the model learns who likes what."
        ),
        _DEFAULT,
        1.0,
    ),
    "by_heart": Experiment(
        later("No penalty"),
        later(
            "No penalty and no dropout: nothing keeps it from learning by heart. The train error falls and falls; "
            "validation turns up after a few epochs, and ends above all of the dashed lines."
        ),
        _DEFAULT.with_changes(regularization=0.0, input_dropout=0.0, code_dropout=0.0),
        4.0,
    ),
    "two_units": Experiment(
        later("Two units"),
        later(
            "Two hidden units: all that is kept of a movie is two numbers. Validation still gets under every dashed "
            "line, and levels off well above what the default comes to."
        ),
        _DEFAULT.with_changes(hidden_units=2),
        4.0,
    ),
    "heavy": Experiment(
        later("Heavy penalty"),
        later(
            "A λ of 1000 in place of 14. The weights stay so small that hardly anything is learnt beyond averages: "
            "validation comes down to the best of the dashed lines, and stays there."
        ),
        _DEFAULT.with_changes(regularization=1000.0),
        4.0,
    ),
    "too_fast": Experiment(
        later("Rate too high"),
        later(
            "A hundred times the usual learning rate, and no activation to bound the code. The error leaves every "
            "bound; the training stops itself and says what to lower."
        ),
        _DEFAULT.with_changes(learning_rate=1.0, encoder_activation="identity"),
        1.0,
    ),
    "notebook": Experiment(
        later("The notebook"),
        later(
            "The tutorial many start from counts unknown ratings as zeros. Its train error jumps about, its validation "
            "error does not move, and any dashed line is far better."
        ),
        preset("notebook"),
        10.0,
    ),
}
"""By a name for the button's key, from what to see first."""


def draw() -> None:
    """Draws a button for each experiment, and what to look for with the one that is set."""
    now = controls.chosen(), float(state.get("pace") or 0.0)
    is_set = next((one for one in EXPERIMENTS.values() if (one.hyperparameters, one.pace) == now), None)
    st.html(_STYLE)
    with st.container(horizontal=True, key="trying", vertical_alignment="center", gap="xsmall"):
        st.markdown(_("Things to try"), width="content")
        for name, one in EXPERIMENTS.items():
            st.button(_(one.label), key=f"try_{name}", on_click=_set, args=(one,), help=_(one.looks))
    nothing = _("Each sets the controls below and the pace, and nothing else; then press Start training.")
    with st.container(key="trying_looks"):
        st.caption(nothing if is_set is None else _(is_set.looks))


def _set(one: Experiment) -> None:
    """Sets the controls; a button's callback."""
    controls.put(one.hyperparameters)
    transport.put_pace(one.pace)
