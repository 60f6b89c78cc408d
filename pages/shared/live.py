"""The live view of a training: its state, its numbers, its curve and its buttons, redrawn twice a second.

Every element is always there, keyed and of fixed height; only what it says changes. A tick reads what the training has
written since the last one, its events and the pictures of its network, and what the visitor has rated; which other runs
there are it knows from the last drawing of the whole page.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import streamlit as st

from autorec_core import shelf
from autorec_core.defaults import label_of
from autorec_core.errors import NotFoundError
from autorec_core.events import (
    EpochEnded,
    HyperparametersChanged,
    RefitEpochEnded,
    TrainingEnded,
    TrainingEvent,
    TrainingStarted,
)
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobStatus
from autorec_core.runs import Run, RunConfig
from pages.shared import curve, services, show, state, steady, told, transport, visit
from pages.shared.palette import BASELINE, TEST, TRAIN, VALID
from pages.shared.words import _, ngettext, one_language

SECONDS_A_TICK = 0.5
MOST_RUNS = 50
"""Runs that can be chosen to be shown, newest first."""
SECONDS_TO_WAIT = 0.4
"""How long a tick waits for a training's first epoch, so that its point need not wait for the next tick."""
SECONDS_WATCHED_CLOSELY = 3.0
"""How long after a training was first seen its ticks wait so."""
EPOCHS_AHEAD = 10
"""How many of the last epochs say how long the next ones will take."""
_BOX = "run_box"
"""What a session keeps of the choice of a run: the number of its box, and id and name of the run drawn in it last."""


# -- what is known of a training so far -------------------------------------------------------------------------------


@dataclass
class Progress:
    """What a session has read of a run's events."""

    run_id: str
    """Whose events."""
    cursor: int = 0
    """Where the next event will begin."""
    started: TrainingStarted | None = None
    """How it began."""
    epochs: list[EpochEnded] = field(default_factory=list)
    """All epochs so far, in order."""
    changes: list[HyperparametersChanged] = field(default_factory=list)
    """What was changed while it trained, in order."""
    refits: list[RefitEpochEnded] = field(default_factory=list)
    """All epochs of the refit so far, in order."""
    ended: TrainingEnded | None = None
    """How it ended."""
    span: tuple[float, float] | None = None
    """Vertical span of the curve as drawn last."""
    zoom: curve.Zoom = field(default_factory=curve.Zoom)
    """Which part of the curve is shown."""
    heard_at: float = 0.0
    """When the newest event was read, on the monotonic clock."""
    seen_at: float = field(default_factory=time.monotonic)
    """When this session saw the run first, on the monotonic clock."""
    asked: str = ""
    """The button that was pressed and is not yet followed: "pause" or "stop"."""

    def take(self, events: Sequence[TrainingEvent], cursor: int, now: float) -> None:
        """Adds what was just read. A cursor before the known one means that a resume cut the events back."""
        if cursor < self.cursor:
            self.started, self.epochs, self.refits, self.ended = None, [], [], None
            self.changes = []
        self.cursor = cursor
        if events:
            self.heard_at = now
        for event in events:
            if isinstance(event, EpochEnded):
                self._forget_after(event.epoch - 1)
                self.refits = []
                self.epochs.append(event)
            elif isinstance(event, TrainingStarted):
                self.started = event
                self._forget_after(event.epoch)
            elif isinstance(event, HyperparametersChanged):
                self.changes.append(event)
            elif isinstance(event, RefitEpochEnded):
                self.refits = [*(known for known in self.refits if known.epoch < event.epoch), event]
            elif isinstance(event, TrainingEnded):
                self.ended = event

    def _forget_after(self, epoch: int) -> None:
        self.ended = None
        while self.epochs and self.epochs[-1].epoch > epoch:
            self.epochs.pop()
        while self.changes and self.changes[-1].epoch > epoch:
            self.changes.pop()

    @property
    def has_gap(self) -> bool:
        """Whether an epoch is missing between two known ones, or before the first."""
        parts: tuple[Sequence[EpochEnded | RefitEpochEnded], ...] = (self.epochs, self.refits)
        return any(part and part[-1].epoch != len(part) for part in parts)

    @property
    def refit(self) -> RefitEpochEnded | None:
        """The newest epoch of the refit."""
        return self.refits[-1] if self.refits else None

    def has_chosen(self, hyperparameters: Hyperparameters) -> bool:
        """Whether validation has chosen the epoch: all are done, or patience is lost."""
        best = 0 if self.best is None else self.best.epoch
        return hyperparameters.reason_to_end(len(self.epochs), best) is not None

    @property
    def best(self) -> EpochEnded | None:
        """The epoch with the lowest validation RMSE so far."""
        return next((event for event in reversed(self.epochs) if event.is_best), None)

    @property
    def baselines(self) -> dict[str, float]:
        """Validation RMSE of each baseline by name; empty until the training began."""
        return self.started.baselines if self.started is not None else {}

    def elapsed(self, now: float, is_running: bool) -> float:
        """Seconds of training so far, the epoch that is under way included."""
        done = sum(event.seconds for event in self.epochs)
        return done + max(0.0, now - self.heard_at) if is_running and self.heard_at else done

    def remaining(self, num_epochs: int, now: float, is_running: bool, refits: bool, pace: float = 0.0) -> float | None:
        """Seconds until all epochs are done, the refit included, as the last epochs went; None before there is one.

        Args:
            num_epochs: in all, without the refit.
            now: on the monotonic clock.
            is_running: whether an epoch is under way.
            refits: whether it will be fitted once more.
            pace: epochs a second at most, the refit's aside; 0 for as fast as it can.
        """
        recent = self.epochs[-EPOCHS_AHEAD:]
        if not recent:
            return None
        an_epoch = sum(event.seconds for event in recent) / len(recent)
        under_way = now - self.heard_at if is_running else 0.0
        if self.refit is not None:
            return max(0.0, an_epoch * (self.refit.epochs - self.refit.epoch) - under_way)
        best = self.best.epoch if self.best is not None and refits else 0
        paced = max(an_epoch, 1 / pace) if pace else an_epoch
        return max(0.0, paced * (num_epochs - len(self.epochs)) + an_epoch * best - under_way)


