"""How good are others on the same splits? Tuned baselines for ratings and for lists, beside AutoRec, in one table each.

    pip install -r requirements-bench.txt
    python -m benchmarks.baselines [--seeds 5] [--only WORD ...] [--tried NAME=VALUE,VALUE ...] [--into FILE]
           [--keep DIR] [RATINGS ...]

RATINGS are names of data sets, files or folders; without any, the bundled set. For each split every baseline is fitted
to train with each of its hyperparameters, validation chooses, the chosen one is fitted to train and validation, and the
test ratings score it once. Ratings are chosen by RMSE, lists by NDCG@10. A user or movie without a training rating gets
the same damped means from everybody. What is not installed is left out and said so. Each result is kept. `--tried`
tries other values of the hyperparameters of these names than the grids have: fewer where a set is large.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from autorec_core import baselines, datasets, report, storage
from autorec_core.confidence import LEVEL, Mean
from autorec_core.events import TrainingEnded
from autorec_core.metrics import mae, rmse
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings
from autorec_core.recording import use_worthwhile_threads
from autorec_core.reproduce import Variant, source_fingerprint, variants_of
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

try:
    import pandas as pd
    import surprise
except ImportError:
    surprise = None
try:
    import implicit.als
    import implicit.nearest_neighbours
    import scipy.sparse
except ImportError:
    implicit = None

Pairs = Callable[[IntArray, IntArray], FloatArray]
"""(n,) users and (n,) items -> (n,) predicted ratings."""
LISTED = 10
ALS_SWEEPS = 12
"""Times that users and items are solved for."""


@dataclass(frozen=True)
class Model:
    """A baseline and what is tried of it."""

    title: str
    """What the table calls it."""
    library: str
    """The distribution that it is from, or "here"."""
    grid: dict[str, tuple[Any, ...]]
    """Hyperparameter -> what is tried; every combination is."""
    fit: Callable[..., Any]
    """(train, **hyperparameters) -> `Pairs`, or for lists `report.Scores`."""

    def tried(self) -> Iterator[dict[str, Any]]:
        """Every combination of the grid."""
        for values in itertools.product(*self.grid.values()):
            yield dict(zip(self.grid, values, strict=True))


# -- ratings ----------------------------------------------------------------------------------------------------------


def surprise_svd(train: Ratings, **chosen: Any) -> Pairs:
    """Surprise's biased matrix factorisation by stochastic gradient descent."""
    return _asked(surprise.SVD(random_state=0, **chosen).fit(_trainset(train)))


def surprise_knn(train: Ratings, shrinkage: int, k: int) -> Pairs:
    """Surprise's item neighbours on what biases leave over."""
    algorithm = _similar_items(train, shrinkage)
    algorithm.k = k
    return _asked(algorithm)


@lru_cache(maxsize=1)
def _similar_items(train: Ratings, shrinkage: int) -> Any:
    """Made once for every k: the similarities are what takes long."""
    options = {"name": "pearson_baseline", "user_based": False, "shrinkage": shrinkage}
    return surprise.KNNBaseline(sim_options=options, bsl_options={}, verbose=False).fit(_trainset(train))


def als(train: Ratings, factors: int, regularization: float) -> Pairs:
    """Matrix factorisation of what biases leave over, users and items in turn in closed form.

    A row's penalty grows with its number of ratings.

    Source: Zhou et al. 2008 (ALS-WR), on the residuals of the damped user and item bias.
    """
    bias = baselines.fit_all(train)["user_item_bias"]
    sides = [
        (rows, rows.values - bias.predict_pairs(*((r, c) if rows is train.by_user else (c, r))))
        for rows in (train.by_user, train.by_item)
        for r, c in [(rows.rows, rows.indices)]
    ]
    items: FloatArray = np.random.default_rng(0).normal(0.0, 0.1, (train.num_items, factors))
    for _ in range(ALS_SWEEPS):
        users = _solved(*sides[0], items, regularization)
        items = _solved(*sides[1], users, regularization)
    return lambda u, i: bias.predict_pairs(u, i) + np.einsum("nk,nk->n", users[u], items[i])


def _solved(rows: Compressed, left: FloatArray, others: FloatArray, regularization: float) -> FloatArray:
    """(num_rows, factors) the best factors of each row for those of the others; 0 where it has no rating."""
    found = np.zeros((rows.num_rows, others.shape[1]))
    for row in np.flatnonzero(rows.counts):
        begin, end = rows.indptr[row], rows.indptr[row + 1]
        known = others[rows.indices[begin:end]]
        gram = known.T @ known
        gram[np.diag_indices_from(gram)] += regularization * (end - begin)
        found[row] = np.linalg.solve(gram, known.T @ left[begin:end])
    return found


