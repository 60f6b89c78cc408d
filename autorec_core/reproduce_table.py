"""The table of a reproduction: what was measured, with its interval, beside what was published."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from autorec_core import __version__, published, report, storage
from autorec_core.confidence import LEVEL, Mean
from autorec_core.published import PAPERS_ACTIVATIONS
from autorec_core.reproduce import Outcome, Reproduction, Variant, known_dataset, source_fingerprint

KINDS = ("model", "ensemble", "baseline", "published")
"""What a row can be, in the order of the table."""


def table_of(work: Reproduction) -> dict[str, Any]:
    """All that was measured so far, as plain values.

    Args:
        work: done, or broken off: a row has the seeds that are there.

    Returns:
        `ratings`, `protocol`, `notes` and `rows`. A row has `kind`, `title`, `test_rmse` (mean, half_width, deviation,
        count) and, where there are such, `published`, `published_source`, `valid_rmse`, `test_mae` and counts.
    """
    ratings, protocol = work.ratings, work.protocol
    dataset = known_dataset(ratings, work.test)
    rows = [_row_of(work, variant, dataset) for variant in work.variants]
    for title, members in work.ensembles().items():
        scores = work.ensemble_scores(members)
        rows.append(
            {
                "kind": "ensemble",
                "title": title,
                "members": [f"{variant.name}, network {network}" for variant, network in members],
                "test_rmse": _mean([score["test_rmse"] for score in scores]),
                "test_mae": _mean([score["test_mae"] for score in scores]),
                "by_seed": scores,
            }
        )
    rows += _baseline_rows(work)
    held_against = {row.get("published_as") for row in rows}
    rows += [
        {
            "kind": "published",
            "title": one.model,
            "published": one.rmse,
            "published_source": one.source,
            "note": one.note,
        }
        for one in published.PUBLISHED.get(dataset or "", ())
        if one.model not in held_against and not protocol.by_time
    ]
    return {
        "ratings": {
            "name": ratings.name,
            "taken_for": dataset,
            "num_ratings": ratings.num_ratings,
            "num_users": ratings.num_users,
            "num_items": ratings.num_items,
            "scale": [ratings.scale.low, ratings.scale.high],
            "fingerprint": ratings.fingerprint,
            "test_file": None if work.test is None else work.test.name,
        },
        "protocol": asdict(protocol) | {"level": LEVEL},
        "version": __version__,
        "source": source_fingerprint(),
        "notes": _notes(work),
        "rows": rows,
    }


def _row_of(work: Reproduction, variant: Variant, dataset: str | None) -> dict[str, Any]:
    outcomes = _outcomes(work, variant)
    scored = [one.figures for one in outcomes if one.test_rmse is not None]
    beside = None if work.protocol.by_time else published.find(dataset, variant.published_as)
    return {
        "kind": "model",
        "title": variant.title,
        "variant": variant.name,
        "test_rmse": _mean([figures["test_rmse"] for figures in scored]),
        "test_mae": _mean([figures["test_mae"] for figures in scored]),
        "valid_rmse": _mean([figures["valid_rmse"] for figures in scored]),
        "published": None if beside is None else beside.rmse,
        "published_source": None if beside is None else beside.source,
        "published_as": None if beside is None else beside.model,
        "without_a_model": len(outcomes) - len(scored),
        "test_ratings": _average(scored, "num_test"),
        "by_the_fallback": _average(scored, "num_test_fallback"),
        "of_unseen_users": _average(scored, "num_test_unseen_users"),
        "of_unseen_items": _average(scored, "num_test_unseen_items"),
        "of_known": average_of([figures["known"] for figures in scored if "known" in figures]),
        "seconds": _average(scored, "seconds_in_all"),
        "hyperparameters": variant.hyperparameters.to_json(),
        "report": average_of([figures["report"] for figures in scored if "report" in figures]),
        "by_seed": [
            {name: figures[name] for name in ("seed", "valid_rmse", "test_rmse", "test_mae", "best_epoch", "ended")}
            for figures in (one.figures for one in outcomes)
        ],
    }


def _baseline_rows(work: Reproduction) -> list[dict[str, Any]]:
    """Of the first variant's trainings, so that they are fitted to the ratings that a model was fitted to."""
    outcomes = [one.figures for one in _outcomes(work, work.variants[0]) if one.test_rmse is not None]
    names = outcomes[0]["baselines"] if outcomes else ()
    return [
        {
            "kind": "baseline",
            "title": name.replace("_", " "),
            "test_rmse": _mean([figures["baselines"][name] for figures in outcomes]),
        }
        for name in names
    ]


