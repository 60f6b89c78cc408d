"""One visitor's runs, sets and ratings are not there for another, whatever ids and paths that one tries."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as hs

from autorec_core import shelf, storage
from autorec_core.errors import AutoRecError, NotFoundError
from autorec_core.runs import Run, RunConfig, RunStore
from autorec_core.uploads import UploadStore, read
from autorec_core.visitors import VisitorStore, new_visitor_id, owner_of
from pages.shared import frame, live, services, state, visit

ROOT = Path(__file__).parent.parent
ANN, BEN = "A" * 43, "B" * 43
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}


@pytest.fixture(autouse=True)
def _fresh_services(autorec_home: Path):
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def is_visiting(monkeypatch: pytest.MonkeyPatch, visitor: str) -> None:
    monkeypatch.setattr(state, "visitor_id", lambda: visitor)


@pytest.fixture
def run_of_ann() -> Run:
    return RunStore(storage.runs_folder()).create(RunConfig(owner=owner_of(ANN)))


def test_a_run_is_seen_by_its_owner_alone(run_of_ann: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    is_visiting(monkeypatch, ANN)
    assert [run.id for run in visit.own_runs()] == [run_of_ann.id]
    is_visiting(monkeypatch, BEN)
    assert visit.own_runs() == visit.own_searches() == visit.deleted_runs() == []
    assert not visit.can_see(run_of_ann)
    shelf.delete(run_of_ann)
    assert visit.deleted_runs() == []


def test_an_id_of_somebody_elses_run_chooses_and_watches_nothing(
    run_of_ann: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "is_usable", lambda run: True)
    monkeypatch.setattr(state, "chosen_run_id", lambda: run_of_ann.id)
    monkeypatch.setattr(state, "watched_run_id", lambda: run_of_ann.id)
    is_visiting(monkeypatch, ANN)
    assert visit.current_run().id == run_of_ann.id
    assert live.watched_run(live.shown_runs()).id == run_of_ann.id
    is_visiting(monkeypatch, BEN)
    assert visit.current_run() is None
    assert live.watched_run(live.shown_runs()) is None


def test_no_page_takes_a_run_from_its_address() -> None:
    """Only Train reads the address, through `links`, which knows hyperparameters, a named data set and a seed."""
    reading = {
        path.name
        for path in [*(ROOT / "pages").glob("*.py"), *(ROOT / "pages" / "shared").glob("*.py")]
        if "query_params" in path.read_text(encoding="utf-8")
    }
    assert reading == {"share.py"}


@given(hs.sampled_from(["..", "../..", "/etc", "%2e%2e", "a/../b", "\0", "*"]) | hs.text(max_size=40))
def test_no_id_and_no_owner_gets_out_of_their_folders(name: str) -> None:
    with pytest.raises(NotFoundError):
        UploadStore(storage.uploads_folder()).get(name, "a" * 16)
    with pytest.raises(NotFoundError):
        UploadStore(storage.uploads_folder()).get(owner_of(ANN), name if len(name) != 16 else "..")
    with pytest.raises(NotFoundError):
        RunStore(storage.runs_folder()).get(name)


def test_a_set_is_found_by_its_owner_alone_by_id_by_source_and_by_deletion() -> None:
    store = UploadStore(storage.uploads_folder())
    rows = "\n".join(f"{user},{item},{1 + (user + item) % 5}" for user in range(9) for item in range(9))
    kept = store.keep(owner_of(ANN), "mine.csv", read("mine.csv", f"user,item,rating\n{rows}".encode()))
    assert store.of(owner_of(BEN)) == []
    for act in (store.get, store.source, store.delete):
        with pytest.raises(NotFoundError):
            act(owner_of(BEN), kept.id)
    assert store.get(owner_of(ANN), kept.id) == kept


def test_ratings_are_of_one_visitor_in_every_question(autorec_home: Path) -> None:
    store = VisitorStore(storage.database_url())
    ann, ben = new_visitor_id(), new_visitor_id()
    store.rate(ann, "movielens", 1, 5.0)
    store.pass_over(ann, "movielens", 2, "not seen")
    store.rate_many(ann, "movielens", {"3": (4.0, None)}, replace=False)
    for who in (ben, "%", "' OR 1=1 --", ann.lower(), ann[:-1], ann + " "):
        if who == ann:
            continue
        assert store.ratings_of(who, "movielens") == {}
        assert store.moments_of(who, "movielens") == {}
        assert store.passed_over(who, "movielens", "not seen") == []
        assert not any(store.everything_of(who).values())
        assert not store.undo_import(who, "movielens")
        assert store.forget(who) == 0
    assert len(store.ratings_of(ann, "movielens")) == 2


def test_an_owner_in_a_run_folder_does_not_lead_back_to_the_cookie(run_of_ann: Run) -> None:
    text = (run_of_ann.folder / "run.json").read_text()
    assert ANN not in text
    assert owner_of(ANN) in text


def test_nothing_is_pickled_and_nothing_that_is_read_can_run_code() -> None:
    wrong = []
    for folder in ("autorec_core", "pages", "pages/shared", "benchmarks"):
        for path in (ROOT / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    wrong += [(path.name, one.name) for one in node.names if one.name.split(".")[0] in PICKLES]
                elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLES:
                    wrong.append((path.name, str(node.module)))
                elif isinstance(node, ast.Call):
                    called = ast.unparse(node.func)
                    arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                    is_bad = called in ("eval", "exec", "torch.load", "torch.save", "os.system", "yaml.load")
                    if is_bad or arguments.get("allow_pickle") == "True" or arguments.get("shell") == "True":
                        wrong.append((path.name, called))
    assert wrong == []


def test_no_page_lets_html_through_markdown() -> None:
    for path in [*(ROOT / "pages").glob("*.py"), *(ROOT / "pages" / "shared").glob("*.py")]:
        assert "unsafe_allow_html" not in path.read_text(encoding="utf-8"), path.name


def test_what_a_visitor_causes_is_told_and_what_nobody_foresaw_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(frame.st, "error", told.append)
    monkeypatch.setattr(frame.st, "stop", lambda: None)
    with frame.told():
        raise AutoRecError("Row 2 of **x**.csv: bad.\nRow 3 too.")
    assert told == ["Row 2 of \\*\\*x\\*\\*.csv: bad.  \nRow 3 too."]
    with pytest.raises(RuntimeError), frame.told():  # Streamlit logs it, and shows no detail: client.showErrorDetails
        raise RuntimeError("a secret path")
    assert len(told) == 1
