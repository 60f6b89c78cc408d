"""What the pages say, in the visitor's language.

`_("Start")`, `_("RMSE {rmse:.4f}", rmse=x)` and `ngettext("{count} movie", "{count} movies", n)` look an English
sentence up in the catalogues `pages/locales/LANGUAGE/*.po`; what is not there stays English. Sentences that a table
names outside a page (constants, the hyperparameters of the core) are marked with `later` or listed by the test of the
catalogues, and go through `_` where they are shown. What the core says, such as an error's `sentence`, knows its own
template and values: `_(error.sentence)`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import polib
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from autorec_core.errors import Sentence
from pages.shared import state

LANGUAGES = {"en": "English", "zh": "简体中文"}
"""Code -> what its speakers call it."""
LOCALES = Path(__file__).resolve().parent.parent / "locales"
_Option = TypeVar("_Option")


def _(text: str, /, **values: object) -> str:
    """A sentence in the visitor's language.

    Args:
        text: the English sentence, a literal, so that it can be found and translated; `{name}` stands for a value.
            Or a sentence of the core's.
        values: what the names stand for; formats as in `{rmse:.4f}` work. Without any, braces stay as they are.
    """
    if isinstance(text, Sentence):
        return _(
            text.template,
            **{name: _(value) if isinstance(value, Sentence) else value for name, value in text.values.items()},
        )
    said = catalogue(language()).get(text, text)
    return said.format(**values) if values else said


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """A sentence that depends on a number, which it may name as `{count}`."""
    said = catalogue(language()).get(many) or (one if count == 1 else many)  # Chinese has one form for all numbers
    return said.format(count=count, **values)


def sentences(*told: str) -> str:
    """Sentences one after the other, as the visitor's language sets them; empty ones are left out."""
    between = "" if language() == "zh" else " "
    return between.join(one for one in told if one)


def later(text: str) -> str:
    """The English sentence itself, marked to be translated where it is shown."""
    return text


_SPOKEN = threading.local()


def language() -> str:
    """The visitor's: as chosen, else the browser's, else English."""
    spoken: str | None = getattr(_SPOKEN, "code", None)
    return spoken or state.chosen_language() or ("zh" if (st.context.locale or "").lower().startswith("zh") else "en")


@contextmanager
def one_language() -> Iterator[None]:
    """Within it the language is looked up once, not with each of the hundreds of sentences of a page."""
    before = getattr(_SPOKEN, "code", None)
    _SPOKEN.code = language()
    try:
        yield
    finally:
        _SPOKEN.code = before


@cache
def catalogue(code: str) -> dict[str, str]:
    """English sentence (of a pair of forms, the one for many) -> sentence in another language."""
    found: dict[str, str] = {}
    for path in sorted((LOCALES / code).glob("*.po")):
        for entry in polib.pofile(str(path), encoding="utf-8"):
            said = entry.msgstr_plural.get(0) if entry.msgid_plural else entry.msgstr
            if said:
                found[entry.msgid_plural or entry.msgid] = said
    return found


def switch() -> None:
    """Lets the visitor choose the language of the pages."""
    codes = list(LANGUAGES)
    st.selectbox(
        "Language · 语言",
        codes,
        index=codes.index(language()),
        format_func=LANGUAGES.__getitem__,
        key=state.LANGUAGE_KEY,
        on_change=_tell_choices_again,
        persist_state="session",
    )


def _tell_choices_again() -> None:
    """Keeps what is chosen on the page: a browser knows an option by what it is called, in the language before."""
    for key in state.keys(""):
        value = state.get(key)
        is_choice = isinstance(value, (str, int, float)) and not isinstance(value, bool)  # those are buttons
        if is_choice or (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            state.put(key, value)


def box(
    label: str,
    options: Sequence[_Option],
    *,
    key: str,
    on_change: Callable[..., object] | None = None,
    args: tuple[Any, ...] = (),
    place: DeltaGenerator | None = None,
    **others: Any,
) -> _Option:
    """Draws a box of choices on a page that draws itself anew, and returns what is chosen in it.

    A browser that asks for the next drawing before it has heard of another language names what is chosen in the one
    before. That is no choice, and no option either: what was chosen stays, and nothing is called.

    Args:
        label: in the visitor's language.
        options: not empty.
        key: of the box.
        on_change: called after a choice.
        args: given to it.
        place: to draw it in, or None for here.
        others: what `st.selectbox` takes.
    """
    chosen: _Option = (place or st).selectbox(
        label, options, key=key, on_change=_take_choice, args=(key, options, on_change, args), **others
    )
    state.set_live(f"chosen_{key}", chosen)
    return chosen


def _take_choice(
    key: str, options: Sequence[object], on_change: Callable[..., object] | None, args: tuple[Any, ...]
) -> None:
    if state.get(key) not in options:
        state.put(key, state.live(f"chosen_{key}", options[0]))
    elif on_change is not None:
        on_change(*args)
