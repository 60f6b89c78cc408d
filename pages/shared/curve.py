"""The loss curve of a training with what a person may choose of it: scale, axis, and earlier runs behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import streamlit as st

from autorec_core.events import EpochEnded, HyperparametersChanged, RefitEpochEnded
from autorec_core.runs import Run
from pages.shared import charts, curve_charts, pictures, state
from pages.shared.palette import ink
from pages.shared.words import _, later

MOST_OTHERS = 3
"""Earlier runs that can be drawn behind a curve."""
ERROR, OBJECTIVE = later("RMSE"), later("Objective")
"""What can be drawn."""
SCALES, AXES = (later("Linear"), later("Log")), (later("Epochs"), later("Seconds"))
NOTE = later(
    "Each point is the error after an epoch, in stars: RMSE, the root of the mean squared error. "
    "**Validation** ratings are hidden from training and choose the best epoch. **Train** is measured while "
    "learning, with dropout on. At the end the network is fitted **once more**, to both together, for as many epochs "
    "as validation chose. Dashed grey lines are predictions without a network on the same validation ratings."
)


@dataclass
class Zoom:
    """Which part of a run's curve is shown; kept with the session, so that no tick can lose it."""

    window: curve_charts.Window | None = None
    """The first and the last epoch that are shown; None for the whole run."""
    span: tuple[float, float] | None = None
    """Vertical span of that part as drawn last."""
    drawn: object = None
    """What that span is of."""
    key: str = ""
    """Of the slider that is there."""
    begins: curve_charts.Window = (0, 1)
    """Where that slider began."""
    resets: int = 0
    """How often the whole run was asked for; each time, a new slider takes the place of the old one."""

    def reset(self) -> None:
        """Shows the whole run again."""
        self.window, self.resets = None, self.resets + 1


class HasEpochs(Protocol):
    """What is known of a training, as far as its curve goes."""

    epochs: list[EpochEnded]
    refits: list[RefitEpochEnded]
    changes: list[HyperparametersChanged]
    zoom: Zoom

    @property
    def baselines(self) -> dict[str, float]:
        """Validation RMSE by name."""


@dataclass(frozen=True)
class Behind:
    """The runs that may be drawn behind a curve."""

    runs: Mapping[str, Run]
    """By id, newest first."""
    names: Mapping[str, str]
    """What people call each, by id."""
    read: Callable[[Run], HasEpochs]
    """Gives a run's epochs."""


def draw(
    run: Run | None, known: HasEpochs, num_epochs: int, span: tuple[float, float] | None, behind: Behind
) -> tuple[float, float]:
    """Draws the choices, the curve and the choice of a part of it; returns its vertical span, to be given back then.

    Args:
        run: that is shown, or None.
        known: of it, so far.
        num_epochs: that it will have.
        span: of the vertical axis as drawn last.
        behind: what may be drawn behind it.
    """
    with st.container(horizontal=True, key="curve_choices", vertical_alignment="center"):
        st.segmented_control(
            _("What is drawn"),
            (ERROR, OBJECTIVE),
            format_func=_,
            default=ERROR,
            key="curve_what",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            help=_("The error, or what is minimised: the squared error with the penalty of the weights."),
        )
        st.segmented_control(
            _("Vertical axis"),
            SCALES,
            format_func=_,
            default=SCALES[0],
            key="curve_scale",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            help=_("Whether equal steps of the vertical axis are equal differences or equal ratios."),
        )
        st.segmented_control(
            _("Horizontal axis"),
            AXES,
            format_func=_,
            default=AXES[0],
            key="curve_axis",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
            help=_("Whether runs are laid over each other by epoch or by seconds of training."),
        )
        with st.popover(_("Earlier runs"), help=_("Lay up to {most} behind this curve.", most=MOST_OTHERS)):
            others = _others(behind)
    drawn_behind = {_short(behind.names[other]): behind.read(behind.runs[other]).epochs for other in others}
    epochs, refits = known.epochs, known.refits
    seen = [*epochs, *(event for other in drawn_behind.values() for event in other)]
    span = curve_charts.rmse_span(seen, known.baselines, span if epochs else None, refits)
    words = ink(st.context.theme.type)
    most = max([num_epochs, *(len(other) for other in drawn_behind.values())])
    picture = pictures.place("curve")
    _choose_part(known.zoom, run, most)  # stands below the picture, which needs to know
    common: dict[str, Any] = {
        "window": known.zoom.window,
        "changes": known.changes,
        "others": drawn_behind,
        "is_log": state.get("curve_scale") == SCALES[1],
        "by_seconds": state.get("curve_axis") == AXES[1],
    }
    if state.get("curve_what") == OBJECTIVE:
        specification = curve_charts.objective_curve(epochs, most, words, **common)
    else:
        near = _close_up(known.zoom, seen, refits, list(drawn_behind)) or span
        specification = curve_charts.loss_curve(epochs, known.baselines, most, near, words, refits=refits, **common)
    specification["datasets"] = {
        name: charts.as_arrow({column: _plain(column, values) for column, values in table.items()})
        for name, table in specification["datasets"].items()
    }
    # The words for the picture stay the same too: where they change, the browser draws another picture.
    alt = (
        _("What is minimised, by epoch; the numbers above say how far it is.")
        if state.get("curve_what") == OBJECTIVE
        else _("Train and validation RMSE by epoch, with the baselines; the numbers above say how far it is.")
    )
    with picture:
        st.vega_lite_chart(specification, width="stretch", height=charts.LIVE_HEIGHT, key="curve", alt=alt)
    st.caption(_(NOTE))
    return span


