"""The benchmarks whose tables people will quote: they compare what they say, and choose on validation alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autorec_core import baselines as averages
from autorec_core import hyperparameters
from autorec_core.metrics import rmse
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.reproduce import Protocol, Reproduction, Variant
from autorec_core.splits import Split, random_split
from benchmarks import ablation, baselines

pytestmark = pytest.mark.usefixtures("one_thread")


def differences(variant: Variant, whole: hyperparameters.Hyperparameters) -> set[str]:
    values, others = whole.to_json(), variant.hyperparameters.to_json()
    return {name for name in values if values[name] != others[name]}


class TestAblation:
    def test_each_part_is_turned_off_alone(self) -> None:
        whole = hyperparameters.preset("balanced")
        first, *others = ablation.variants_of("balanced")
        assert first.hyperparameters == whole
        alone = [differences(variant, whole) for variant in others]
        assert all(alone)
        for name in ("centering", "input_presence", "input_scaling", "input_dropout", "code_dropout", "refit"):
            assert {name} in alone
        assert {"schedule"} in alone
        assert len({variant.hyperparameters for variant in others}) == len(others)

    def test_what_a_preset_does_not_have_is_not_turned_off(self) -> None:
        titles = [variant.title for variant in ablation.variants_of("paper")]
        assert "centering off" not in titles
        assert "refit off" in titles

    def test_validation_alone_leaves_refits_and_what_differs_in_them_out(
        self, low_rank: tuple[Ratings, np.ndarray], tmp_path: Path
    ) -> None:
        variants = ablation.variants_of("balanced")
        alone = ablation.without_refit(variants)
        assert [v.title for v in alone] == [v.title for v in variants if v.title != "refit off"]
        assert not any(variant.hyperparameters.refit for variant in alone)
        few = tuple(
            replace(variant, hyperparameters=variant.hyperparameters.with_changes(hidden_units=4, epochs=3))
            for variant in alone[:3]
        )
        work = Reproduction(low_rank[0], few, Protocol(seeds=(0, 1)), tmp_path)
        list(work)
        text = ablation.markdown_of(work, "balanced", validation_alone=True)
        assert "| | validation RMSE | loss ± | best epoch |\n|---|---|---|---|\n| the preset |" in text
        assert "test" not in text
        losses = [row["valid_loss"].mean for row in ablation.rows_of(work, "valid_loss")[1:]]
        assert losses == sorted(losses, reverse=True)

    def test_the_loss_is_paired_by_seed_and_the_worst_row_is_first(
        self, low_rank: tuple[Ratings, np.ndarray], tmp_path: Path
    ) -> None:
        small = {"hidden_units": 4, "epochs": 4}
        variants = tuple(
            replace(variant, hyperparameters=variant.hyperparameters.with_changes(**small))
            for variant in ablation.variants_of("balanced")[:4]
        )
        work = Reproduction(low_rank[0], variants, Protocol(seeds=(0, 1)), tmp_path)
        list(work)
        rows = ablation.rows_of(work)
        assert rows[0]["title"] == "the preset"
        losses = [row["loss"].mean for row in rows[1:]]
        assert losses == sorted(losses, reverse=True)
        row = next(row for row in rows if row["title"] == "centering off")
        each = [
            work.outcomes["balanced-1", seed, 0].figures["test_rmse"]
            - work.outcomes["balanced-0", seed, 0].figures["test_rmse"]
            for seed in (0, 1)
        ]
        assert row["loss"].mean == pytest.approx(np.mean(each))
        assert row["loss"].deviation == pytest.approx(np.std(each, ddof=1))
        assert f"| centering off | {row['validation'].mean:.4f} |" in ablation.markdown_of(work, "balanced")


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=3)


class TestBaselines:
    def test_what_is_not_for_testing_is_train_and_validation(
        self, low_rank: tuple[Ratings, np.ndarray], split: Split
    ) -> None:
        whole = baselines.without(low_rank[0], split.test)
        assert whole.num_ratings == split.train.num_ratings + split.valid.num_ratings
        pairs = set(zip(whole.by_user.rows.tolist(), whole.by_user.indices.tolist(), strict=True))
        assert not pairs & set(zip(split.test.by_user.rows.tolist(), split.test.by_user.indices.tolist(), strict=True))

    def test_validation_chooses_and_the_chosen_learns_from_both(
        self, low_rank: tuple[Ratings, np.ndarray], split: Split
    ) -> None:
        learnt = []

        def fit(train: Ratings, off: float) -> baselines.Pairs:
            learnt.append((train, off))
            bias = averages.fit_all(train)["user_item_bias"]
            return lambda users, items: bias.predict_pairs(users, items) + off

        whole = baselines.without(low_rank[0], split.test)
        result = baselines.rating_result(baselines.Model("m", "here", {"off": (1.0, 0.0, -1.0)}, fit), split, whole)
        assert result["chosen"] == {"off": 0.0}
        assert [(train is split.train, off) for train, off in learnt[:3]] == [(True, 1.0), (True, 0.0), (True, -1.0)]
        assert (learnt[3][0] is whole, learnt[3][1]) == (True, 0.0)
        expected = averages.rmse_of_all(averages.fit_all(whole), split.test)["user_item_bias"]
        assert result["rmse"] == pytest.approx(expected)

    def test_who_has_no_training_rating_gets_the_damped_means(self, split: Split) -> None:
        nobody = split.train.by_user.rows == split.test.by_user.rows[0]
        train = split.train.select(~nobody)
        asked = []

        def predict(users: np.ndarray, items: np.ndarray) -> np.ndarray:
            asked.extend(users.tolist())
            return np.full(len(users), np.nan)

        predicted = baselines.scored(train, predict, split.test)
        assert split.test.by_user.rows[0] not in asked
        expected = averages.rmse_of_all(averages.fit_all(train), split.test)["user_item_bias"]
        assert rmse(predicted, split.test.by_user.values) == pytest.approx(expected)

    def test_alternating_least_squares_finds_a_planted_rank(self, split: Split) -> None:
        predicted = baselines.scored(split.train, baselines.als(split.train, 2, 0.05), split.test)
        bias = averages.rmse_of_all(averages.fit_all(split.train), split.test)["user_item_bias"]
        assert rmse(predicted, split.test.by_user.values) < 0.7 * bias
        plain = baselines.scored(split.train, baselines.als(split.train, 2, 1e6), split.test)
        assert rmse(plain, split.test.by_user.values) == pytest.approx(bias, abs=1e-3)

    def test_ease_over_users_scores_as_over_items(self) -> None:
        generator = np.random.default_rng(0)
        users, items = np.nonzero(generator.random((20, 35)) < 0.3)
        train = Ratings.from_triples(users, items, np.full(len(users), 3.0), name="wide", scale=RatingScale(1, 5, 1))
        assert train.num_users < train.num_items
        rated = np.zeros((train.num_users, train.num_items))
        rated[train.by_user.rows, train.by_user.indices] = 1.0
        inverse = np.linalg.inv(rated.T @ rated + 3.0 * np.eye(train.num_items))
        weights = inverse / -np.diagonal(inverse)
        np.fill_diagonal(weights, 0.0)
        everybody = np.arange(train.num_users)
        np.testing.assert_allclose(baselines.ease(train, 3.0)(everybody), rated @ weights, atol=1e-5)

    def test_ease_never_recommends_an_item_for_itself_and_finds_what_goes_together(self) -> None:
        users, items = zip(*[(u, i) for u in range(40) for i in range(6) if i // 3 == u % 2], strict=True)
        train = Ratings.from_triples(users, items, [4.0] * len(users), name="two camps")
        keep = ~((train.by_user.rows == 0) & (train.by_user.indices == 0))
        scores = baselines.ease(train.select(keep), 1.0)(np.array([0]))[0]
        assert scores[0] > 0.5  # the one that is missing of their camp
        assert np.abs(scores[3:]).max() < 0.1

    def test_lists_are_chosen_on_validation(self, low_rank: tuple[Ratings, np.ndarray], split: Split) -> None:
        liked = np.zeros((split.train.num_users, split.train.num_items))
        valid = split.valid.by_user
        liked[valid.rows, valid.indices] = valid.values >= 4
        model = baselines.Model(
            "m", "here", {"sign": (-1.0, 1.0)}, lambda train, sign: lambda users: sign * liked[users]
        )
        result = baselines.list_result(model, split, baselines.without(low_rank[0], split.test))
        assert result["chosen"] == {"sign": 1.0}
        assert result["valid"] == pytest.approx(1.0)

    def test_a_result_is_kept_until_what_it_depends_on_changes(self, tmp_path: Path) -> None:
        made = []

        def make() -> dict[str, float]:
            made.append(1)
            return {"rmse": float(len(made))}

        first = baselines.kept(tmp_path, ["a", 1], make)
        assert baselines.kept(tmp_path, ["a", 1], make) == first == {"rmse": 1.0}
        assert baselines.kept(tmp_path, ["a", 2], make) == {"rmse": 2.0}

    def test_the_tables_are_sorted_and_name_what_was_chosen(self, toy: Ratings) -> None:
        results = {
            "worse": [{"rmse": 0.95}, {"rmse": 0.97}],
            "better": [{"rmse": 0.9, "mae": 0.7, "chosen": {"k": 20}}, {"rmse": 0.92, "mae": 0.7, "chosen": {"k": 40}}],
            "lists": [{"ndcg": 0.1, "recall": 0.2, "coverage": 0.3, "novelty": 4.0}],
        }
        text = baselines.markdown_of(toy, results, 2)
        assert text.index("| better | 0.9100 |") < text.index("| worse | 0.9600 |") < text.index("| lists | 0.1000 |")
        assert "k 20 or 40" in text
