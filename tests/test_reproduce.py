"""The paper's protocol: what is trained on what, what is kept, and when it may be found again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autorec_core import hyperparameters, published, reproduce
from autorec_core.datasets import DATASETS
from autorec_core.defaults import hyperparameters_for
from autorec_core.errors import InvalidHyperparameterError
from autorec_core.metrics import mae, rmse
from autorec_core.published import PAPERS_ACTIVATIONS
from autorec_core.ratings import Ratings
from autorec_core.reproduce import Protocol, Reproduction, Variant, known_dataset, variants_of
from autorec_core.reproduce_table import average_of, markdown_of, save, table_of

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"hidden_units": 4, "epochs": 3, "lean_on_averages": False}
TWO_SEEDS = Protocol(seeds=(0, 1))


@pytest.fixture
def variants() -> tuple[Variant, ...]:
    return tuple(
        replace(variant, hyperparameters=variant.hyperparameters.with_changes(**SMALL))
        for variant in variants_of(["items", "users"], 100)
    )


@pytest.fixture
def work(low_rank: tuple[Ratings, np.ndarray], variants: tuple[Variant, ...], tmp_path: Path) -> Reproduction:
    return Reproduction(low_rank[0], variants, TWO_SEEDS, tmp_path / "into")


def done(work: Reproduction) -> Reproduction:
    list(work)
    return work


def again(work: Reproduction, **changes: object) -> Reproduction:
    return replace(work, outcomes={}, **changes)  # type: ignore[arg-type]


def trained(work: Reproduction) -> list[tuple[str, int, int]]:
    """The trainings that were not found."""
    ends = [step for step in work if step.outcome is not None]
    return [(step.variant.name, step.seed, step.network) for step in ends if not step.was_found]


def test_every_variant_is_trained_on_every_seed(work: Reproduction) -> None:
    assert trained(work) == [("items", 0, 0), ("users", 0, 0), ("items", 1, 0), ("users", 1, 0)]
    assert set(work.outcomes) == {("items", 0, 0), ("users", 0, 0), ("items", 1, 0), ("users", 1, 0)}


def test_the_score_is_that_of_the_kept_predictions(work: Reproduction) -> None:
    for (_, seed, _), outcome in done(work).outcomes.items():
        given = work.split(seed).test.by_user.values
        assert outcome.test_rmse == pytest.approx(rmse(outcome.predicted, given), abs=1e-6)
        assert outcome.figures["test_mae"] == pytest.approx(mae(outcome.predicted, given), abs=1e-6)


def test_what_was_done_is_found_again_as_it_was(work: Reproduction) -> None:
    done(work)
    second = again(work)
    assert trained(second) == []
    assert table_of(second) == table_of(work)


def test_broken_off_it_goes_on_with_what_is_missing(work: Reproduction) -> None:
    for step in work:
        if step.outcome is not None and step.done == 3:
            break
    assert trained(again(work)) == [("users", 1, 0)]


def test_other_hyperparameters_are_trained_anew(work: Reproduction, variants: tuple[Variant, ...]) -> None:
    done(work)
    other = replace(variants[0], hyperparameters=variants[0].hyperparameters.with_changes(epochs=2))
    assert trained(again(work, variants=(other, variants[1]))) == [("items", 0, 0), ("items", 1, 0)]


def test_other_ratings_are_trained_anew(work: Reproduction) -> None:
    done(work)
    ratings = work.ratings
    values = ratings.by_user.values.copy()
    values[0] = 6 - values[0]
    changed = replace(ratings, by_user=replace(ratings.by_user, values=values))
    assert len(trained(again(work, ratings=changed))) == 4


def test_another_way_to_split_is_trained_anew(work: Reproduction) -> None:
    done(work)
    assert len(trained(again(work, protocol=replace(TWO_SEEDS, test_fraction=0.2)))) == 4


def test_other_source_code_is_trained_anew(work: Reproduction, monkeypatch: pytest.MonkeyPatch) -> None:
    done(work)
    monkeypatch.setattr(reproduce, "source_fingerprint", lambda: "changed")
    assert len(trained(again(work))) == 4


def test_every_module_that_makes_the_figures_is_watched() -> None:
    folder = Path(reproduce.__file__).parent
    reached, waiting = set(), ["training", "report"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            source = (folder / f"{name}.py").read_text()
            waiting += re.findall(r"^from autorec_core\.(\w+) import", source, re.MULTILINE)
            for line in re.findall(r"^from autorec_core import (.+)$", source, re.MULTILINE):
                waiting += line.split(", ")
    carry = {"errors", "events", "mapped", "storage", "settings", "titles", "spreadsheets"}  # and make no figures
    assert reached - carry == set(reproduce._MADE_BY)


@pytest.mark.parametrize("ending", ["json", "npy"])
def test_half_a_result_is_not_believed(work: Reproduction, ending: str) -> None:
    done(work)
    path = next((work.folder / "results").glob(f"items-seed-1-*.{ending}"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert trained(again(work)) == [("items", 1, 0)]


def test_an_own_test_set_is_scored_whole_and_seeds_draw_the_validation(work: Reproduction) -> None:
    in_test = np.arange(work.ratings.num_ratings) % 7 == 0
    own = again(work, ratings=work.ratings.select(~in_test), test=work.ratings.select(in_test))
    done(own)
    assert {outcome.figures["num_test"] for outcome in own.outcomes.values()} == {int(in_test.sum())}
    first, second = (own.split(seed).valid.by_user.indices for seed in (0, 1))
    assert first.tolist() != second.tolist()


def test_users_and_movies_without_a_training_rating_are_counted(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    pairs = [(u, i) for u in range(12) for i in range(10)]
    users, items = zip(*pairs, strict=True)
    train = Ratings.from_triples(users, items, [1 + (u * i) % 5 for u, i in pairs], name="train")
    test = Ratings.from_triples([90, 91, 0, 90], [0, 1, 70, 71], [3, 4, 2, 5], name="test", scale=train.scale)
    work = done(Reproduction(train, variants[:1], Protocol(seeds=(0,)), tmp_path, test))
    figures = work.outcomes["items", 0, 0].figures
    assert figures["num_test_fallback"] == 4
    assert figures["num_test_unseen_users"] == 3
    assert figures["num_test_unseen_items"] == 2
    assert "4 test ratings, 4.0 of them by the fallback" in markdown_of(table_of(work))


def test_what_is_known_is_scored_apart_from_the_fallback(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    pairs = [(u, i) for u in range(12) for i in range(10) if (u + i) % 4]
    users, items = zip(*pairs, strict=True)
    train = Ratings.from_triples(users, items, [1 + (u * i) % 5 for u, i in pairs], name="train")
    test = Ratings.from_triples([0, 90, 4], [0, 0, 0], [5, 1, 2], name="test", scale=train.scale)
    work = done(Reproduction(train, variants[:1], Protocol(seeds=(0,)), tmp_path, test))
    outcome = work.outcomes["items", 0, 0]
    known = outcome.predicted[[0, 1]]  # users 0 and 4; user 90 comes last
    assert outcome.figures["known"]["test_rmse"] == pytest.approx(rmse(known, np.array([5.0, 2.0])), abs=1e-6)
    assert f"Without those by the fallback: test RMSE items {outcome.figures['known']['test_rmse']:.4f}" in (
        markdown_of(table_of(work))
    )


def test_a_split_by_time_is_the_same_for_each_seed(low_rank: tuple[Ratings, np.ndarray], work: Reproduction) -> None:
    timed = replace(low_rank[0], timestamps=np.arange(low_rank[0].num_ratings, dtype=np.int64)[::-1])
    by_time = again(work, ratings=timed, protocol=replace(TWO_SEEDS, by_time=True))
    first, second = (by_time.split(seed).test.by_user.indices for seed in (0, 1))
    assert first.tolist() == second.tolist()
    assert any("newest 10%" in note for note in table_of(done(by_time))["notes"])


def test_progress_goes_up_to_all_and_nothing_is_left_to_do(work: Reproduction) -> None:
    steps = list(work)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert {step.trainings for step in steps} == {4}
    assert (steps[-1].done, steps[-1].share, steps[-1].remaining) == (4, 1.0, 0.0)
    shares = [step.share for step in steps if (step.variant.name, step.seed) == ("items", 0)]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_what_is_left_is_told_from_what_others_of_the_name_took() -> None:
    paces = reproduce._Paces(["a", "b", "a", "b"])
    assert paces.remaining() is None
    paces.went_on(0, 0.5, 2.0)
    assert paces.remaining() == 4 * 4.0 - 2.0
    paces.ended(0, 4.0)
    paces.ended(1, 10.0)
    assert paces.remaining() == 14.0
    paces.ended(2, 6.0)
    assert paces.remaining() == 10.0
    paces.ended(3, 10.0)
    assert paces.remaining() == 0.0


def test_an_ensemble_is_the_average_of_the_clipped_predictions(work: Reproduction) -> None:
    done(work)
    ((title, members),) = work.ensembles().items()
    assert title.startswith("ensemble of two")
    scores = work.ensemble_scores(members)
    assert [score["seed"] for score in scores] == [0, 1]
    parts = [work.outcomes[name, 1, 0].predicted for name in ("items", "users")]
    given = work.split(1).test.by_user.values
    assert scores[1]["test_rmse"] == pytest.approx(rmse((parts[0] + parts[1]) / 2, given), abs=1e-6)


def test_networks_differ_in_their_first_weights_and_share_the_split(work: Reproduction) -> None:
    several = done(again(work, variants=work.variants[:1], protocol=Protocol(seeds=(0,), networks=2)))
    first, second = (several.outcomes["items", 0, network] for network in (0, 1))
    assert len(first.predicted) == len(second.predicted)
    assert np.abs(first.predicted - second.predicted).max() > 0
    ((title, members),) = several.ensembles().items()
    assert title.startswith("ensemble of 2 networks")
    assert len(members) == 2
    rows = table_of(several)["rows"]
    assert [row["test_rmse"]["count"] for row in rows if row["kind"] == "model"] == [1]


def test_a_training_that_diverged_has_no_score_and_is_counted(work: Reproduction) -> None:
    wild = work.variants[0].hyperparameters.with_changes(learning_rate=10.0, initial_scale=1.0, optimizer="lbfgs")
    diverging = again(work, variants=(replace(work.variants[0], hyperparameters=wild), work.variants[1]))
    done(diverging)
    outcome = diverging.outcomes["items", 0, 0]
    if outcome.test_rmse is not None:
        diverging.outcomes["items", 0, 0] = replace(outcome, figures=outcome.figures | {"test_rmse": None})
    row = table_of(diverging)["rows"][0]
    assert row["without_a_model"] >= 1
    assert "diverged" in markdown_of(table_of(diverging))
    assert all(score["seed"] != 0 for score in diverging.ensemble_scores(next(iter(diverging.ensembles().values()))))


def test_the_table_has_means_with_intervals_and_the_same_in_both_files(work: Reproduction) -> None:
    table = save(done(work))
    assert json.loads((work.folder / "table.json").read_text()) == json.loads(json.dumps(table))
    text = (work.folder / "table.md").read_text()
    row = table["rows"][0]
    scores = [work.outcomes["items", seed, 0].test_rmse for seed in (0, 1)]
    assert row["test_rmse"]["mean"] == pytest.approx(np.mean(scores))
    assert row["test_rmse"]["half_width"] == pytest.approx(12.7062 * np.std(scores, ddof=1) / np.sqrt(2), rel=1e-4)
    assert f"{row['test_rmse']['mean']:.4f}" in text
    assert [line["kind"] for line in table["rows"]] == ["model"] * 2 + ["ensemble"] + ["baseline"] * 3


def test_an_unfinished_table_says_so(work: Reproduction) -> None:
    for step in work:
        if step.outcome is not None:
            break
    assert any("3 trainings are still to be done" in note for note in table_of(work)["notes"])


def test_a_set_of_the_published_size_gets_the_published_numbers_beside_it(work: Reproduction) -> None:
    done(work)
    work.ratings = replace(work.ratings, name="ml-1m")
    rows = table_of(work)["rows"]
    assert [row["published"] for row in rows if row["kind"] == "model"] == [0.831, 0.874]
    others = {row["title"]: row["published"] for row in rows if row["kind"] == "published"}
    assert others["I-RBM"] == 0.854
    assert "I-AutoRec" not in others  # it stands beside ours
    assert f"{rows[0]['test_rmse']['mean'] - 0.831:+.4f}" in markdown_of(table_of(work))


def test_a_split_by_time_is_not_held_against_random_ones(work: Reproduction) -> None:
    work.ratings = replace(work.ratings, name="ml-1m", timestamps=np.arange(work.ratings.num_ratings))
    work.protocol = replace(TWO_SEEDS, by_time=True)
    rows = table_of(done(work))["rows"]
    assert {row["published"] for row in rows if row["kind"] == "model"} == {None}
    assert not [row for row in rows if row["kind"] == "published"]


def test_a_known_set_is_recognised_by_its_size(toy: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert known_dataset(toy) is None
    known = replace(DATASETS["ml-1m"], num_ratings=15, num_users=6, num_items=5)
    monkeypatch.setitem(DATASETS, "ml-1m", known)
    assert known_dataset(toy) == "ml-1m"


def test_a_variant_takes_the_hyperparameters_for_the_number_of_ratings() -> None:
    small, large = (variants_of(["items"], number)[0] for number in (100_000, 1_000_000))
    assert small.hyperparameters == hyperparameters.preset("balanced")
    assert large.hyperparameters == hyperparameters.preset("large")
    assert variants_of(["users"], 100_000)[0].hyperparameters == hyperparameters.preset("users")
    assert variants_of(["users"], 700)[0].hyperparameters == hyperparameters_for(700, "users")


def test_activations_are_the_four_of_the_paper_beside_their_numbers() -> None:
    four = variants_of(["activations"], 100)
    assert tuple(variant.name for variant in four) == PAPERS_ACTIVATIONS
    found = [published.find("ml-1m", variant.published_as) for variant in four]
    assert [one.rmse for one in found if one is not None] == [0.872, 0.852, 0.831, 0.836]
    assert four[1].hyperparameters.encoder_activation == "identity"
    assert four[1].hyperparameters.decoder_activation == "sigmoid"
    assert [[stage.name for stage in variant.stages] for variant in four] == [["regularization"]] * 4


def test_based_on_turns_a_variant_round() -> None:
    (variant,) = variants_of(["paper"], 100, "users")
    assert variant.name == "paper-by-users"
    assert variant.hyperparameters == hyperparameters.preset("paper").with_changes(based_on="users")
    assert variant.published_as == "U-AutoRec"


def test_an_unknown_variant_is_named() -> None:
    with pytest.raises(InvalidHyperparameterError, match=r"variants must be of items, users, .*, got 'fast'"):
        variants_of(["fast"], 100)


@pytest.mark.parametrize("asked", [{"seeds": ()}, {"networks": 0}])
def test_a_protocol_that_trains_nothing_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(InvalidHyperparameterError, match="must be"):
        Protocol(**asked)  # type: ignore[arg-type]


def test_a_report_is_made_kept_and_averaged(work: Reproduction) -> None:
    plain = done(again(work, variants=work.variants[:1]))
    reported = again(plain, with_report=True)
    assert len(trained(reported)) == 2  # what was kept has none
    assert trained(again(reported)) == []
    reports = [reported.outcomes["items", seed, 0].figures["report"] for seed in (0, 1)]
    assert set(reports[0]) >= {"by_user_activity", "ranking", "fold_in", "intervals"}
    row = table_of(reported)["rows"][0]
    assert row["report"]["ranking"]["autorec"]["ndcg"] == pytest.approx(
        np.mean([one["ranking"]["autorec"]["ndcg"] for one in reports])
    )
    assert row["test_rmse"] == table_of(plain)["rows"][0]["test_rmse"]
    assert "lists of all unrated" in markdown_of(table_of(reported))
    json.dumps(save(reported), allow_nan=False)


def test_an_average_leaves_out_what_is_nowhere_measured() -> None:
    assert average_of([{"a": 1, "b": None}, {"a": 3, "b": float("nan")}]) == {"a": 2.0, "b": None}
    assert average_of([]) is None


def test_the_notes_say_what_stands_in_for_the_unknown_as_the_models_do_it(work: Reproduction) -> None:
    def told(*leans: bool) -> str:
        pairs = zip(work.variants, leans, strict=True)
        variants = [
            replace(one, hyperparameters=one.hyperparameters.with_changes(lean_on_averages=b)) for one, b in pairs
        ]
        (note,) = (one for one in table_of(again(work, variants=variants))["notes"] if "no training rating" in one)
        return str(note)

    assert "damped means" in told(False, False)
    assert "prior" not in told(False, False)
    assert "its prior expects" in told(True, True)
    assert "damped means" not in told(True, True)
    assert "damped means" in told(True, False)
    assert "leans on averages" in told(True, False)