def _outcomes(work: Reproduction, variant: Variant) -> list[Outcome]:
    """Of the first network of each split."""
    found = (work.outcomes.get((variant.name, seed, 0)) for seed in work.protocol.seeds)
    return [one for one in found if one is not None]


def _mean(measured: Sequence[float]) -> dict[str, float | None] | None:
    return asdict(Mean.of(measured)) if measured else None


def _average(figures: Sequence[dict[str, Any]], name: str) -> float | None:
    known = [one[name] for one in figures if one.get(name) is not None]
    return statistics.fmean(known) if known else None


def average_of(reports: Sequence[Any]) -> Any:
    """The mean of reports of the same shape, number by number; None where a number is nowhere."""
    if not reports:
        return None
    if isinstance(reports[0], dict):
        return {name: average_of([one[name] for one in reports if name in one]) for name in reports[0]}
    known = [one for one in reports if one is not None and math.isfinite(one)]
    return statistics.fmean(known) if known else None


def _fallback(work: Reproduction) -> str:
    """What stands in for a model where a user or movie has no training rating."""
    damped = "damped means: the movie's and the user's deviation, each 0 where nothing is known"
    leaning = "the averages that the network leans on: a movie without ratings is what its prior expects of it"
    leans = {variant.hyperparameters.lean_on_averages for variant in work.variants}
    if leans == {True, False}:
        return f"{damped}; by a model that leans on averages, by these: a movie without ratings is what they expect"
    return leaning if True in leans else damped


def _notes(work: Reproduction) -> list[str]:
    protocol, test = work.protocol, work.test
    share = f"{protocol.test_fraction:.0%}"
    kept = f"{protocol.valid_fraction:.0%}"
    if test is not None:
        drawn = f"The test ratings are those of {test.name}; a seed draws {kept} of {work.ratings.name} to validate on"
    elif protocol.by_time:
        drawn = (
            f"The newest {share} of the ratings are for testing, the newest {kept} of the others for validating; a "
            "seed decides the first weights alone, so the intervals do not hold the chance of another split"
        )
    else:
        drawn = f"A seed draws {share} of the ratings to test on and {kept} of the others to validate on"
    notes = [
        f"{drawn}. Seeds {', '.join(map(str, protocol.seeds))}.",
        "Validation chooses the epoch; the test ratings score each model once. Predictions are clipped to the scale.",
        f"± is half of a {LEVEL:.0%} interval of the mean over the seeds (Student's t).",
        f"A rating whose user or movie has no training rating is predicted by {_fallback(work)}. The paper predicts 3 "
        "there.",
    ]
    if any(variant.hyperparameters.refit for variant in work.variants):
        notes.append(
            "Once validation has chosen the epoch, a model is fitted again to train and validation, and so are the "
            "baselines."
        )
    if work.ensembles():
        notes.append("An ensemble is the plain average of the clipped predictions of models of the same split.")
    names = {variant.name.partition("-by-")[0] for variant in work.variants}
    if "paper" in names:
        notes.append(
            "As the paper chose them: regularization, then the length of the code, on the validation ratings of the "
            f"split of seed {protocol.seeds[0]}, for all splits."
        )
    if names & set(PAPERS_ACTIVATIONS):
        notes.append(
            "Each pair of activations has its regularization chosen on the validation ratings of the split of seed "
            f"{protocol.seeds[0]}, for all splits, and the preset's length of the code; the paper chose that, too."
        )
    if "paper-preset" in names:
        notes.append(
            "The preset paper has one regularization and one length of the code; the paper chose both on validation, "
            "for each data set."
        )
    missing = len(protocol.seeds) * len(work.variants) * protocol.networks - len(work.outcomes)
    if missing > 0:
        notes.append(f"Not finished: {missing} trainings are still to be done. The same command goes on.")
    return notes


