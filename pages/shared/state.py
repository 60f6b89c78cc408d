"""What a browser session remembers. Nobody else touches `st.session_state`, but for the keys of widgets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from autorec_core.visitors import is_visitor_id, new_visitor_id, owner_of

VISITOR_COOKIE = "autorec_visitor"


def visitor_id() -> str:
    """Who clicks: the id of the cookie, or of this session alone where there is no cookie."""
    known = st.context.cookies.get(VISITOR_COOKIE, "")
    if is_visitor_id(known):
        return known
    return str(st.session_state.setdefault("_visitor_id", new_visitor_id()))


def owner() -> str:
    """What a run says of this visitor."""
    return owner_of(visitor_id())


def chosen_run_id() -> str | None:
    """The run whose model this visitor chose, or None."""
    return st.session_state.get("_chosen_run_id")


def choose_run(run_id: str) -> None:
    """Makes a run's model the current one for this session."""
    st.session_state["_chosen_run_id"] = run_id


def watched_run_id() -> str | None:
    """The run that the Train page shows, or None."""
    return st.session_state.get("_watched_run_id")


def watch_run(run_id: str | None) -> None:
    """Makes the Train page show a run."""
    st.session_state["_watched_run_id"] = run_id


LANGUAGE_KEY = "language"


def chosen_language() -> str | None:
    """The code of the language that this visitor chose, or None."""
    return st.session_state.get(LANGUAGE_KEY)


def is_routed() -> bool:
    """Whether this run of the script came through the router."""
    return bool(st.session_state.get("_is_routed"))


def mark_routed(routed: bool) -> None:
    """Notes that this run of the script comes through the router, or no longer does."""
    st.session_state["_is_routed"] = routed


def live(key: str, fresh: Any) -> Any:
    """A value that stays with the session, made once."""
    return st.session_state.setdefault(f"_live_{key}", fresh)


def set_live(key: str, value: Any) -> None:
    """Replaces what `live` keeps."""
    st.session_state[f"_live_{key}"] = value


def forget_live(key: str) -> None:
    """Drops what `live` kept."""
    st.session_state.pop(f"_live_{key}", None)


def get(key: str, default: Any = None) -> Any:
    """The value of a widget by its key."""
    return st.session_state.get(key, default)


def put(key: str, value: Any) -> None:
    """Sets a widget by its key, before it is drawn."""
    st.session_state[key] = value


def begins(key: str, value: Any) -> Any:
    """Notes what a widget begins at where that is not empty, and returns it; for `begin_again`."""
    st.session_state[f"_begins_{key}"] = value
    return value


def begin_again(*keys: str) -> None:
    """Sets widgets back to how they began; for a button's callback.

    Where a value was only dropped, the browser would keep its own, and send that with the next click anywhere.
    """
    for key in keys:
        value = get(key)
        if value is not None:
            put(key, st.session_state.get(f"_begins_{key}", type(value)()))


def put_among(key: str, options: Collection[Any], first: Any) -> None:
    """Sets a box to what is chosen in it, or to the first choice where that is no longer offered; before it is drawn.

    A browser goes on showing what an option was called when it was chosen, even one that is no longer there.
    """
    chosen = get(key)
    put(key, chosen if chosen in options else first)


def forget(key: str) -> None:
    """Sets a widget back to how it began."""
    st.session_state.pop(key, None)


def keys(prefix: str) -> list[str]:
    """The widgets whose keys begin so."""
    return [str(key) for key in st.session_state if str(key).startswith(prefix)]


def forget_session() -> None:
    """Drops what pages keep of the visitor for this session alone, such as a file that was read."""
    for key in keys("_live_"):
        del st.session_state[key]