def _trainset(train: Ratings) -> Any:
    by_user = train.by_user
    frame = pd.DataFrame({"user": by_user.rows, "item": by_user.indices, "rating": by_user.values.astype(float)})
    reader = surprise.Reader(rating_scale=(train.scale.low, train.scale.high))
    return surprise.Dataset.load_from_df(frame, reader).build_full_trainset()


def _asked(algorithm: Any) -> Pairs:
    def predict(users: IntArray, items: IntArray) -> FloatArray:
        pairs = zip(users.tolist(), items.tolist(), strict=True)
        return np.array([algorithm.predict(user, item).est for user, item in pairs])

    return predict


def rating_models() -> list[Model]:
    """All that are installed."""
    grid: dict[str, tuple[Any, ...]] = {"factors": (8, 32), "regularization": (0.05, 0.08, 0.12, 0.16)}
    found = [Model("biased MF by alternating least squares", "here", grid, als)]
    if surprise is not None:
        grid = {"n_factors": (20, 100), "reg_all": (0.07, 0.1), "n_epochs": (40, 160)}
        found.append(Model("biased MF by gradient descent", "scikit-surprise", grid, surprise_svd))
        grid = {"shrinkage": (100, 200, 500), "k": (40, 80)}
        found.append(Model("item kNN with biases", "scikit-surprise", grid, surprise_knn))
    return found


def scored(train: Ratings, predict: Pairs, ratings: Ratings) -> FloatArray:
    """Predicted ratings of a part: clipped, with the damped means for whoever has no training rating."""
    users, items = ratings.by_user.rows, ratings.by_user.indices
    bias = baselines.fit_all(train)["user_item_bias"].predict_pairs(users, items)
    is_known = (train.by_user.counts[users] > 0) & (train.by_item.counts[items] > 0)
    predicted = bias.copy()
    predicted[is_known] = predict(users[is_known], items[is_known])
    return ratings.scale.clip(np.where(np.isfinite(predicted), predicted, bias))


def rating_result(model: Model, split: Split, train_and_valid: Ratings) -> dict[str, Any]:
    """Chooses on validation, and scores the chosen once."""
    tried = []
    for chosen in model.tried():
        predicted = scored(split.train, model.fit(split.train, **chosen), split.valid)
        tried.append((rmse(predicted, split.valid.by_user.values), chosen))
    best, chosen = min(tried, key=lambda one: one[0])
    predicted = scored(train_and_valid, model.fit(train_and_valid, **chosen), split.test)
    given = split.test.by_user.values
    return {"chosen": chosen, "valid": best, "rmse": rmse(predicted, given), "mae": mae(predicted, given)}


# -- lists ------------------------------------------------------------------------------------------------------------


def ease(train: Ratings, regularization: float) -> report.Scores:
    """EASE: item weights in closed form, zero on the diagonal.

    Where there are fewer users than items, the inverse over items is not made: by the identity of Woodbury, what is
    asked of it is had from the smaller one over users.

    Source: Steck 2019, equation 8.
    """
    rated = _dense(train)
    if train.num_users < train.num_items:
        return _ease_by_users(rated, regularization)
    gram = rated.T @ rated
    gram[np.diag_indices_from(gram)] += regularization
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diagonal(inverse)
    np.fill_diagonal(weights, 0.0)
    return lambda users: rated[users] @ weights


def _ease_by_users(rated: FloatArray, regularization: float) -> report.Scores:
    """The same scores: with X `rated` and P the inverse over items, X P is the inverse over users times X."""
    gram = (rated @ rated.T).astype(float)
    gram[np.diag_indices_from(gram)] += regularization
    product = np.linalg.solve(gram, rated.astype(float))
    diagonal = (1.0 - np.einsum("ui,ui->i", rated, product)) / regularization
    scores = rated - product / diagonal
    return lambda users: scores[users]


def _dense(train: Ratings) -> FloatArray:
    rated = np.zeros((train.num_users, train.num_items), dtype=np.float32)
    rated[train.by_user.rows, train.by_user.indices] = 1.0
    return rated


def _sparse(train: Ratings) -> Any:
    by_user = train.by_user
    ones = np.ones(len(by_user.values), dtype=np.float32)
    places = (by_user.indices.copy(), by_user.indptr.copy())  # implicit does not take arrays that are read-only
    return scipy.sparse.csr_matrix((ones, *places), shape=(train.num_users, train.num_items))


def implicit_als(train: Ratings, **chosen: Any) -> report.Scores:
    """implicit's alternating least squares on who rated what."""
    model = implicit.als.AlternatingLeastSquares(iterations=15, random_state=0, **chosen)
    model.fit(_sparse(train), show_progress=False)
    return lambda users: model.user_factors[users] @ model.item_factors.T


