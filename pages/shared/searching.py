"""The parts of the Search page: what to try, how far the search is, and its winner for the sliders."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from autorec_core import datasets, trials
from autorec_core.errors import AutoRecError
from autorec_core.hyperparameters import Hyperparameters, choice_of, names
from autorec_core.jobs import JobStatus
from autorec_core.runs import Run, RunConfig
from autorec_core.search_space import SearchSpace
from autorec_core.trials import Trial
from pages.shared import controls, figures, frame, plain, search_charts, services, sets, state, told, visit
from pages.shared.palette import ink
from pages.shared.words import _, later, ngettext

SECONDS_A_TICK = 1.0
FIXED = ("based_on", "refit", "loss_over", "precision", "steps_per_epoch")
"""What is not searched: it changes what is measured, or the search sets it itself."""
AT_FIRST = {
    "hidden_units": (32, 200),
    "regularization": (5.0, 50.0),
    "learning_rate": (0.002, 0.05),
    "input_dropout": (0.2, 0.8),
}
"""Chosen at first, with a range that is worth trying."""
TRIALS, MINUTES = later("trials"), later("minutes")
"""What a budget can be of."""
TABLE_ROWS = 8
_PROBLEM = "_search_problem"


# -- what to try ------------------------------------------------------------------------------------------------------


def form() -> None:
    """Draws what to try, the budget, and the button that starts."""
    base, dataset = controls.chosen(), str(state.get("dataset") or datasets.BUNDLED)
    with st.container(border=True):
        chosen = st.multiselect(
            _("Try"),
            [name for name in names() if name not in FIXED],
            default=list(AT_FIRST),
            format_func=lambda name: _(choice_of(name).label),
            key="search_names",
            placeholder=_("None"),
            help=_("Everything else stays as it is on the Train page, data set and seed too."),
            persist_state="session",
        )
        ranges: dict[str, tuple[float, float]] = {}
        options: dict[str, tuple[Any, ...]] = {}
        for column, name in zip(_columns(len(chosen)), chosen, strict=True):
            with column:
                _one(name, ranges, options)
        kind, amount, button = st.columns([1, 1, 1.2], vertical_alignment="bottom")
        with kind:
            budget = st.segmented_control(
                _("Budget"), [TRIALS, MINUTES], default=TRIALS, format_func=_, required=True, key="search_budget",
                persist_state="session",
            )  # fmt: skip
        with amount:
            by_trials = budget != MINUTES
            number = st.number_input(
                _("How many"), 1, 1000 if by_trials else 600, 30 if by_trials else 5, key=f"search_{budget}",
                help=_("The search ends then; Stop ends it sooner."), persist_state="session",
            )  # fmt: skip
        problem, config, is_ready = "", None, False
        try:
            space = SearchSpace(
                ranges=ranges,
                options=options,
                num_trials=int(number) if by_trials else None,
                minutes=None if by_trials else float(number),
            )
            config = RunConfig(
                source=sets.source(dataset),
                hyperparameters=base,
                seed=controls.seed(),
                kind="search",
                owner=state.owner(),
                search=space,
            )
            is_ready = sets.is_ready(dataset)
            if not is_ready:
                problem = _("This data set is not on this machine yet. Download it on the Train page.")
        except AutoRecError as error:
            problem = _(error.sentence)
        with button:
            st.button(
                _("Start searching"),
                key="start_search",
                type="primary",
                disabled=config is None or not is_ready,
                on_click=_do,
                args=(lambda: services.jobs().submit(config) if config is not None else None,),
            )
        if problem:
            st.warning(plain.lines(problem))


def _columns(count: int) -> list[Any]:
    """A cell for each, two in a row."""
    return [cell for _ in range((count + 1) // 2) for cell in st.columns(2, gap="medium")][:count]


def _one(name: str, ranges: dict[str, tuple[float, float]], options: dict[str, tuple[Any, ...]]) -> None:
    """Draws the range or the options of one hyperparameter, and notes what they say."""
    choice, default, key = choice_of(name), getattr(Hyperparameters(), name), f"search_of_{name}"
    common: dict[str, Any] = {"key": key, "help": _(choice.help), "persist_state": "session"}
    if isinstance(default, bool):
        options[name] = (True, False)
        st.markdown(_("**{name}**: on and off", name=_(choice.label)))
    elif choice.options:
        words = st.multiselect(
            _(choice.label),
            choice.options,
            default=choice.options,
            format_func=lambda option: _(controls.word_of(name, option)),
            placeholder=_("None"),
            **common,
        )
        options[name] = tuple(words)
    elif choice.log:
        stops = [stop for stop in controls.nice_values(name) if stop > 0]
        low, high = AT_FIRST.get(name, (default / 3, default * 3))
        ends = (_nearest(stops, low), _nearest(stops, high))
        found = st.select_slider(_(choice.label), stops, ends, format_func=lambda value: f"{value:g}", **common)
        ranges[name] = (found[0], found[1])
    else:
        whole = isinstance(default, int)
        low, high = AT_FIRST.get(name, (choice.low, choice.high))
        kind = int if whole else float
        found = st.slider(
            _(choice.label),
            kind(choice.low or 0),
            kind(choice.high or 1),
            (kind(low or 0), kind(high or 1)),
            kind(choice.step or 1),
            **common,
        )
        ranges[name] = (found[0], found[1])


def _nearest(stops: list[Any], value: float) -> Any:
    return min(stops, key=lambda stop: abs(stop - value))


# -- how far it is ----------------------------------------------------------------------------------------------------


def watched() -> Run | None:
    """The search to show: one that runs or waits, else the newest of this visitor's."""
    found = visit.own_searches()
    active = (run for run in found if services.jobs().status(run.id).is_active)
    return next(active, found[0] if found else None)