def read(run: Run) -> Progress:
    """A run's progress, with what came since this session read it last."""
    known: Progress = state.live(f"progress_{run.id}", Progress(run.id))
    known.take(*run.events_after(known.cursor), time.monotonic())
    if known.has_gap:  # a resume cut the events back and they have grown past the known place again
        known.take([], -1, 0.0)
        known.take(*run.events_after(0), time.monotonic())
    return known


# -- which run is shown -----------------------------------------------------------------------------------------------


def start(config: RunConfig) -> None:
    """Puts a training in line and watches it; a button's callback."""
    transport.do(lambda: state.watch_run(services.jobs().submit(config, pace=transport.pace()).id))


def shown_runs() -> list[Run]:
    """The visitor's runs and the starter's, newest first."""
    runs = visit.own_runs()
    return [run for run in runs if run.config.owner is not None or run.config.kind == "starter"][:MOST_RUNS]


def watched_run(runs: Sequence[Run]) -> Run | None:
    """The run to show: the one started or chosen here, else one that is being trained, else the newest of one's own.

    Args:
        runs: to choose from, newest first.
    """
    watched = next((run for run in runs if run.id == state.watched_run_id()), None)
    if watched is not None:
        return watched
    own = [run for run in runs if run.config.owner is not None]
    active = (run for run in own if services.jobs().status(run.id).is_active)
    return next(active, next(iter([*own, *runs]), None))


def is_gone(run_id: str | None) -> bool:
    """Whether a run that was watched here has been deleted since, by whomever."""
    if run_id is None:
        return False
    try:
        return shelf.is_deleted(services.run_store().get(run_id))
    except NotFoundError:
        return True


