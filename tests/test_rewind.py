"""Going back to an earlier epoch: the slider shows what it stands at, however late the browser is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.runs import RunConfig, RunStore
from pages.shared import rewind


def page(run, now, shown):  # type: ignore[no-untyped-def]  # run as a script of its own, without the imports above
    from pages.shared import rewind

    shown.append(rewind.draw(run, now["state"], None, now["epochs"]))


class Session:
    """A session whose training is told how it stands, and whose browser may speak of an earlier drawing."""

    def __init__(self, folder: Path) -> None:
        run = RunStore(folder).create(RunConfig(hyperparameters=Hyperparameters(epochs=20)))
        self.now: dict[str, Any] = {}
        self.shown: list[int] = []
        self.app = AppTest.from_function(page, args=(run, self.now, self.shown))

    def said(self) -> Any:
        """What the browser says of its widgets as they stand."""
        return self.app._tree.get_widget_states()

    def draw(self, state: str, newest: int, said: Any = None) -> tuple[int, int]:
        """Draws; returns where the slider stands, and the epoch that is shown below it."""
        self.now.update(state=state, epochs=list(range(newest + 1)))
        self.app._run(said or self.said())
        assert not self.app.exception
        return int(self.app.slider[0].value), self.shown[-1]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_it_follows_while_the_training_runs_and_stays_where_it_is_put_while_it_is_held(session: Session) -> None:
    assert session.draw("running", 3) == (3, 3)
    assert session.draw("running", 7) == (7, 7)
    assert session.app.slider[0].disabled
    assert session.draw("paused", 8) == (8, 8)
    session.app.slider[0].set_value(2)
    assert session.draw("paused", 8) == (2, 2)
    assert session.draw("paused", 8) == (2, 2)
    assert session.draw("running", 8) == (8, 8)
    assert session.draw("paused", 9) == (9, 9)


def test_what_a_late_browser_says_of_the_running_training_does_not_move_the_held_one(session: Session) -> None:
    session.draw("running", 7)
    late = session.said()
    assert session.draw("paused", 8) == (8, 8)
    assert session.draw("paused", 8, late) == (8, 8)


@pytest.mark.parametrize(
    ("epochs", "wanted", "shown"), [([0, 2, 5], 4, 2), ([0, 2, 5], 5, 5), ([3, 4], 1, 3), ([], 9, 0)]
)
def test_the_slider_shows_the_newest_kept_epoch_up_to_it(epochs: list[int], wanted: int, shown: int) -> None:
    assert rewind.shown_epoch(epochs, wanted) == shown
