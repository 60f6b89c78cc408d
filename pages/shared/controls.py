"""Sliders and switches for hyperparameters, made from the one table that declares them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import streamlit as st

from autorec_core.hyperparameters import DEFAULT_PRESET, PRESETS, Hyperparameters, choice_of, names, preset
from pages.shared import state

CUSTOM = "custom"
GROUPS = {"model": "Model", "input": "Input", "training": "Training"}


def nice_values(name: str) -> list[float] | list[int]:
    """The stops of a slider that moves in factors: 1, 2 and 5 times powers of ten, and every preset's own value.

    >>> [value for value in nice_values("hidden_units") if value <= 50]
    [1, 2, 5, 10, 20, 32, 50]
    """
    choice = choice_of(name)
    low, high = choice.low or 0.0, choice.high or 1.0
    smallest = low if low > 0 else high * 1e-7
    powers = range(math.floor(math.log10(smallest)), math.ceil(math.log10(high)) + 1)
    stops = {float(f"{factor}e{power}") for power in powers for factor in (1, 2, 5)}
    stops = {stop for stop in stops if low <= stop <= high}
    stops |= {float(getattr(known.hyperparameters, name)) for known in PRESETS.values()} | (
        {0.0} if low == 0 else set()
    )
    if isinstance(Hyperparameters.__dataclass_fields__[name].default, int):
        return sorted({int(stop) for stop in stops if stop == int(stop)})
    return sorted(stops)


def _key(name: str) -> str:
    return f"hyperparameter_{name}"


def take_preset() -> None:
    """Moves every slider to the chosen preset; the callback of the preset's control."""
    chosen = state.get("preset")
    if chosen in PRESETS:
        put(PRESETS[chosen].hyperparameters)


def put(hyperparameters: Hyperparameters) -> None:
    """Moves every slider; before they are drawn, or in a callback."""
    for name, value in hyperparameters.to_json().items():
        state.put(_key(name), value)


def _note_change() -> None:
    state.put("preset", _preset_of(_values()))


def _values() -> Hyperparameters:
    default = preset(DEFAULT_PRESET)
    return Hyperparameters(**{name: state.get(_key(name), getattr(default, name)) for name in names()})


def _preset_of(hyperparameters: Hyperparameters) -> str:
    return next((name for name, known in PRESETS.items() if known.hyperparameters == hyperparameters), CUSTOM)


def preset_control() -> None:
    """Draws the choice of a preset, which moves all controls."""
    if state.get(_key("epochs")) is None:
        put(preset(DEFAULT_PRESET))
        state.put("preset", DEFAULT_PRESET)
    st.selectbox(
        "Preset",
        [*PRESETS, CUSTOM],
        format_func=lambda name: PRESETS[name].label if name in PRESETS else "Your own choice",
        key="preset",
        on_change=take_preset,
        help="A named set of hyperparameters; choosing one moves all controls below.",
        width=250,
    )


def hyperparameters_form() -> tuple[Hyperparameters, str | None]:
    """Draws a control for every hyperparameter.

    Returns:
        The hyperparameters, and the name of the preset that they are or None.
    """
    chosen = state.get("preset")
    if chosen in PRESETS:
        st.caption(PRESETS[chosen].help)
    advanced = [name for name in names() if choice_of(name).advanced]
    for group, label in GROUPS.items():
        st.markdown(f"**{label}**")
        for name in names():
            if choice_of(name).group == group and name not in advanced:
                _control(name)
    with st.expander("More"):
        for name in advanced:
            _control(name)
    values = _values()
    return values, _preset_of(values) if _preset_of(values) != CUSTOM else None


def _control(name: str) -> None:
    """One control, by what the hyperparameter accepts."""
    choice, kind = choice_of(name), type(Hyperparameters.__dataclass_fields__[name].default)
    common = {"label": choice.label, "help": choice.help, "key": _key(name), "on_change": _note_change}
    if choice.options:
        if len(choice.options) <= 3:
            st.segmented_control(options=choice.options, required=True, **common)
        else:
            st.selectbox(options=choice.options, **common)
    elif kind is bool:
        st.toggle(**common)
    elif choice.log:
        stops = _with_current(nice_values(name), state.get(_key(name)))
        st.select_slider(options=stops, format_func=lambda value: f"{value:g}", **common)
    elif kind is int:
        st.number_input(min_value=int(choice.low or 0), max_value=int(choice.high or 0), step=1, **common)
    else:
        st.slider(min_value=float(choice.low or 0), max_value=float(choice.high or 1), step=choice.step, **common)


def _with_current(stops: Iterable[float], current: float | None) -> list[float]:
    """The stops, with the value that is set, so that a shared or earlier choice is never moved."""
    return sorted({*stops, *([] if current is None else [current])})


def changed_from_default(hyperparameters: Hyperparameters) -> dict[str, object]:
    """What differs from the default preset: name -> value."""
    default = preset(DEFAULT_PRESET)
    fields = [field.name for field in dataclasses.fields(default)]
    return {
        name: getattr(hyperparameters, name)
        for name in fields
        if getattr(hyperparameters, name) != getattr(default, name)
    }