def run_control(names: Mapping[str, str], shown: Run) -> None:
    """Draws the choice of the run that is shown.

    Where the page goes over to another run by itself, or its name changes, another box takes the place of the old one:
    what a late browser still says of that would otherwise count as the visitor's choice, and bring the old run back.

    Args:
        names: of the runs to choose from, as `run_names` gives them.
        shown: one of them.
    """
    name = names[shown.id]
    number, *drawn = state.live(_BOX, (0, shown.id, name))
    if drawn != [shown.id, name]:
        number += 1
    state.set_live(_BOX, (number, shown.id, name))
    st.selectbox(
        _("Run"),
        list(names),
        list(names).index(shown.id),
        format_func=lambda run_id: names.get(run_id, run_id),
        key=f"shown_run_{number}",
        on_change=_take_run,
        args=(number, names),
        help=_("Your trainings, newest first, and the starter model that the app trained by itself."),
    )


def _take_run(number: int, names: Mapping[str, str]) -> None:
    chosen = state.get(f"shown_run_{number}")
    if chosen in names and number == state.live(_BOX, (number,))[0]:
        state.set_live(_BOX, (number, chosen, names[chosen]))  # the same box goes on
        state.watch_run(chosen)
        state.put("_live_problem", None)  # it was of the run before


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """What people call each of some runs, by id; no two alike, as a browser knows what it offers by its words alone.

    Args:
        runs: newest first, as they stay in what is returned.
    """
    in_its_minute: Counter[str] = Counter()
    names: dict[str, str] = {}
    for run in reversed(runs):
        minute = _minute(run)
        in_its_minute[minute] += 1
        names[run.id] = run_name(run, in_its_minute[minute])
    return dict(reversed(names.items()))


def run_name(run: Run, place: int = 1) -> str:
    """A run in a line: what it was, when, and how good it is where that is known.

    Args:
        run: to be named.
        place: which one of its minute it is.
    """
    config = run.config
    kind = "I-AutoRec" if config.hyperparameters.based_on == "items" else "U-AutoRec"
    what = _("Starter model") if config.kind == "starter" else shelf.note_of(run).name or _(label_of(config.preset))
    if config.fork_of is not None:
        what += _(", from epoch {epoch}", epoch=config.fork_epoch)
    when = _minute(run) if place == 1 else f"{_minute(run)} ({place})"
    score = (run.result or {}).get("test_rmse")
    scored = [_("test RMSE {rmse:.4f}", rmse=score)] if score is not None else []
    return " · ".join([what, f"{kind} {config.hyperparameters.hidden_units}", when, *scored, config.source.title])


def _minute(run: Run) -> str:
    return time.strftime(_("%d %b %H:%M"), time.localtime(run.config.created))


# -- the view ---------------------------------------------------------------------------------------------------------