def markdown_of(table: dict[str, Any]) -> str:
    """The table for people."""
    ratings = table["ratings"]
    low, high = ratings["scale"]
    taken_for = ratings["taken_for"]
    own = f" (the size of {taken_for})" if taken_for not in (None, ratings["name"]) else ""
    if ratings["test_file"] is not None:
        own = " to train and validate on" + (f" ({taken_for})" if taken_for else "")
    lines = [
        f"# {ratings['name']}",
        "",
        f"{ratings['num_ratings']:,} ratings{own}, {ratings['num_users']:,} users, {ratings['num_items']:,} movies, "
        f"{low:g} to {high:g}.",
        "",
        "| | test RMSE | ± | seeds | published | less published | test MAE | validation RMSE | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        lines += [_line(row) for row in table["rows"] if row["kind"] == kind]
    lines += ["", *(f"- {note}" for note in table["notes"]), *_counted(table)]
    lines.append(f"- autorec_core {table['version']}, source {table['source']}, ratings {ratings['fingerprint']}.")
    for row in table["rows"]:
        if row.get("report"):
            lines += ["", f"## {row['title']}", "", "Means over the seeds.", "", "```"]
            lines += [*report.text_of(row["report"]), "```"]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    def number(value: float | None, digits: int = 4, sign: str = "") -> str:
        return "" if value is None else f"{value:{sign}.{digits}f}"

    found = row.get("test_rmse") or {}
    given = row.get("published")
    valid, absolute = row.get("valid_rmse") or {}, row.get("test_mae") or {}
    title = row["title"]
    if row["kind"] == "published":
        title += f" ({row['published_source']}{', ' + row['note'] if row['note'] else ''})"
    if row.get("without_a_model"):
        title += f" ({row['without_a_model']} diverged)"
    mean = found.get("mean")
    cells = [
        title,
        number(mean),
        number(found.get("half_width")),
        str(found.get("count", "")),
        "" if given is None else f"{given:g}",
        "" if given is None or mean is None else number(mean - given, sign="+"),
        number(absolute.get("mean")),
        number(valid.get("mean")),
        number(row.get("seconds"), 1),
    ]
    return f"| {' | '.join(cells)} |"


def _counted(table: dict[str, Any]) -> list[str]:
    """What went by the fallback, said once where all models agree on it, as they do where all have learnt alike."""
    said = []
    for row in table["rows"]:
        if row["kind"] == "model" and row["test_ratings"]:
            text = (
                f"{row['test_ratings']:,.0f} test ratings, {row['by_the_fallback']:,.1f} of them by the fallback: "
                f"{row['of_unseen_users']:,.1f} of users and {row['of_unseen_items']:,.1f} of movies without a "
                "training rating (means over the seeds)."
            )
            said.append((row["variant"], text))
    is_same = len({text for _, text in said}) == 1
    lines = [f"- {said[0][1]}"] if is_same else [f"- {name}: {text}" for name, text in said]
    rows = [row for row in table["rows"] if row["kind"] == "model" and row["of_known"]]
    known = [(row["variant"], row["of_known"]) for row in rows if row["of_known"]["test_rmse"] is not None]
    if known:
        scores = ", ".join(f"{name} {of['test_rmse']:.4f}" for name, of in known)
        averages = f"user and item bias {known[0][1]['user_item_bias']:.4f}"
        lines.append(f"- Without those by the fallback: test RMSE {scores}, {averages}.")
    return lines


def save(work: Reproduction) -> dict[str, Any]:
    """Writes `table.json` and `table.md` into the folder of the work.

    Raises:
        StorageError: the disk does not take them.
    """
    table = table_of(work)
    storage.make_folder(work.folder)
    storage.replace_file(
        work.folder / "table.json", json.dumps(storage.without_nan(table), indent=1, allow_nan=False).encode()
    )
    storage.replace_file(work.folder / "table.md", markdown_of(table).encode())
    return table
