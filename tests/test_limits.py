"""What a deployment sets, read in one place, and the sentence past each limit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autorec_core import limits, settings, shelf, storage, uploads
from autorec_core.errors import (
    AutoRecError,
    InvalidHyperparameterError,
    InvalidRatingsError,
    InvalidSettingError,
    QueueError,
)
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobRunner
from autorec_core.runs import RunConfig, RunStore, Source
from autorec_core.search_space import SearchSpace

ROOT = Path(__file__).parent.parent
OWNER, OTHER = "a" * 16, "b" * 16


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def asked(**values: object) -> RunConfig:
    return RunConfig(owner=OWNER, **values)  # type: ignore[arg-type]


def test_without_a_word_the_defaults_hold() -> None:
    assert settings.limits() == settings.Limits()


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for place, setting in enumerate(settings.LIMITS.values()):
        monkeypatch.setenv(setting.name, str(int(setting.low or 0) + 3 + place))
    found = vars(settings.limits())
    assert found == {
        name: int(setting.low or 0) + 3 + place for place, (name, setting) in enumerate(settings.LIMITS.items())
    }


@pytest.mark.parametrize("setting", settings.LIMITS.values(), ids=lambda setting: setting.name)
@pytest.mark.parametrize("given", ["many", "-1", "nan", "inf", "1e99", "0x10"])
def test_a_value_that_makes_no_sense_is_refused_by_name_and_range(
    setting: settings.Setting, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.name, given)
    with pytest.raises(InvalidSettingError, match=rf"{setting.name} must be .* from .* to .*, got '{given}'"):
        settings.limits()


def test_only_the_settings_module_reads_variables_of_the_app() -> None:
    reading = {
        path.stem
        for folder in ("autorec_core", "pages", "pages/shared")
        for path in (ROOT / folder).glob("*.py")
        if re.search(r"environ[\w.]*[\[(]\s*[\"']AUTOREC_", path.read_text(encoding="utf-8"))
    }
    assert reading == set()
    assert len({setting.name for setting in settings.ALL}) == len(settings.ALL)


def test_too_many_epochs_are_refused_of_a_visitor_and_not_of_the_app(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOREC_MAX_EPOCHS", "30")
    limits.check(asked(hyperparameters=Hyperparameters(epochs=30)), store)
    long = asked(hyperparameters=Hyperparameters(epochs=31))
    with pytest.raises(InvalidHyperparameterError, match="epochs must be at most 30, got 31"):
        limits.check(long, store)
    with pytest.raises(InvalidHyperparameterError, match="at most 30, got 40"):
        limits.check(asked(search=SearchSpace(ranges={"epochs": (1, 40)}, options={}, num_trials=3)), store)
    limits.check(RunConfig(kind="starter", hyperparameters=long.hyperparameters), store)


def test_a_set_with_too_many_ratings_is_refused_by_name(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOREC_MAX_RATINGS", "500000")
    limits.check(asked(), store)
    with pytest.raises(InvalidRatingsError, match=r"MovieLens 1M has 1,000,209 ratings; .* at most 500,000"):
        limits.check(asked(source=Source(dataset="ml-1m")), store)
    monkeypatch.setenv("AUTOREC_MAX_RATINGS", "100")
    rows = "\n".join(f"{user},{item},{1 + (user + item) % 5}" for user in range(12) for item in range(10))
    with pytest.raises(InvalidRatingsError, match="120 ratings; on this server at most 100"):
        uploads.read("mine.csv", f"user,item,rating\n{rows}".encode())


def test_a_visitor_keeps_so_many_runs_and_no_one_elses_count(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOREC_MAX_RUNS", "2")
    runs = [store.create(asked()) for _ in range(2)]
    store.create(RunConfig(owner=OTHER))
    with pytest.raises(QueueError, match="as many runs as are kept for a visitor: 2"):
        limits.check(asked(), store)
    limits.check(RunConfig(owner=OTHER), store)
    shelf.delete(runs[0])
    limits.check(asked(), store)


def test_what_is_refused_leaves_no_run_behind(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOREC_MAX_EPOCHS", "1")
    runner = JobRunner(store)
    with pytest.raises(AutoRecError, match="at most 1"):
        runner.submit(asked())
    assert store.all() == []
    assert runner.line() == (0, False)


def test_no_uploads_at_all_may_be_set(monkeypatch: pytest.MonkeyPatch, low_rank) -> None:
    monkeypatch.setenv("AUTOREC_MAX_UPLOADS", "0")
    with pytest.raises(InvalidRatingsError, match="keeps no sets"):
        uploads.UploadStore(storage.uploads_folder()).keep(OWNER, "mine.csv", low_rank[0])
    monkeypatch.setenv("AUTOREC_MAX_UPLOAD_MB", "1")
    with pytest.raises(InvalidRatingsError, match=r"mine.csv has 1.2 MB; at most 1.0 MB"):
        uploads.preview("mine.csv", b"user,item,rating\n" + b"1,1,1\n" * 200_000)


def test_every_setting_stands_in_the_operators_page_with_its_default() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    for setting in settings.ALL:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{setting.name}` |"))
        assert row.split("|")[2].strip() == (setting.default or "–")
        assert setting.help in row