def _choose_part(zoom: Zoom, run: Run | None, most: int) -> None:
    """Draws the slider by which a part of the curve is looked at closely, and the way back to all of it."""
    key = f"curve_part_{'' if run is None else run.id}_{most}_{zoom.resets}"
    if key != zoom.key:  # another slider, which begins at what is shown
        low, high = zoom.window or (0, most)
        zoom.key, zoom.begins = key, (min(low, most), min(high, most))
    with st.container(horizontal=True, key="curve_part", vertical_alignment="bottom", wrap=False):
        low, high = st.slider(
            _("Epochs shown"),
            0,
            most,
            zoom.begins,
            key=key,
            disabled=run is None,
            persist_state="session",
            help=_("Move its ends to look at a part of the curve closely; the vertical axis follows what is there."),
        )
        if low == high:  # a picture needs a width
            low, high = (low, high + 1) if high < most else (low - 1, high)
        zoom.window = None if (low, high) == (0, most) else (low, high)
        st.button(
            _("Whole run"),
            key="curve_whole",
            disabled=zoom.window is None,
            on_click=zoom.reset,
            help=_("Shows all epochs again."),
        )


def _close_up(
    zoom: Zoom, epochs: Sequence[EpochEnded], refits: Sequence[RefitEpochEnded], others: Sequence[str]
) -> tuple[float, float] | None:
    """The vertical span of the part that is shown, which never shrinks while it is; None where all or nothing is."""
    if zoom.window is None:
        return None
    if zoom.drawn != (zoom.window, others):
        zoom.drawn, zoom.span = (zoom.window, others), None
    zoom.span = curve_charts.span_within(zoom.window, epochs, zoom.span, refits)
    return zoom.span


def _others(behind: Behind) -> list[str]:
    chosen = st.multiselect(
        _("Runs behind this one"),
        list(behind.runs),
        format_func=lambda run_id: behind.names.get(run_id, run_id),
        key="curve_others",
        max_selections=MOST_OTHERS,
        placeholder=_("None"),
        help=_("Their validation RMSE is drawn in grey."),
    )
    return [run_id for run_id in chosen if run_id in behind.runs]


def _short(name: str) -> str:
    """What a run was and when, as the curve has room for it.

    >>> _short("Balanced · I-AutoRec 256 · 24 Nov 15:37 · MovieLens")
    'Balanced · 24 Nov 15:37'
    """
    parts = name.split(" · ")
    return " · ".join([parts[0], *parts[2:3]])


def _plain(name: str, values: list[Any]) -> Any:
    """A column as it is sent; four bytes a number are more than a picture shows."""
    return values if name in curve_charts.WORDS else np.array(values, dtype=np.float32)