def panel(run: Run) -> None:
    """Draws a search; while it goes on, it redraws itself."""
    is_active = services.jobs().status(run.id).is_active
    st.fragment(_tick, run_every=SECONDS_A_TICK if is_active else None, key="search_live")(run, is_active)


def _tick(run: Run, was_active: bool) -> None:
    status = services.jobs().status(run.id)
    done, space = trials.trials_of(run), run.config.search
    assert space is not None
    st.html(
        f'<div class="live-state {status.state}" role="status" style="min-height:2rem">'
        f"{escape(sentence(run, status, done))}</div>"
    )
    if space.num_trials is not None:
        share = len(done) / space.num_trials
    else:
        share = sum(trial.seconds for trial in done) / (60 * (space.minutes or 1.0))
    st.progress(min(1.0, share))
    _buttons(run, status)
    words = ink(st.context.theme.type)
    figures.show(
        search_charts.history(done, space.num_trials or 0),
        key="search_history",
        alt=_("Validation RMSE of each trial, and the lowest so far; the table below has the best ones."),
    )
    st.markdown(f"**{_('What matters')}**")
    shares = trials.importance_of(run)
    st.caption(
        _(
            "How much of the difference in validation RMSE between the trials each hyperparameter accounts for, within "
            "its range."
        )
        if shares
        else _("Said as soon as five trials have gone their whole way.")
    )
    figures.show(
        search_charts.importance(shares, space.searched, words),
        key="search_importance",
        alt=", ".join(f"{_(choice_of(name).label)} {share:.0%}" for name, share in shares.items())
        or _("Nothing known yet."),
    )
    _best_table(done)
    if was_active != status.is_active:  # once: the page around shows the end, or the ticks begin again
        st.rerun()