def implicit_knn(train: Ratings, **chosen: Any) -> report.Scores:
    """implicit's item neighbours by cosine."""
    rated = _sparse(train)
    model = implicit.nearest_neighbours.CosineRecommender(num_threads=1, **chosen)
    model.fit(rated, show_progress=False)
    return lambda users: (rated[users] @ model.similarity).toarray()


def list_models() -> list[Model]:
    """All that are installed."""
    found = [Model("EASE", "here", {"regularization": (100.0, 300.0, 1000.0)}, ease)]
    if implicit is not None:
        grid = {"factors": (32, 64), "regularization": (10.0, 30.0, 100.0), "alpha": (2.0, 5.0, 10.0)}
        found.append(Model("implicit ALS", "implicit", grid, implicit_als))
        found.append(Model("item kNN by cosine", "implicit", {"K": (50, 200, 400, 1000)}, implicit_knn))
    return found


def lists_of(scores: report.Scores, split: Split) -> dict[str, float]:
    """NDCG, recall, coverage and novelty on the test ratings of a split."""
    found: dict[str, float] = report.rank_all({"model": scores}, split, listed=LISTED)["model"]
    return found


def list_result(model: Model, split: Split, train_and_valid: Ratings) -> dict[str, Any]:
    """Chooses on validation, and scores the chosen once."""
    nothing = split.valid.select(np.zeros(split.valid.num_ratings, dtype=bool))
    choosing = Split(split.train, nothing, split.valid, None, split.seed)
    tried = [(lists_of(model.fit(split.train, **chosen), choosing)["ndcg"], chosen) for chosen in model.tried()]
    best, chosen = max(tried, key=lambda one: one[0])
    return {"chosen": chosen, "valid": best, **lists_of(model.fit(train_and_valid, **chosen), split)}


def averages_result(split: Split, train_and_valid: Ratings) -> dict[str, Any]:
    """Lists by popularity and by damped means, which nothing is chosen for."""
    means = baselines.fit_all(train_and_valid)["item_mean"].item_biases
    counts, number = train_and_valid.by_item.counts, train_and_valid.num_items
    return {
        "popularity": lists_of(lambda users: np.broadcast_to(counts, (len(users), number)), split),
        "item mean, damped": lists_of(lambda users: np.broadcast_to(means, (len(users), number)), split),
    }


# -- AutoRec ----------------------------------------------------------------------------------------------------------


def autorec_result(variant: Variant, split: Split) -> dict[str, Any]:
    """AutoRec with a preset: validation chooses the epoch alone."""
    trainer = Trainer(split, variant.hyperparameters, seed=split.seed)
    use_worthwhile_threads(trainer)
    *_, ended = trainer
    if not isinstance(ended, TrainingEnded) or ended.test_rmse is None:
        raise RuntimeError("the training gave no model")
    model = trainer.trained_model()
    found = lists_of(lambda users: report.scores_of(model, users), split)
    averages = {name.replace("_", " "): value for name, value in ended.baselines.items()}
    return {"rmse": ended.test_rmse, "mae": ended.test_mae, "valid": ended.valid_rmse, "averages": averages, **found}


# -- all of it --------------------------------------------------------------------------------------------------------


def without(ratings: Ratings, test: Ratings) -> Ratings:
    """All ratings but those for testing, over the same users and items."""
    keys = ratings.by_user.rows.astype(np.int64) * ratings.num_items + ratings.by_user.indices
    hidden = test.by_user.rows.astype(np.int64) * ratings.num_items + test.by_user.indices
    return ratings.select(~np.isin(keys, hidden))


