"""Everything without a browser: `python -m autorec_core datasets | train | recommend | runs`.

With `--json` one JSON object goes to standard output and nothing else; progress goes to standard error. The status is
0, or 2 with one clear line on standard error for what the caller did wrong.

Only the commands that train wait for torch, which comes with `cli_train` and `cli_reproduce`.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from autorec_core import __version__, cli_operate, datasets, hyperparameters, rating_files, report, shelf, storage
from autorec_core.catalogue import display_title
from autorec_core.cli_common import fetching, find_run, print_json, store_of
from autorec_core.errors import AutoRecError, InvalidRatingsError, NotFoundError, StorageError
from autorec_core.published import PAPERS_ACTIVATIONS
from autorec_core.recommender import Recommendation, Recommender
from autorec_core.spreadsheets import from_text
from autorec_core.titles import plain_name

FAULT = 2
"""Status for what the caller did wrong."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and status 2, without the usage in front of it."""
        self.exit(FAULT, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: as typed; those of the process where None.

    Returns:
        The exit status.
    """
    chosen = _parser().parse_args(arguments)
    act: Callable[[argparse.Namespace], int] = chosen.act
    try:
        return act(chosen)
    except AutoRecError as error:
        print(f"autorec_core: {error}", file=sys.stderr)
        return FAULT
    except BrokenPipeError:
        return 0
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        where = "" if error.filename is None else f": {str(error.filename)[:80]}"
        print(f"autorec_core: {error.strerror or error}{where}", file=sys.stderr)
        return FAULT


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="autorec_core", description="AutoRec: train, recommend, look.")
    parser.add_argument("--version", action="version", version=f"autorec_core {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    known = commands.add_parser("datasets", help="the named data sets, and which of them are here")
    known.add_argument("--fetch", metavar="NAME", help="download one")
    known.add_argument("--json", action="store_true", help="print one JSON object")
    known.set_defaults(act=_datasets)

    train = commands.add_parser("train", help="train a model and score it once")
    data = train.add_argument_group("data")
    which = data.add_mutually_exclusive_group()
    which.add_argument("--dataset", metavar="NAME", help=f"a named data set (default: {datasets.BUNDLED})")
    which.add_argument(
        "--ratings", metavar="FILE", help="own ratings: CSV with a header, or a raw MovieLens file or folder"
    )
    data.add_argument("--items", metavar="FILE", help="titles: CSV with movieId,title[,genres]")
    data.add_argument("--rating-scale", nargs=2, type=float, metavar=("MIN", "MAX"), help="lowest and highest rating")
    test = data.add_mutually_exclusive_group()
    test.add_argument("--test-ratings", metavar="FILE", help="an own test set")
    test.add_argument("--test-fraction", type=float, default=0.1, help="share of the ratings to test on (default: 0.1)")
    data.add_argument(
        "--valid-fraction", type=float, default=0.1, help="share of the rest to validate on (default: 0.1)"
    )
    data.add_argument("--holdout-users", type=float, default=0.0, help="share of the users held out whole, for fold-in")
    data.add_argument("--by-time", action="store_true", help="test on the newest ratings, and not on a random draw")
    data.add_argument("--seed", type=int, default=0, help="of the split, the weights, batches and dropout (default: 0)")
    model = train.add_argument_group("model and training")
    model.add_argument(
        "--preset",
        default=None,
        help=f"one of {', '.join(hyperparameters.PRESETS)} (default: fitted to base and number of ratings)",
    )
    for name in hyperparameters.names():
        _add_hyperparameter(model, name)
    train.add_argument("--resume", metavar="RUN", help="go on with an interrupted run; its own choices hold")
    train.add_argument("--stop-after", type=int, metavar="EPOCH", help="end after this epoch, its schedule unchanged")
    train.add_argument("--tensorboard", metavar="DIR", help="write the curves for TensorBoard too, into DIR/RUN")
    _add_common(train)
    train.set_defaults(act=partial(_loaded_late, "cli_train", "train"))

    recommend = commands.add_parser("recommend", help="recommend to somebody whom the model never saw")
    recommend.add_argument("--run", required=True, metavar="RUN", help="id or folder of a run")
    recommend.add_argument("--ratings", required=True, metavar="FILE", help="the visitor's ratings: CSV item_id,rating")
    recommend.add_argument("--count", type=int, default=10, help="how many (default: 10)")
    _add_common(recommend)
    recommend.set_defaults(act=_recommend)

    runs = commands.add_parser("runs", help="the runs so far, newest first; delete some, or take that back")
    runs.add_argument("what", nargs="?", default="list", choices=("list", "delete", "restore"), help="(default: list)")
    runs.add_argument("run_ids", nargs="*", metavar="RUN", help="ids of the runs to delete or restore")
    runs.add_argument("--for-good", action="store_true", help="delete at once what could be restored for a day")
    _add_common(runs)
    runs.set_defaults(act=_runs)

    evaluate = commands.add_parser("evaluate", help="all figures of a trained run on its test ratings")
    evaluate.add_argument("run", metavar="RUN", help="id or folder of a run")
    evaluate.add_argument("--listed", type=int, default=report.LISTED, help="length of a list of recommendations")
    _add_common(evaluate)
    evaluate.set_defaults(act=_evaluate)

    _add_reproduce(commands)
    cli_operate.add_to(commands)
    return parser


def _loaded_late(module: str, name: str, chosen: argparse.Namespace) -> int:
    """What a command does that trains: torch comes with its module, and would keep every other command waiting."""
    act: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(f"autorec_core.{module}"), name)
    return act(chosen)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", metavar="DIR", help="folder of the runs (default: in AUTOREC_HOME)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_reproduce(commands: Any) -> None:
    parser = commands.add_parser("reproduce", help="measure as the paper did: several splits, means with intervals")
    parser.add_argument(
        "ratings",
        nargs="*",
        metavar="RATINGS",
        help=f"names of data sets, files, folders (default: {datasets.BUNDLED})",
    )
    parser.add_argument("--train", metavar="FILE", help="a published training part, as u1.base; with --test")
    parser.add_argument("--test", metavar="FILE", help="its test part, as u1.test")
    parser.add_argument("--rating-scale", nargs=2, type=float, metavar=("MIN", "MAX"), help="lowest and highest rating")
    parser.add_argument("--by-time", action="store_true", help="test on the newest tenth, and not on a random one")
    parser.add_argument(
        "--variants",
        nargs="+",
        default=None,
        metavar="NAME",
        help="items, users (I- and U-AutoRec, presets by the number of ratings), paper (its lambda and units chosen on "
        "validation), paper-preset (as they stand there), any preset "
        f"({', '.join(hyperparameters.PRESETS)}), {', '.join(PAPERS_ACTIVATIONS)} or activations for these four "
        "(default: items users paper)",
    )
    parser.add_argument("--based-on", choices=("items", "users"), help="make every variant I- or U-AutoRec")
    parser.add_argument("--seeds", type=int, default=5, help="how many: each draws a split (default: 5)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them (default: 0)")
    parser.add_argument("--networks", type=int, default=1, help="networks a split, for an ensemble row (default: 1)")
    parser.add_argument(
        "--report", action="store_true", help="add groups, lists, and people held out, as evaluate does"
    )
    parser.add_argument("--into", metavar="DIR", help="folder of the tables and results (default: in AUTOREC_HOME)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=partial(_loaded_late, "cli_reproduce", "reproduce"))


def _add_hyperparameter(group: argparse._ArgumentGroup, name: str) -> None:
    """A flag for one hyperparameter; the range is checked by the hyperparameter itself."""
    choice = hyperparameters.choice_of(name)
    default = getattr(hyperparameters.Hyperparameters(), name)
    flag = f"--{name.replace('_', '-')}"
    text = f"{choice.help} (default: {default})".replace("%", "%%")
    if isinstance(default, bool):
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
    else:
        group.add_argument(flag, type=type(default), default=None, help=text, metavar=type(default).__name__.upper())


# -- datasets ---------------------------------------------------------------------------------------------------------


def _datasets(chosen: argparse.Namespace) -> int:
    if chosen.fetch is not None:
        ratings = datasets.load(chosen.fetch, fetching)
        print(f"{ratings!r} is here.", file=sys.stderr)
    found = [
        {
            "name": one.name,
            "title": one.title,
            "num_ratings": one.num_ratings,
            "num_users": one.num_users,
            "num_items": one.num_items,
            "scale": [one.scale.low, one.scale.high],
            "licence": one.licence,
            "ready": datasets.is_ready(one.name),
        }
        for one in datasets.DATASETS.values()
    ]
    if chosen.json:
        print_json({"datasets": found})
        return 0
    print(f"{'name':<22}{'ratings':>12}{'users':>10}{'movies':>9}  here")
    for one in found:
        here = "yes" if one["ready"] else "no: --fetch"
        print(f"{one['name']:<22}{one['num_ratings']:>12,}{one['num_users']:>10,}{one['num_items']:>9,}  {here}")
    return 0


# -- recommend --------------------------------------------------------------------------------------------------------


def _recommend(chosen: argparse.Namespace) -> int:
    if chosen.count < 1:
        raise NotFoundError(f"--count must be 1 or more, got {chosen.count}.")
    run = find_run(store_of(chosen), chosen.run)
    recommender = Recommender(run.load_model())
    given, ignored = _read_visitor(Path(chosen.ratings), recommender)
    fold_in = recommender.fold_in(list(given), list(given.values()))
    found = recommender.recommend(fold_in, count=chosen.count)
    if chosen.json:
        print_json({"recommendations": [_as_json(one) for one in found], "ignored": ignored})
        return 0
    for place, one in enumerate(found, start=1):
        because = ", ".join(f"{display_title(r.title)} {r.rating:g} ({r.effect:+.2f})" for r in one.because)
        title = f"{display_title(one.title)} ({one.year})" if one.year else display_title(one.title)
        print(f"{place:>3}  {one.predicted_rating:.2f} [{one.interval[0]:.1f} to {one.interval[1]:.1f}]  {title}")
        if because:
            print(f"     because {because}")
    if ignored:
        print(f"{len(ignored)} ratings of unknown movies were ignored: {', '.join(ignored[:10])}", file=sys.stderr)
    return 0


def _as_json(one: Recommendation) -> dict[str, Any]:
    return {
        "item_id": one.item_id,
        "title": one.title,
        "year": one.year or None,
        "genres": list(one.genres),
        "predicted_rating": one.predicted_rating,
        "interval": list(one.interval),
        "because": [
            {"item_id": r.item_id, "title": r.title, "rating": r.rating, "effect": r.effect} for r in one.because
        ],
    }


def _column(header: Sequence[str], accepted: Sequence[str]) -> int | None:
    """Place of the first column with an accepted name, without case, spaces and underscores."""
    names = {plain_name(name) for name in accepted}
    return next((place for place, cell in enumerate(header) if plain_name(cell) in names), None)


def _read_visitor(path: Path, recommender: Recommender) -> tuple[dict[int, float], list[str]]:
    """A visitor's ratings: item index -> rating, and the ids that the model does not know.

    Raises:
        NotFoundError: there is no such file.
        InvalidRatingsError: all faults of the file by row.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRatingsError(f"{path.name} is not CSV in UTF-8.") from error
    except OSError as error:
        raise StorageError(f"Can't read {path}: {error.strerror}.") from error
    if not rows:
        raise InvalidRatingsError(f"{path.name} is empty. It needs the header item_id,rating and a rating.")
    item_column, rating_column = (_column(rows[0], rating_files.COLUMN_NAMES[role]) for role in ("item", "rating"))
    if item_column is None or rating_column is None:
        raise InvalidRatingsError(f"{path.name} needs the columns item_id and rating; it has {', '.join(rows[0])}.")
    scale, faults, given, ignored = recommender.model.scale, [], {}, []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"Row {number} of {path.name}"
        if len(row) <= max(item_column, rating_column):
            faults.append(f"{where}: only {len(row)} columns.")
            continue
        item_id, text = from_text(row[item_column].strip()), row[rating_column].strip()
        try:
            rating = float(text)
        except ValueError:
            faults.append(f"{where}: rating {text!r} is not a number.")
            continue
        if not scale.low <= rating <= scale.high:
            faults.append(f"{where}: rating {rating:g} is outside {scale}.")
            continue
        index = recommender.items.find(item_id)
        if index is None:
            ignored.append(item_id)
        elif index in given:
            faults.append(f"{where}: item {item_id} is rated twice. Keep one of the two.")
        else:
            given[index] = rating
    if faults:
        raise InvalidRatingsError(faults)
    return given, ignored


# -- evaluate ---------------------------------------------------------------------------------------------------------


def _evaluate(chosen: argparse.Namespace) -> int:
    if chosen.listed < 1:
        raise NotFoundError(f"--listed must be 1 or more, got {chosen.listed}.")
    run = find_run(store_of(chosen), chosen.run)
    model, split = run.load_model(), run.config.split(fetching)
    learnt = (run.result or {}).get("split", {}).get("fingerprint")
    if learnt not in (None, split.train.fingerprint):
        raise StorageError(
            f"The ratings of run {run.id} have changed since it was trained: it would be scored on what it "
            "learnt from. Start a new run."
        )
    if not split.test.num_ratings:
        raise NotFoundError(f"Run {run.id} has no test ratings to be scored on. Train one with a test fraction.")
    found = report.report(model, split, listed=chosen.listed)
    if chosen.json:
        print_json({"run_id": run.id, **storage.without_nan(found)})
    else:
        print("\n".join([f"run {run.id}, {split.train.name}, seed {split.seed}", *report.text_of(found)]))
    return 0


# -- runs -------------------------------------------------------------------------------------------------------------


def _runs(chosen: argparse.Namespace) -> int:
    if chosen.what != "list":
        return _delete_or_restore(chosen)
    found = []
    for run in store_of(chosen).all():
        if shelf.is_deleted(run) or run.config.search is not None:
            continue
        result, last = run.result or {}, run.last_epoch
        found.append(
            {
                "run_id": run.id,
                "name": shelf.note_of(run).name or None,
                "state": run.state,
                "source": run.config.source.title,
                "based_on": run.config.hyperparameters.based_on,
                "hidden_units": run.config.hyperparameters.hidden_units,
                "seed": run.config.seed,
                "epochs_run": last.epoch if last else 0,
                "valid_rmse": result.get("valid_rmse"),
                "test_rmse": result.get("test_rmse"),
            }
        )
    if chosen.json:
        print_json({"runs": found})
        return 0
    print(f"{'run':<26}{'state':<13}{'test RMSE':>10}  model")
    for one in found:
        score = "-" if one["test_rmse"] is None else f"{one['test_rmse']:.4f}"
        model = f"{one['based_on']}, {one['hidden_units']} hidden units, {one['source']}, seed {one['seed']}"
        name = f"{one['name']}: " if one["name"] else ""
        print(f"{one['run_id']:<26}{one['state']:<13}{score:>10}  {name}{model}")
    return 0


def _delete_or_restore(chosen: argparse.Namespace) -> int:
    if not chosen.run_ids:
        raise NotFoundError(f"runs {chosen.what} needs the id of a run; `runs` lists them.")
    store = store_of(chosen)
    runs = [store.get(run_id) for run_id in chosen.run_ids]  # all of them are there, or nothing happens
    for run in runs:
        if chosen.what == "restore":
            shelf.restore(run)
        elif chosen.for_good:
            store.delete(run.id)
        else:
            shelf.delete(run)
    shelf.clean_up(store)
    if chosen.json:
        print_json({f"{chosen.what}d": chosen.run_ids})
        return 0
    for run_id in chosen.run_ids:
        print(f"{chosen.what}d {run_id}")
    if chosen.what == "delete" and not chosen.for_good:
        print("`runs restore` takes that back for a day.", file=sys.stderr)
    return 0