def panel(run: Run | None, num_epochs: int, runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """Draws the view; while the training changes, it redraws itself.

    Args:
        run: to show, or None where there is none yet: then everything is there and empty.
        num_epochs: of a training that would be started now.
        runs: those that may be drawn behind its curve, newest first. A tick takes them as the page had them.
        names: of these runs.
    """
    st.html(_STYLE)
    behind = curve.Behind({one.id: one for one in runs if run is None or one.id != run.id}, names, read)
    if run is None:
        _draw(None, None, Progress(""), num_epochs, behind)
        return
    is_active = services.jobs().status(run.id).is_active
    as_drawn = is_active, state.watched_run_id()
    st.fragment(_tick, run_every=SECONDS_A_TICK if is_active else None, key="live")(run, as_drawn, behind)


def await_first_epoch(run: Run, known: Progress) -> None:
    """Waits until a training that was just started has its first epoch or is over, for a part of a tick at most."""
    until = time.monotonic() + SECONDS_TO_WAIT
    is_new = not known.epochs and time.monotonic() < known.seen_at + SECONDS_WATCHED_CLOSELY
    while is_new and time.monotonic() < until and services.jobs().status(run.id).state in ("starting", "running"):
        if any(isinstance(event, EpochEnded) for event in run.events_after(known.cursor)[0]):
            return
        time.sleep(0.02)


def _tick(run: Run, as_drawn: tuple[bool, str | None], behind: curve.Behind) -> None:
    try:
        await_first_epoch(run, read(run))
        status = services.jobs().status(run.id)
    except NotFoundError:  # its folder was deleted; the page around says so
        st.rerun()
    known = read(run)  # after the status: when that says ended, the end is in the events
    if status.state != "running":
        known.heard_at = time.monotonic()  # no epoch is under way
        known.asked = ""
    _draw(run, status, known, run.config.hyperparameters.epochs, behind)
    # The page around shows the end or another run, or the ticks begin again. Until it has been drawn anew, each tick
    # asks for it: a drawing that somebody's click ends takes what it asked for along.
    if as_drawn != (status.is_active, state.watched_run_id()):
        st.rerun()


@one_language()
def _draw(run: Run | None, status: JobStatus | None, known: Progress, num_epochs: int, behind: curve.Behind) -> None:
    _say(run, status, known, num_epochs)
    _buttons(run, status)
    transport.draw(run, "" if status is None else status.state, known.changes, is_refitting=bool(known.refits))
    _numbers(run, status, known, num_epochs)
    known.span = curve.draw(run, known, num_epochs, known.span, behind)
    show.draw(run, "" if status is None else status.state, num_epochs)


_STYLE = f"""<style>
.live-state {{ display: flex; gap: .6rem; align-items: baseline; min-height: 4.2rem; line-height: 1.4;
  font-size: .97rem; }}
.live-state i {{ flex: none; width: .7rem; height: .7rem; border-radius: 50%; background: var(--mark, {BASELINE}); }}
.live-state.running i {{ animation: live-pulse 1.2s ease-in-out infinite; }}
@keyframes live-pulse {{ 50% {{ opacity: .3; }} }}
@media (prefers-reduced-motion: reduce) {{ .live-state.running i {{ animation: none; }} }}
.live-numbers {{ display: grid; grid-template-columns: 1.1fr 1.2fr 1fr 1fr 1.3fr; gap: .5rem .8rem; }}
.live-numbers div {{ white-space: nowrap; font-variant-numeric: tabular-nums; min-width: 0; }}
.live-numbers span {{ display: block; font-size: .8rem; opacity: .8; }}
.live-numbers b {{ display: block; font-size: 1.1rem; font-weight: 650; line-height: 1.35; }}
.live-numbers small {{ display: block; font-size: .78rem; opacity: .76; min-height: 1.15rem; }}
.live-bar {{ height: 4px; border-radius: 2px; margin-top: .6rem; overflow: hidden;
  background: color-mix(in srgb, currentColor 14%, transparent); }}
.live-bar i {{ display: block; height: 100%; border-radius: 2px; background: {TRAIN}; transition: width .4s; }}
.live-bar.refit i {{ background: linear-gradient(90deg, {TRAIN}, {VALID}); }}
.st-key-curve_part, .st-key-rewind_row {{ padding-bottom: .5rem; }}  /* the ends of a slider are written below it */
.st-key-curve_choices {{ gap: .5rem; }}
.st-key-curve_choices button, .st-key-curve_choices button * {{ font-size: .8rem; }}
.st-key-curve_choices button {{ padding-inline: .5rem; }}
[data-testid="stMain"] [data-stale="true"] {{ opacity: 1 !important; transition: none !important; }}
@media (max-width: 480px) {{ .live-numbers {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }} }}
</style>"""


def _say(run: Run | None, status: JobStatus | None, known: Progress, num_epochs: int) -> None:
    """What is going on, in a sentence that is always there, and what the last button could not do."""
    name, text = sentence(run, status, known, num_epochs)
    problem = state.get("_live_problem")
    if problem:
        name, text = "failed", _(problem)
    mark = {"running": TRAIN, "starting": TRAIN, "ended": TEST, "paused": VALID, "failed": VALID}.get(name, BASELINE)
    mark = VALID if name in ("interrupted", "diverged") else mark
    steady.html(
        "live_state",
        f'<div class="live-state {name}" role="status" style="--mark:{mark}"><i></i><span>{escape(text)}</span></div>',
    )


def sentence(run: Run | None, status: JobStatus | None, known: Progress, num_epochs: int) -> tuple[str, str]:
    """The state of a training and a sentence about it.

    Args:
        run: the run, or None where there is none.
        status: of its job.
        known: its progress.
        num_epochs: that it will have.

    Returns:
        The state's name, "diverged" where it ended so, and the sentence.
    """
    if run is None or status is None:
        return "empty", _(
            "Nothing is trained yet. Press Start training: the model reads the ratings epoch by epoch, and its error "
            "is drawn below as it falls."
        )
    name = status.state
    if name == "queued":
        return name, ngettext(
            "Waiting: {count} run before yours. It starts by itself when its turn comes.",
            "Waiting: {count} runs before yours. It starts by itself when its turn comes.",
            status.position,
        )
    if name == "starting":
        return name, _("Starting: the ratings are being loaded and split.")
    if name == "running" and known.asked == "stop":
        return name, _("Stopping: the best epoch so far is kept, and scored on the test ratings.")
    if name == "running" and known.asked == "pause":
        return name, _("Holding after the epoch that is under way.")
    hyperparameters, refit = run.config.hyperparameters, known.refit
    if name in ("running", "paused") and refit is not None and refit.epoch < refit.epochs:
        done = _("epoch {epoch} of {epochs}", epoch=refit.epoch, epochs=refit.epochs)
        if name == "running":
            return name, _("Fitting once more, to train and validation ratings together: {done}.", done=done)
        return name, _("Paused while fitting once more, to train and validation ratings together: {done}.", done=done)
    if name == "running" and refit is None and hyperparameters.refit and known.has_chosen(hyperparameters):
        best = 0 if known.best is None else known.best.epoch
        return name, _(
            "Validation has chosen epoch {best}. Now the network is fitted once more, to train and validation ratings "
            "together.",
            best=best,
        )
    if name == "running" and (refit is not None or known.has_chosen(hyperparameters)):
        return name, _("All epochs are done. The model is being finished, and scored on the test ratings.")
    if name == "running":
        at = min(len(known.epochs) + 1, num_epochs)
        return name, _("Training epoch {epoch} of {epochs}.", epoch=at, epochs=num_epochs)
    if name == "paused":
        return name, _(
            "Paused after epoch {epoch}. Resume goes on, Step trains one more epoch.", epoch=len(known.epochs)
        )
    if name == "interrupted":
        return name, _(status.message) or _(
            "This training was interrupted after epoch {epoch}. It can go on.", epoch=len(known.epochs)
        )
    if name == "failed":
        return name, _(status.message)
    if known.ended is None:
        return name, _("This training has ended.")
    return ("diverged" if known.ended.reason == "diverged" else name), told.said(known.ended.message)


def seconds_in_words(seconds: float | None) -> str:
    """A duration as people read it.

    >>> seconds_in_words(3.14), seconds_in_words(75), seconds_in_words(4000), seconds_in_words(None)
    ('3.1 s', '1:15 min', '1:06 h', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return _("{seconds:.1f} s", seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("{minutes}:{seconds:02} min", minutes=minutes, seconds=rest)
    return _("{hours}:{minutes:02} h", hours=minutes // 60, minutes=minutes % 60)


def _numbers(run: Run | None, status: JobStatus | None, known: Progress, num_epochs: int) -> None:
    is_running = status is not None and status.state == "running"
    is_active = status is not None and status.is_active
    now = time.monotonic()
    done, best = len(known.epochs), known.best
    refits = run is not None and run.config.hyperparameters.refit
    pace = services.jobs().pace(known.run_id)
    remaining = known.remaining(num_epochs, now, is_running, refits, pace) if is_active else None
    rate = known.epochs[-1].ratings_per_second if known.epochs else None
    refit = known.refit if is_active else None  # what is under way, until the end is there
    first = (_("Epochs done"), f"{done:,}", _("of {epochs:,}", epochs=num_epochs))
    if refit is not None:
        first = (
            _("Fitted once more"),
            f"{refit.epoch:,}",
            ngettext("of {count} epoch", "of {count:,} epochs", refit.epochs),
        )
    lowest = ("–", _("best so far"))
    if best is not None:
        lowest = (f"{best.valid_rmse:.4f}", _("best, epoch {epoch:,}", epoch=best.epoch))
    cells = [
        first,
        (_("Validation RMSE"), *lowest),
        (_("Elapsed"), seconds_in_words(known.elapsed(now, is_running)), _("of training")),
        (_("Remaining"), seconds_in_words(remaining), _("about")),
        (_("Speed"), "–" if rate is None else f"{rate:,.0f}", _("ratings a second")),
    ]
    inner = "".join(
        f"<div><span>{escape(label)}</span><b>{escape(value)}</b><small>{escape(note)}</small></div>"
        for label, value, note in cells
    )
    at, end = (done, num_epochs) if refit is None else (refit.epoch, refit.epochs)
    share = 100 * at / max(1, end)
    kind = "live-bar" if refit is None else "live-bar refit"
    steady.html(
        "live_numbers",
        f'<div class="live-numbers" data-run="{escape(known.run_id)}">{inner}</div><div class="{kind}" '
        f'role="progressbar" aria-label="{escape(first[0])}" aria-valuemin="0" aria-valuemax="{end}" '
        f'aria-valuenow="{at}"><i style="width:{share:.1f}%"></i></div>',
    )


# -- the buttons ------------------------------------------------------------------------------------------------------


def _buttons(run: Run | None, status: JobStatus | None) -> None:
    runner, name = services.jobs(), "" if status is None else status.state
    run_id = "" if run is None else run.id
    resumes, resume_label = runner.go_on, _("Resume")
    is_own = run is not None and run.config.owner == state.owner()
    can_go_on = name == "interrupted" or (name == "failed" and run is not None and run.state != "ended")
    if run is not None and can_go_on:
        checkpoint = run.checkpoint_epoch
        resumes = runner.resume
        resume_label = _("Resume from epoch {epoch}", epoch=checkpoint) if checkpoint else _("Start again")
    is_queued = name in ("queued", "starting")
    with st.container(horizontal=True, key="transport"):
        holds, goes_on = is_own and name == "running", can_go_on or (is_own and name == "paused")
        steps = is_own and name in ("paused", "running")
        _button("pause", _("Pause"), runner.pause, run_id, holds, _("Hold after the epoch that is under way."))
        _button("resume", resume_label, resumes, run_id, goes_on, _("Go on training."))
        _button("step", _("Step"), runner.step, run_id, steps, _("Train one epoch, then hold."))
        _button(
            "stop",
            _("Leave the queue") if name == "queued" else _("Stop"),
            runner.stop,
            run_id,
            is_own and (is_queued or name in ("running", "paused")),
            _("Take it out of the line.")
            if name == "queued"
            else _("End here: the best epoch so far is kept and tested."),
        )


def _button(name: str, label: str, act: Callable[[str], object], run_id: str, is_possible: bool, help: str) -> None:
    st.button(
        label,
        key=f"transport_{name}",
        disabled=not is_possible,
        help=help,
        type="primary" if name == "resume" and is_possible else "secondary",
        on_click=_press,
        args=(name, act, run_id),
    )


def _press(name: str, act: Callable[[str], object], run_id: str) -> None:
    transport.do(lambda: act(run_id))
    known: Progress = state.live(f"progress_{run_id}", Progress(run_id))
    known.asked = name if name in ("pause", "stop") and not state.get("_live_problem") else ""