def kept(folder: Path, depends_on: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was made before of the same, else what is made now."""
    text = json.dumps([depends_on, source_fingerprint()], sort_keys=True, default=str)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = make()
        storage.make_folder(folder)
        storage.replace_file(path, json.dumps(storage.without_nan(found)).encode())
    return found


def _version(library: str) -> str:
    return "" if library == "here" else metadata.version(library)


def with_tried(model: Model, tried: dict[str, tuple[Any, ...]]) -> Model:
    """The model with other values to try of those hyperparameters that it has."""
    return replace(model, grid={name: tried.get(name, values) for name, values in model.grid.items()})


def _tried(text: str) -> tuple[str, tuple[Any, ...]]:
    name, _, values = text.partition("=")
    return name, tuple(json.loads(f"[{values}]"))


def measure(
    ratings: Ratings,
    seeds: int,
    keep: Path,
    only: Sequence[str] = (),
    tried: dict[str, tuple[Any, ...]] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Results of every seed by title."""
    results: dict[str, list[dict[str, Any]]] = {}

    def wanted(title: str) -> bool:
        return not only or any(word.lower() in title.lower() for word in only)

    def add(title: str, seed: int, depends_on: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        began = time.perf_counter()
        found = kept(keep, [title, ratings.fingerprint, seed, depends_on], make)
        print(f"{ratings.name}, seed {seed}, {title}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        return found

    for seed in range(seeds):
        split = random_split(ratings, seed=seed)
        whole = without(ratings, split.test)
        for variant in variants_of(["items", "users"], ratings.num_ratings):
            if wanted(variant.title):
                make = partial(autorec_result, variant, split)
                found = add(variant.title, seed, variant.hyperparameters.to_json(), make)
                averages = found.pop("averages")
                results.setdefault(variant.title, []).append(found)
                if variant.name == "items":
                    for title, value in averages.items():
                        results.setdefault(title, []).append({"rmse": value})
        for title, found in add("averages", seed, "", partial(averages_result, split, whole)).items():
            results.setdefault(title, []).append(found)
        for models, choose in ((rating_models(), rating_result), (list_models(), list_result)):
            for model in (with_tried(one, tried or {}) for one in models if wanted(one.title)):
                depends_on = [model.grid, _version(model.library)]
                # One thread: these libraries have threads of their own, and two pools of them wait for each other.
                with threadpoolctl.threadpool_limits(1 if model.library == "implicit" else None):
                    found = add(model.title, seed, depends_on, partial(choose, model, split, whole))
                title = model.title + (
                    f" ({model.library} {_version(model.library)})" if _version(model.library) else ""
                )
                results.setdefault(title, []).append(found)
    return results


def markdown_of(ratings: Ratings, results: dict[str, list[dict[str, Any]]], seeds: int) -> str:
    """Two tables: ratings, best first, and lists, best first."""
    lines = [f"## {ratings.name}", "", f"{ratings.num_ratings:,} ratings, {seeds} seeds."]
    for head, key, best_first in (
        ("| ratings | test RMSE | ± | test MAE | chosen on validation |\n|---|---|---|---|---|", "rmse", 1),
        ("| lists | NDCG@10 | ± | recall@10 | coverage@10 | novelty@10 | chosen on validation |\n" + "|---" * 7 + "|",
         "ndcg", -1),
    ):  # fmt: skip
        rows = {title: found for title, found in results.items() if key in found[0]}
        lines += ["", head]
        for title, found in sorted(rows.items(), key=lambda row: best_first * _mean(row[1], key).mean):
            mean = _mean(found, key)
            others = {"rmse": (("mae", ".4f"),), "ndcg": (("recall", ".4f"), ("coverage", ".1%"), ("novelty", ".2f"))}
            cells = [title, f"{mean.mean:.4f}", "" if mean.half_width is None else f"{mean.half_width:.4f}"]
            cells += [format(_mean(found, name).mean, form) if name in found[0] else "" for name, form in others[key]]
            is_tuned = "chosen" in found[0]
            lines.append(f"| {' | '.join([*cells, _chosen(found) if is_tuned else ''])} |")
    return "\n".join(lines) + "\n"


def _mean(found: list[dict[str, Any]], key: str) -> Mean:
    return Mean.of([one[key] for one in found if one.get(key) is not None])


def _chosen(found: list[dict[str, Any]]) -> str:
    """What each hyperparameter was, over the seeds."""
    parts = []
    for name in found[0]["chosen"]:
        values = sorted({one["chosen"][name] for one in found})
        parts.append(f"{name} {' or '.join(f'{value:g}' for value in values)}")
    return ", ".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=(), metavar="WORD", help="models with such a word in their title")
    parser.add_argument("--tried", nargs="+", default=(), type=_tried, metavar="NAME=VALUE,VALUE")
    parser.add_argument("--into", metavar="FILE", help="write the tables into a Markdown file, too")
    parser.add_argument("--keep", metavar="DIR", help="where results are kept (default: in AUTOREC_HOME)")
    asked = parser.parse_args(arguments)
    keep = Path(asked.keep) if asked.keep else storage.home() / "baselines"
    for name, module in (("scikit-surprise", surprise), ("implicit", implicit)):
        if module is None:
            print(f"{name} is not installed; its models are left out.", file=sys.stderr)
    tables, called = [], []
    for name in asked.ratings or [datasets.BUNDLED]:
        ratings = datasets.load(name) if name in datasets.DATASETS else read_ratings(name)
        called.append(ratings.name)
        tables.append(
            markdown_of(ratings, measure(ratings, asked.seeds, keep, asked.only, dict(asked.tried)), asked.seeds)
        )
        print(tables[-1])
    if asked.into:
        opening = [
            "# Others on the same splits",
            "",
            *__doc__.split("\n\n")[2].strip().split("\n"),
            f"± is half of a {LEVEL:.0%} interval over the seeds.",
            "",
            f"    python -m benchmarks.baselines --seeds {asked.seeds} {' '.join(called)}",
            "",
            f"Made on {platform.machine()}, {platform.system()}, Python {platform.python_version()}.",
            "",
        ]
        Path(asked.into).write_text("\n".join(opening) + "\n" + "\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
