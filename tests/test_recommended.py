"""Recommendations as HTML and as a file: nothing of the data is ever markup or a formula."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from autorec_core.ratings import RatingScale
from autorec_core.recommender import Filter, Reason, Recommendation
from pages.shared import recommended

SCALE = RatingScale(0.5, 5.0, 0.5)


def one(
    title: str = "Matrix, The", *, genres: tuple[str, ...] = ("Action",), because: tuple[Reason, ...] = ()
) -> Recommendation:
    return Recommendation(
        item_index=0,
        item_id=7,
        title=title,
        year=1999,
        genres=genres,
        predicted_rating=4.25,
        interval=(3.0, 5.0),
        mean_rating=4.1,
        num_ratings=12,
        because=because,
    )


def reason(title: str = "Alien", effect: float = 0.125, rating: float = 4.5) -> Reason:
    return Reason(item_index=1, item_id=8, title=title, rating=rating, effect=effect)


class TestListing:
    def test_tells_title_year_prediction_interval_and_what_everybody_gives(self) -> None:
        html = recommended.listing([one()], SCALE)
        for text in ("The Matrix", "1999", "4.25", "3.0 to 5.0", "everybody 4.10, 12 people", "Action"):
            assert text in html

    def test_names_the_ratings_that_moved_it_with_direction_and_size(self) -> None:
        html = recommended.listing([one(because=(reason(effect=0.125), reason("Emma", -0.3, 1.0)))], SCALE)
        assert "<b>+0.12</b><span>because you gave Alien <em>4.5" in html
        assert "<b>−0.30</b><span>because you gave Emma <em>1" in html

    @pytest.mark.parametrize("place", ["title", "genre", "reason"])
    def test_markup_in_the_data_stays_text(self, place: str) -> None:
        bad = '<img src=x onerror="alert(1)">'
        found = {
            "title": one(bad),
            "genre": one(genres=(bad,)),
            "reason": one(because=(reason(bad),)),
        }[place]
        html = recommended.listing([found], SCALE)
        assert "<img" not in html
        assert "&lt;img src=x" in html

    def test_the_bar_spans_the_scale(self) -> None:
        bar = recommended.interval_bar(2.75, (0.5, 5.0), 5.0, SCALE)
        places = dict(re.findall(r'class="(\w+)" style="left:([\d.]+)%', bar))
        assert places == {"range": "0.0", "mean": "100.0", "dot": "50.0"}
        assert "width:100.0%" in bar
        assert "predicted 2.75" in bar

    def test_a_mean_off_the_scale_stays_on_the_bar(self) -> None:
        assert "left:100.0%" in recommended.interval_bar(3, (2, 4), 9.0, SCALE)


class TestFile:
    def test_has_the_promised_columns_and_full_figures(self) -> None:
        (row,) = csv.DictReader(io.StringIO(recommended.as_csv([one(because=(reason(),))])))
        assert tuple(row) == recommended.COLUMNS
        assert row["item_id"] == "7"
        assert (row["predicted_rating"], row["low"], row["high"]) == ("4.2500", "3.0000", "5.0000")
        assert row["because"] == "Alien 4.5 (+0.1250)"

    @pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1", "\r=1"])
    def test_a_title_is_never_a_formula(self, title: str) -> None:
        (row,) = csv.DictReader(io.StringIO(recommended.as_csv([one(title, because=(reason(title),))]), newline=""))
        assert row["title"].startswith("'")
        assert row["because"].startswith("'")

    def test_an_ordinary_title_is_left_as_it_is(self) -> None:
        assert '\n7,"Matrix, The",' in recommended.as_csv([one()])

    def test_an_unknown_year_is_empty(self) -> None:
        (row,) = csv.DictReader(io.StringIO(recommended.as_csv([replace(one(), year=0)])))
        assert row["year"] == ""


class TestWords:
    def test_titles_left_out_are_counted_with_the_bounds_that_left_them_out(self) -> None:
        text = recommended.note(3, 0, 1234, Filter(min_ratings=5), "a model")
        assert "1,234 titles are left out for having fewer than 5 ratings" in text
        both = recommended.note(3, 0, 1, Filter(min_ratings=5, max_ratings=100), "a model")
        assert "1 title is left out for having fewer than 5 or more than 100 ratings" in both
        assert "more than 100 ratings" in recommended.note(3, 0, 2, Filter(max_ratings=100), "a model")

    def test_filters_that_are_folded_away_are_told(self) -> None:
        told = recommended.note(3, 0, 0, Filter(genres=frozenset({"War", "Drama"}), years=(1990, 2000)), "a model")
        assert told == "From your 3 ratings, by a model. Only Drama or War, 1990 to 2000."
        without = Filter(without=frozenset({"War", "Horror"}))
        assert "Nothing of Horror or War." in recommended.note(3, 0, 0, without, "a model")
        assert "Only 1990 to 2000." in recommended.note(3, 0, 0, Filter(years=(1990, 2000)), "a model")

    def test_nothing_is_said_of_what_is_not(self) -> None:
        assert recommended.note(1, 0, 0, Filter(), "a model") == "From your 1 rating, by a model."

    def test_ratings_of_unknown_movies_are_counted(self) -> None:
        assert "2 more of yours are of movies that this model does not know" in recommended.note(3, 2, 0, Filter(), "m")

    def test_the_stops_end_at_the_most_rated_movie(self) -> None:
        for most in (6, 10, 341, 30_000):
            stops = recommended.steps_to(most)
            assert stops[-1] == most
            assert stops == sorted(set(stops))
            assert recommended.FEWEST in stops


def test_a_genres_hue_is_the_one_of_the_rating_cards() -> None:
    """The script of the cards counts letters by their code point, modulo 360, from 7 on."""
    hue = 7
    for letter in "Film-Noir":
        hue = int(np.mod(hue * 31 + ord(letter), 360))
    assert recommended.hue_of("Film-Noir") == hue


def _with_filters() -> None:
    import streamlit as st

    from pages.shared import state

    st.text_input("Search", key="query")
    st.multiselect("Genres", ["Drama", "Horror"], key="genres")
    st.slider("Years", 1902, 2016, state.begins("years", (1902, 2016)), key="years")
    st.button("Clear", on_click=state.begin_again, args=("query", "genres", "years"))


def test_filters_are_cleared_in_the_browser_too() -> None:
    app = AppTest.from_function(_with_filters).run()
    app.text_input[0].set_value("no such movie")
    app.slider[0].set_value((1907, 2016))
    app.multiselect[0].set_value(["Horror"]).run()
    app.button[0].click().run()
    assert (app.text_input[0].value, app.multiselect[0].value, app.slider[0].value) == ("", [], (1902, 2016))
    for widget in (app.text_input[0], app.multiselect[0], app.slider[0]):
        assert widget.proto.set_value, "the browser is told, or it would say again what it has"
