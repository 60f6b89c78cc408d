"""The form of the Train page, made from the one table that declares the hyperparameters.

Each control's key is the hyperparameter's name, and its value stays with the session, so that leaving the page and
coming back changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import streamlit as st

from autorec_core import datasets, defaults, memory
from autorec_core.defaults import FITTED
from autorec_core.errors import AutoRecError, NotFoundError
from autorec_core.hyperparameters import (
    DEFAULT_PRESET,
    DEFAULT_PRESETS,
    PRESETS,
    Hyperparameters,
    choice_of,
    names,
    preset,
)
from autorec_core.links import HIGHEST_SEED
from pages.shared import plain, sets, state
from pages.shared.words import _, box, later

CUSTOM = "custom"
"""What the preset's control holds where the hyperparameters have no name."""
GROUPS = {"model": later("Model"), "input": later("Input"), "training": later("Training")}
"""Groups of the table, in the order of the form."""
ON_TOP = "based_on"
"""Drawn beside data set and preset, and not among its group."""

WORDS = {
    ("based_on", "items"): later("Movies"),
    ("based_on", "users"): later("Users"),
    ("encoder_activation", "relu"): "ReLU",
    ("encoder_activation", "selu"): "SELU",
    ("decoder_activation", "relu"): "ReLU",
    ("decoder_activation", "selu"): "SELU",
    ("optimizer", "adam"): "Adam",
    ("optimizer", "rprop"): "RProp",
    ("optimizer", "lbfgs"): "L-BFGS",
    ("loss_over", "all"): later("all, unknown as 0"),
}
"""How an option is written where its own word is not how people write it."""


# -- which values a control offers ------------------------------------------------------------------------------------


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
    if _kind(name) is int:
        return sorted({int(stop) for stop in stops if stop == int(stop)})
    return sorted(stops)


def _kind(name: str) -> type:
    return type(Hyperparameters.__dataclass_fields__[name].default)


def _with_current(stops: Iterable[float], current: float | None, others: set[float]) -> list[float]:
    """The stops, with the value that is set, so that a value from elsewhere is never moved.

    It stays a stop as long as the session lasts (`others`): the stops must not change under a hand that moves on.
    """
    if current is not None:
        others.add(current)
    return sorted({*stops, *others})


def word_of(name: str, option: str) -> str:
    """How an option is written on its control."""
    return WORDS.get((name, option), option)


# -- what the controls hold -------------------------------------------------------------------------------------------


def _key(name: str) -> str:
    return f"hyperparameter_{name}"


def put(hyperparameters: Hyperparameters) -> None:
    """Moves every control, and the preset's with them; before they are drawn, or in a callback."""
    for name, value in hyperparameters.to_json().items():
        state.put(_key(name), value)
    state.put("preset", name_of(hyperparameters) or CUSTOM)


def name_of(hyperparameters: Hyperparameters) -> str | None:
    """What these are called for the chosen data set: a preset's name, `FITTED`, or None."""
    return defaults.name_of(hyperparameters, _num_ratings())


def fitted(based_on: str, name: str | None = None) -> Hyperparameters:
    """What is good for a data set of its size: of the chosen one, or of one by its name."""
    return defaults.hyperparameters_for(_num_ratings(name), based_on)


def _num_ratings(name: str | None = None) -> int:
    try:
        return sets.size(name or state.get("dataset") or datasets.BUNDLED).num_ratings
    except NotFoundError:  # a set of the visitor's own that was deleted meanwhile
        return datasets.find(datasets.BUNDLED).num_ratings


def chosen() -> Hyperparameters:
    """What the controls say."""
    default = preset(DEFAULT_PRESET)
    return Hyperparameters(**{name: state.get(_key(name), getattr(default, name)) for name in names()})


def take_preset(drawn: Hyperparameters) -> None:
    """Moves every control to the chosen preset; the callback of the preset's control.

    A browser sends what all its controls say. Of a slider that is moved again before the browser has heard that it
    made the preset custom, the second move comes with the preset of before: nobody's choice, as a person moves one
    control at a time.

    Args:
        drawn: what the controls said when the preset's was drawn.
    """
    name = state.get("preset")
    if chosen() != drawn:
        _note_change()
    elif name in PRESETS:
        put(PRESETS[name].hyperparameters)
    elif name == FITTED:
        put(fitted(chosen().based_on))
        state.put("preset", FITTED)


def _take_base() -> None:
    # Whoever has changed nothing else gets what is good for the other base, not values that were never meant for it.
    before, now = ("users", "items") if chosen().based_on == "items" else ("items", "users")
    left = chosen().with_changes(based_on=before)
    if left in (fitted(before), preset(DEFAULT_PRESETS[before])):
        put(fitted(now))
    else:
        _note_change()


def choose_dataset(name: str) -> None:
    """Chooses a data set without its control, with all that that would do; in a callback, or before it is drawn."""
    before = state.get("dataset") or datasets.BUNDLED
    state.put("dataset", name)
    _take_dataset(before)


def _take_dataset(before: str) -> None:
    # The same for a data set of another size.
    left = chosen()
    if left in (fitted(left.based_on, before), preset(DEFAULT_PRESETS[left.based_on])):
        put(fitted(left.based_on))
    else:
        _note_change()


def _note_change() -> None:
    state.put("preset", name_of(chosen()) or CUSTOM)


def begin() -> None:
    """Sets all controls to the default preset at a session's first visit; before they are drawn."""
    if state.get(_key("epochs")) is None:
        put(preset(DEFAULT_PRESET))


