"""Own ratings, as their page reads them: faults by row, and going on without the faulty ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared import services, sets, visit

ROOT = Path(__file__).parent.parent
ROWS = [f"{n % 8},{n // 8},{n % 5 + 1}" for n in range(40)]


@pytest.fixture(autouse=True)
def alone(autorec_home, monkeypatch):
    """The visitor is known, and nothing is trained."""
    st.cache_resource.clear()
    monkeypatch.setattr(visit.state, "owner", lambda: "somebody")
    monkeypatch.setattr(services, "begin", lambda: "")
    yield
    services.close_jobs()
    st.cache_resource.clear()


def brought(*rows: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app = app.switch_page("pages/upload.py").run()
    content = "\n".join(["user,item,rating", *rows]).encode()
    app.file_uploader[0].upload("mine.csv", content, "text/csv").run()
    assert not app.exception
    return app


def keeps(app: AppTest) -> bool:
    return any(button.label == "Keep it" for button in app.button)


def test_one_fault_is_told_with_what_to_do_and_its_row_is_left_out_only_when_asked() -> None:
    app = brought(*ROWS, "9,9,many")
    (told,) = (error.value for error in app.error)
    assert told == "**Row 42 of mine.csv: rating 'many' is not a number. Correct it or delete the row.**"
    (choice,) = app.checkbox
    assert (choice.label, choice.value) == ("Leave out the faulty row", False)
    assert not keeps(app)
    choice.check().run()
    assert any("**40 ratings** of 5 items by 8 people" in part.value for part in app.markdown)
    next(button for button in app.button if button.label == "Keep it").click().run()
    (kept,) = services.upload_store().of("somebody")
    assert kept.num_ratings == 40


def test_all_faulty_rows_are_listed_and_counted_and_another_scale_asks_anew() -> None:
    app = brought(*ROWS, "9,9,many", *(f"{n},9,nan" for n in range(10, 35)))
    assert app.code[0].value.splitlines()[-1] == "… and 6 more such faults."
    assert app.checkbox[0].label == "Leave out the 26 faulty rows"
    app.checkbox[0].check().run()
    assert keeps(app)
    app.selectbox(key="upload_scale").set_value("2").run()
    assert keeps(app)
    app.selectbox(key="upload_scale").set_value("4").run()
    assert not app.checkbox[0].value
    assert not keeps(app)


def test_what_can_not_be_told_row_by_row_is_not_left_out() -> None:
    app = brought(*ROWS, '9,"9,3', "1,2,3")
    assert app.error
    assert not app.checkbox


@pytest.mark.parametrize(("page", "box"), [("train", "dataset"), ("data", "explore_set")])
def test_a_set_that_is_deleted_elsewhere_is_no_longer_named_where_it_was_chosen(page: str, box: str) -> None:
    keep = next(button for button in brought(*ROWS).button if button.label == "Keep it")
    keep.click().run()
    (kept,) = services.upload_store().of("somebody")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page(f"pages/{page}.py").run()
    app.selectbox(key=box).set_value(sets.OWN + kept.id).run()
    assert page == "data" or app.selectbox(key="preset").value == "fitted"
    services.upload_store().delete("somebody", kept.id)  # in another tab
    app.selectbox(key=box).set_value("Yours: mine.csv").run()  # as the browser goes on calling it
    assert not app.exception
    told = app.selectbox(key=box).proto
    assert (told.set_value, told.raw_value) == (True, "MovieLens latest-small (2016)")
    assert page == "data" or app.selectbox(key="preset").value == "custom"  # no longer fitted to what is trained on
