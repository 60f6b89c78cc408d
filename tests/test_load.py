"""What the load and the soak conclude from what they saw, and one visitor's session over the websocket's messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from autorec_core import datasets
from autorec_core.visitors import VisitorStore, new_visitor_id
from benchmarks.load import Place, Visit, ratings_lost, runs_before, unfair, wrong_lines
from benchmarks.soak import slope_of
from benchmarks.wire import fault_of

CATALOGUE = datasets.find(datasets.BUNDLED).catalogue


def line_of(*times: tuple[float, float]) -> list[Place]:
    return [Place(f"run{number}", number, began, ended) for number, (began, ended) in enumerate(times)]


class TestLine:
    def test_a_line_in_order_is_fair(self) -> None:
        assert unfair(line_of((0, 5), (5, 7), (7, 9))) == []

    def test_who_is_overtaken_is_told(self) -> None:
        assert unfair(line_of((0, 5), (7, 9), (5, 7)))

    def test_who_waits_for_more_trainings_than_the_page_said_is_told(self) -> None:
        places = line_of((0, 5), (5, 7), (7, 9))
        places[2].said = 1
        assert unfair(places) == ["training 2 waited for 2, its page said 1"]

    def test_who_never_begins_is_told(self) -> None:
        places = line_of((0, 5), (5, 7))
        places[1].began = None
        assert unfair(places) == ["training 1 never began"]

    def test_the_page_says_how_many_are_before(self) -> None:
        assert runs_before("<span>Waiting: 1 run before yours. It starts</span>") == 1
        assert runs_before("<span>Starting: the ratings are being loaded and split.</span>") == 0


class TestFaults:
    def test_exceptions_and_red_boxes_are_faults(self) -> None:
        exception, red, blue = ForwardMsg(), ForwardMsg(), ForwardMsg()
        exception.delta.new_element.exception.type = "KeyError"
        exception.delta.new_element.exception.message = "'7'"
        red.delta.new_element.alert.format, red.delta.new_element.alert.body = Alert.ERROR, "the disk is full"
        blue.delta.new_element.alert.format, blue.delta.new_element.alert.body = Alert.INFO, "nothing yet"
        assert [fault_of(message) for message in (exception, red, blue)] == ["KeyError: '7'", "the disk is full", None]

    def test_a_page_that_ends_well_is_none(self) -> None:
        assert fault_of(ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)) is None

    def test_the_log_is_read_for_errors_in_both_forms(self) -> None:
        text = "2026-01-01 10:00:00 info autorec.server begins\n2026-01-01 10:00:01 error autorec.jobs the worker died"
        assert wrong_lines(text) == [text.splitlines()[1]]
        assert wrong_lines('{"level": "error", "message": "the worker died"}')


class TestRatings:
    def test_lost_strange_and_changed_ratings_count(self, tmp_path: Path) -> None:
        store = VisitorStore(f"sqlite:///{tmp_path / 'visitors.sqlite3'}")
        one, other = Visit(new_visitor_id(), {"1": 4.0, "2": 3.0}), Visit(new_visitor_id(), {"3": 2.0})
        for visit in (one, other):
            for item_id, rating in visit.given.items():
                store.rate(visit.visitor, CATALOGUE, item_id, rating)
        assert ratings_lost(store, [one, other]) == 0
        store.clear(one.visitor, CATALOGUE, "1")
        assert ratings_lost(store, [one, other]) == 1
        store.rate(other.visitor, CATALOGUE, "2", 3.0)
        assert ratings_lost(store, [one, other]) == 2


class TestSlope:
    def test_a_straight_line_has_its_slope_and_no_noise(self) -> None:
        slope = slope_of([(second, 300 + 12 * second / 3600) for second in range(0, 1200, 5)])
        assert slope.an_hour == pytest.approx(12)
        assert slope.error == pytest.approx(0, abs=1e-6)
        assert not slope.is_zero

    def test_readings_that_hang_together_do_not_count_each(self) -> None:
        generator = np.random.default_rng(0)
        drifts = 0
        for _ in range(200):
            level = np.repeat(generator.normal(size=20), 12)  # of one minute alike, of the next one anew
            slope = slope_of([(5.0 * place, 300 + value) for place, value in enumerate(level)])
            drifts += not slope.is_zero
        assert drifts <= 14  # of 200 without a slope, at 2 standard errors; about 6 are to be expected

    def test_a_slope_needs_three_stretches(self) -> None:
        with pytest.raises(ValueError, match="three stretches"):
            slope_of([(0.0, 1.0), (100.0, 2.0)])
        with pytest.raises(ValueError, match="three stretches"):
            slope_of([])
