"""What all tests share: a home folder of their own, and ratings whose answers are known by reasoning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from made_ratings import ratings_of

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

# How long an example takes says nothing on a busy machine; a fixture's folder may be shared by the examples of a test.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make soak` asks for."""
    parser.addoption("--hostile-files-whole", action="store_true", help="read hostile files of their whole size")


TOY = (
    # movie 10, 20, 30, 40, 50; 0 = not rated
    (5, 4, 0, 0, 1),
    (4, 0, 0, 1, 0),
    (0, 5, 4, 0, 0),
    (1, 0, 0, 5, 4),
    (0, 0, 2, 4, 5),
    (0, 3, 0, 0, 3),
)
"""15 ratings of users 1 to 6."""

TOY_TITLES = {
    10: ("Matrix, The", 1999, ("Action", "Sci-Fi")),
    20: ("Toy Story", 1995, ("Animation", "Comedy")),
    30: ("Alien", 1979, ("Horror", "Sci-Fi")),
    40: ("Amélie", 2001, ("Comedy", "Romance")),
    # movie 50 has no title: it shows its id
}


@pytest.fixture(scope="session", autouse=True)
def _session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no fixture of a whole module, ever touches the home folder of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOREC_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("AUTOREC_DATABASE_URL", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _checked_pictures() -> Iterator[None]:
    """Whatever picture a test draws is held against the schema of Vega-Lite."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages.shared.figures.IS_CHECKING", True)
        yield


@pytest.fixture(autouse=True)
def autorec_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for each test, not there until something makes it."""
    home = tmp_path / "autorec-home"
    monkeypatch.setenv("AUTOREC_HOME", str(home))
    monkeypatch.delenv("AUTOREC_DATABASE_URL", raising=False)
    return home


@pytest.fixture
def toy() -> Ratings:
    """6 users x 5 movies, 15 ratings on 1 to 5: `TOY`."""
    matrix = np.array(TOY)
    users, items = np.nonzero(matrix)
    return Ratings.from_triples(
        users + 1,
        10 * (items + 1),
        matrix[users, items],
        name="toy",
        scale=RatingScale(1, 5, 1),
        timestamps=1000 + 10 * users + items,
        titles=TOY_TITLES,
    )


@pytest.fixture
def checkerboard() -> Ratings:
    """20 users x 30 movies of two tastes: even users give even movies 5 and odd ones 1, odd users the other way round.

    Every second diagonal of entries is unknown; what stands there follows from the pattern.
    """
    users, items = np.indices((20, 30))
    matrix = np.where((users + items) % 2 == 0, 5.0, 1.0)
    return ratings_of(matrix, name="checkerboard", scale=RatingScale(1, 5, 1), observed=(users + 2 * items) % 5 != 0)


@pytest.fixture
def low_rank() -> tuple[Ratings, np.ndarray]:
    """60 users x 80 movies, a third known: 3 + a product of rank 2, no noise; and the whole matrix (60, 80)."""
    generator = np.random.default_rng(7)
    matrix = 3.0 + generator.uniform(-1, 1, (60, 2)) @ generator.uniform(-0.95, 0.95, (2, 80))
    observed = generator.random((60, 80)) < 1 / 3
    observed[np.arange(60), np.arange(60)] = True  # every user and movie has one
    observed[0, :] = True
    return ratings_of(matrix, name="low rank", scale=RatingScale(1, 5, 0.5), observed=observed), matrix


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    """`low_rank` in training, validation and test ratings."""
    return random_split(low_rank[0], seed=1)


@pytest.fixture(scope="session")
def _learnt() -> dict[str, TrainedModel]:
    return {}


@pytest.fixture(params=["items", "users"])
def low_rank_model(
    request: pytest.FixtureRequest, split: Split, one_thread: None, _learnt: dict[str, TrainedModel]
) -> TrainedModel:
    """A model of `low_rank`, item-based and user-based, trained once for all tests."""
    if request.param not in _learnt:
        hyperparameters = Hyperparameters(based_on=request.param, hidden_units=6, epochs=20, batch_size=16)
        trainer = Trainer(split, hyperparameters)
        list(trainer)
        _learnt[request.param] = trainer.trained_model()
    return _learnt[request.param]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread, so that sums are added up in one order, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