def sentence(run: Run, status: JobStatus, done: list[Trial]) -> str:
    """How far a search is, in a sentence."""
    space, best = run.config.search, trials.best_of(done)
    most = None if space is None else space.num_trials
    so_far = ""
    if best is not None:
        so_far = _(" Best so far: {rmse:.4f}, trial {trial}.", rmse=best.valid_rmse, trial=best.number)
    if status.state == "queued":
        return _("Waiting: {count} before yours. It starts by itself when its turn comes.", count=status.position)
    if status.state == "starting":
        return _("Starting: the ratings are being loaded and split.")
    if status.state == "running" and most is None:
        return _("Trying trial {trial}.", trial=len(done) + 1) + so_far
    if status.state == "running":
        return _("Trying trial {trial} of {trials}.", trial=len(done) + 1, trials=most) + so_far
    if status.state == "paused" and most is None:
        return _("Paused in trial {trial}.", trial=len(done) + 1) + so_far
    if status.state == "paused":
        return _("Paused in trial {trial} of {trials}.", trial=len(done) + 1, trials=most) + so_far
    ended = run.ended
    if status.state == "ended" and ended is not None:
        return told.said(ended.message)
    begun = ngettext(
        "Interrupted after {count} trial. It can go on.", "Interrupted after {count} trials. It can go on.", len(done)
    )
    return _(status.message) or begun + so_far


def _buttons(run: Run, status: JobStatus) -> None:
    runner, name = services.jobs(), status.state
    can_go_on = name in ("interrupted", "failed") and run.state != "ended"
    best = trials.best_of(trials.trials_of(run))
    with st.container(horizontal=True, key="search_transport"):
        _button("search_pause", _("Pause"), runner.pause, run, name == "running")
        _button(
            "search_resume",
            _("Resume"),
            runner.resume if can_go_on else runner.go_on,
            run,
            can_go_on or name == "paused",
        )
        _button("search_stop", _("Stop"), runner.stop, run, name in ("queued", "starting", "running", "paused"))
        if st.button(
            _("Take the best to Train"),
            key="search_adopt",
            type="primary",
            disabled=best is None,
            on_click=_adopt,
            args=(run, best),
            help=_("Moves the sliders of the Train page; a training there refits and is scored on the test, once."),
        ):
            st.switch_page(frame.page_path("train"))


def _button(key: str, label: str, act: Callable[[str], object], run: Run, is_possible: bool) -> None:
    st.button(label, key=key, disabled=not is_possible, on_click=_do, args=(lambda: act(run.id),))


def _adopt(run: Run, best: Trial | None) -> None:
    if best is not None:
        _do(lambda: controls.put(trials.hyperparameters_of(run, best)))
        if run.config.source.dataset is not None:  # else it is the set of one's own that is chosen there
            state.put("dataset", run.config.source.dataset)
        state.put("seed", run.config.seed)


def _best_table(done: list[Trial]) -> None:
    whole = sorted((t for t in done if t.outcome == "complete"), key=lambda trial: trial.valid_rmse or 0.0)
    rows = pd.DataFrame(
        [{"trial": t.number, "valid": t.valid_rmse, "seconds": t.seconds, **t.values} for t in whole[:TABLE_ROWS]],
        columns=None if whole else ["trial", "valid", "seconds"],
    )
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "trial": number(_("Trial"), width=60),
        "valid": number(_("Validation RMSE"), format="%.4f"),
        "seconds": number(_("Seconds"), format="%.1f"),
    }
    for name in rows.columns[3:]:
        numeric = not isinstance(whole[0].values[name], (bool, str))
        label = _(choice_of(name).label)
        columns[name] = number(label, format="%.4g") if numeric else label
    st.dataframe(rows, hide_index=True, height=38 + 35 * TABLE_ROWS, column_config=columns, key="search_table")


def problem() -> None:
    """Tells what the last button could not do."""
    if state.get(_PROBLEM):
        st.warning(plain.lines(_(state.get(_PROBLEM))))


def _do(act: Callable[[], object]) -> None:
    """Does what a button asks for, and keeps what it could not do for the next drawing."""
    try:
        act()
        state.put(_PROBLEM, None)
    except AutoRecError as error:
        state.put(_PROBLEM, error.sentence)
