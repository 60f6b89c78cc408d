"""What a session remembers: a box whose choices change says what is chosen in it."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


def page(now):  # type: ignore[no-untyped-def]  # run as a script of its own, without the imports above
    import streamlit as st

    from pages.shared import state

    state.put_among("box", list(now["names"]), next(iter(now["names"])))
    st.text(st.selectbox("Box", list(now["names"]), format_func=now["names"].__getitem__, key="box"))


def test_the_browser_is_told_what_is_chosen_where_a_choice_goes_or_has_another_name() -> None:
    now: dict[str, Any] = {"names": {"a": "Anna", "b": "Berta", "c": "Clara"}}
    app = AppTest.from_function(page, args=(now,)).run()

    def told() -> tuple[str, str]:
        box = app.run().selectbox(key="box").proto
        assert box.set_value  # else a browser goes on showing what it showed
        return app.text[0].value, box.raw_value

    assert told() == ("a", "Anna")
    app.selectbox(key="box").set_value("b").run()
    assert told() == ("b", "Berta")
    now["names"] = {"a": "Anna", "b": "Bertha", "c": "Clara"}
    assert told() == ("b", "Bertha")
    now["names"] = {"c": "Clara", "a": "Anna"}
    assert told() == ("c", "Clara")