# -- the controls -----------------------------------------------------------------------------------------------------


def dataset_control() -> str:
    """Draws the choice of a data set; returns its name. Those that need a download come last, and say so."""
    options = sets.options()
    if state.get("dataset") not in (None, *options):  # a set of the visitor's own that they have deleted since
        choose_dataset(datasets.BUNDLED)
    name = box(
        _("Data set"),
        options,
        index=options.index(datasets.BUNDLED),
        format_func=sets.label,
        key="dataset",
        on_change=_take_dataset,
        args=(state.get("dataset") or datasets.BUNDLED,),
        help=_(
            "The ratings to learn from. What is not on this machine can be downloaded here; Own ratings takes yours."
        ),
        persist_state="session",
    )
    return name or datasets.BUNDLED


def download_control(name: str) -> None:
    """Offers to download a data set that is not here, and shows how far that is."""
    known = datasets.find(name)
    st.markdown(
        _("**{title}** is not on this machine yet. {licence}", title=known.title, licence=_(known.licence)),
    )
    label = _("Download {size:,.0f} MB", size=known.size_mb)
    if st.button(label, key="download", help=_("From {source}.", source=known.source)):
        bar = st.progress(0.0, _("Downloading {title} …", title=known.title))

        def show(come: int, total: int) -> None:
            share, size = min(1.0, come / total) if total else 0.0, (total or 1e6 * known.size_mb) / 1e6
            bar.progress(share, _("{come:,.1f} of {total:,.1f} MB", come=come / 1e6, total=size))

        try:
            datasets.load(name, show)
        except AutoRecError as error:
            bar.empty()
            st.warning(plain.lines(_(error.sentence)))
        else:
            st.rerun()


def preset_control() -> None:
    """Draws the choice of a preset, which moves all controls."""
    box(
        _("Preset"),
        [*PRESETS, FITTED, CUSTOM],
        format_func=lambda name: _(defaults.label_of(name)),
        key="preset",
        on_change=take_preset,
        args=(chosen(),),
        help=_("A named set of hyperparameters; choosing one moves all controls, and moving one makes it custom."),
        persist_state="session",
    )


def preset_note() -> str:
    """What the chosen preset is for, in a sentence."""
    name = state.get("preset")
    if name == FITTED:
        return _("By the rule that goes from the number of ratings: what a search would choose for a set of this size.")
    return _(PRESETS[name].help) if name in PRESETS else _("Your own choice of hyperparameters.")


def based_on_control() -> None:
    """Draws the choice between item- and user-based."""
    _control(ON_TOP)


def hyperparameters_form() -> None:
    """Draws a control for every other hyperparameter, a beginner's first and the rest folded away."""
    advanced = [name for name in names() if choice_of(name).advanced]
    for group, label in GROUPS.items():
        st.markdown(f"**{_(label)}**")
        for name in names():
            if choice_of(name).group == group and name not in advanced and name != ON_TOP:
                _control(name)
    with st.expander(_("Advanced")):
        for name in advanced:
            _control(name)
        _seed_control()


def _seed_control() -> None:
    st.number_input(
        _("Seed"),
        0,
        HIGHEST_SEED,
        key="seed",
        help=_("What chance is drawn from: the split, the first weights, the batches and dropout."),
        persist_state="session",
    )


def seed() -> int:
    """The chosen seed."""
    return int(state.get("seed") or 0)


def _control(name: str) -> None:
    """One control, by what the hyperparameter accepts."""
    choice, kind = choice_of(name), _kind(name)
    common: dict[str, Any] = {
        "label": _(choice.label),
        "help": _(choice.help),
        "key": _key(name),
        "on_change": _take_base if name == ON_TOP else _note_change,
        "persist_state": "session",
    }
    if choice.options:
        words = {option: word_of(name, option) for option in choice.options}
        if sum(map(len, words.values())) <= 14:
            st.segmented_control(
                options=choice.options, format_func=lambda option: _(words[option]), required=True, **common
            )
        else:
            box(options=choice.options, format_func=lambda option: _(words[option]), **common)
    elif kind is bool:
        st.toggle(**common)
    elif choice.log:
        stops = _with_current(nice_values(name), state.get(_key(name)), state.live(f"stops_{name}", set()))
        st.select_slider(options=stops, format_func=lambda value: f"{value:g}", **common)
    elif kind is int:
        st.number_input(min_value=int(choice.low or 0), max_value=int(choice.high or 0), step=1, **common)
    else:
        st.slider(min_value=float(choice.low or 0), max_value=float(choice.high or 1), step=choice.step, **common)


def _predicted_bytes(name: str) -> float:
    known = sets.size(name)
    return memory.predicted_bytes(known.num_ratings, known.num_users, known.num_items, chosen())


def dataset_note(name: str) -> str:
    """How large a data set is, and how much memory this training will take, in a line."""
    known = sets.size(name)
    return _(
        "{ratings:,} ratings of {movies:,} movies by {people:,} people, on a scale of {low:g} to {high:g}; about "
        "{memory} of memory",
        ratings=known.num_ratings,
        movies=known.num_items,
        people=known.num_users,
        low=known.scale.low,
        high=known.scale.high,
        memory=memory.in_words(_predicted_bytes(name)),
    )


def shortage(name: str) -> str:
    """Why this training would not fit into the memory; nothing where it does."""
    return _(memory.shortage(_predicted_bytes(name) - memory.BASE))  # the worker holds the base already
