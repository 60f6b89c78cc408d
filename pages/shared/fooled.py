"""Six ways to fool yourself, each with a switch: what is fooled and what is honest, side by side, computed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core import datasets, pitfalls, small_autorec
from autorec_core.errors import AutoRecError
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import preset
from autorec_core.pitfalls import Leak
from autorec_core.runs import Run, RunConfig, Source
from autorec_core.small_autorec import Recipe
from autorec_core.trained_model import TrainedModel
from pages.shared import astray, figures, frame, lesson_charts, live, plain, reader, services, state, stories
from pages.shared.lesson_charts import COLOURS, FOOLED, HONEST
from pages.shared.palette import ink
from pages.shared.words import _, ngettext

SECONDS_A_TICK = 0.5
SHARES = (0.0, 0.5, 1.0)
"""Of the test ratings that are fed to the encoder."""
SIZES = (50, 100, 200, 500, 1000, 2000, 5000)
"""Of test sets that may choose the epoch."""
BATCHES = (16, 32, 64, 128)
"""Batch sizes that one lambda is taken with."""
STEPS = 64
"""Steps that each of them gets, so that only the penalty differs: few, as there are eight trainings to wait for."""
LONG = Recipe(epochs=20, regularization=4.0, learning_rate=0.03)
"""A training long enough to get worse again."""
UNTOLD = "?"
"""Stands for a number that the visitor is to guess first."""
_PROBLEM = "lesson_problem"


@dataclass(frozen=True)
class Way:
    """One way to fool oneself."""

    title: Callable[[], str]
    """A few words, in the visitor's language."""
    says: Callable[[], str]
    """What is done wrong, and why it looks right."""
    draw: Callable[[Run, TrainedModel], None]
    """Draws its switch, both numbers and the picture."""


def draw(run: Run, model: TrainedModel) -> None:
    """Draws the chosen way."""
    order = list(WAYS)
    chosen = st.pills(
        _("Ways to fool yourself"),
        order,
        format_func=lambda name: f"{order.index(name) + 1} {WAYS[name].title()}",
        default=order[0],
        required=True,
        key="fooled_way",
        label_visibility="collapsed",
        persist_state="session",
    )
    name = chosen if chosen in WAYS else order[0]
    way = WAYS[name]
    st.subheader(f"{order.index(name) + 1}. {way.title()}", anchor=False)
    st.markdown(way.says())
    way.draw(run, model)


def _words() -> str:
    return ink(st.context.theme.type)


def _both(honest: float, fooled: float, honest_help: str, fooled_help: str, *, is_told: bool = True) -> None:
    """The honest and the fooled number side by side; the honest one only where it is told."""
    left, right, gap = st.columns(3)
    left.metric(_("Honest"), f"{honest:.4f}" if is_told else UNTOLD, help=honest_help)
    right.metric(_("Fooled"), f"{fooled:.4f}", help=fooled_help)
    difference = f"{honest - fooled:+.4f}" if is_told else UNTOLD
    gap.metric(_("Too good by"), difference, help=_("Honest less fooled, in rating units."))


# -- 1: zeros ---------------------------------------------------------------------------------------------------------


def _notebook() -> RunConfig:
    return RunConfig(
        source=Source(dataset=datasets.BUNDLED),
        hyperparameters=preset("notebook"),
        preset="notebook",
        kind=services.LESSON,
    )


def _start_notebook() -> None:
    """Puts the training in line, or goes on with one that was cut short; callbacks can't draw, so a problem is kept."""
    state.set_live(_PROBLEM, "")
    try:
        run = services.lesson_run(_notebook())
        if run is None:
            services.jobs().submit(_notebook())
        elif not services.jobs().status(run.id).is_active:
            services.jobs().resume(run.id)
    except AutoRecError as error:
        state.set_live(_PROBLEM, error.sentence)


def _zeros(_run: Run, _model: TrainedModel) -> None:
    found = services.lesson_run(_notebook())
    if problem := state.live(_PROBLEM, ""):
        st.error(plain.lines(_(problem)))
    if found is None or found.state != "ended":
        _wait_for_notebook()
        return
    known = live.read(found)
    if not known.epochs:
        st.info(_("This training left no epoch to look at."))
        return
    shows_worth = st.toggle(
        _("Show what it is worth"),
        key="zeros_honest",
        help=_("Off: the loss that such a notebook prints. On: its RMSE on ratings that were held out."),
    )
    epochs = known.epochs
    last = epochs[-1]
    reported = float(np.sqrt(max(0.0, last.objective)))
    _both(
        last.valid_rmse,
        reported,
        _("RMSE on the validation ratings."),
        _("Root of its loss: mean squared error over all cells, nearly all of which were never rated."),
        is_told=shows_worth,
    )
    table = _notebook_table(epochs, FOOLED, HONEST)
    mean = known.baselines.get("global_mean", float("nan"))
    shown = table if shows_worth else table[table["what"] == FOOLED]
    first = float(np.sqrt(max(0.0, epochs[0].objective)))
    see = (
        _(
            "On held-out ratings it stays near {rmse:.2f}, where writing the same mean everywhere misses by "
            "{mean:.2f}: after {count} epochs it has learnt to write about 0. Its loss looks small only because nearly "
            "every cell is a 0 that nobody gave.",
            rmse=last.valid_rmse,
            mean=mean,
            count=len(epochs),
        )
        if shows_worth
        else _(
            "Root of the loss, as it is printed: it begins at {first:.3f} and ends at {last:.3f}, wandering with which "
            "eight rows were drawn.",
            first=first,
            last=reported,
        )
    )
    rules = [(_("global mean"), mean)] if shows_worth and np.isfinite(mean) else []
    figures.draw(lesson_charts.story(shown, rules, _("RMSE in rating units"), _words()), table, "fooled_zeros", see=see)
    st.caption(
        _(
            "The preset `notebook` of the Train page, trained by the same worker as everything else, on the bundled "
            "set with seed 0."
        )
    )


def _notebook_table(epochs: list[EpochEnded], fooled: str, honest: str) -> pd.DataFrame:
    numbers = [event.epoch for event in epochs]
    return pd.DataFrame(
        {
            "epoch": numbers * 2,
            "rmse": [
                *(float(np.sqrt(max(0.0, event.objective))) for event in epochs),
                *(event.valid_rmse for event in epochs),
            ],
            "what": [fooled] * len(numbers) + [honest] * len(numbers),
        }
    )


@st.fragment(run_every=SECONDS_A_TICK)
def _wait_for_notebook() -> None:
    """Offers to train it, says how far it is, and draws the page anew when it is there."""
    found = services.lesson_run(_notebook())
    status = None if found is None else services.jobs().status(found.id)
    if found is not None and status is not None and status.state == "ended":
        st.rerun()
    is_active = status is not None and status.is_active
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Train it"),
            key="zeros_train",
            type="primary",
            disabled=is_active,
            on_click=_start_notebook,
            help=_("A second or two of training, in the same line as all others; then it is remembered."),
        )
        if found is None or status is None:
            st.caption(_("It has not been trained on this server yet."))
        elif status.state == "queued":
            st.caption(ngettext("{count} training is before it.", "{count} trainings are before it.", status.position))
        elif not is_active:
            st.caption(plain.lines(_(status.message)) or _("It was cut short; it can go on."))
        else:
            last = found.last_epoch
            done, count = (last.epoch if last else 0), found.config.hyperparameters.epochs
            trains = _("Epoch {done} of {count}", done=done, count=count)
            st.progress(done / count, text=trains if done else _("Starting: the ratings are being loaded and split."))


# -- 2: the epoch chosen on the test set ------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _picked() -> dict[int, tuple[float, float]]:
    (story,) = stories.told([LONG])
    fooled, honest = small_autorec.picked_on_test(story, SIZES)
    return {size: (one, honest) for size, one in zip(SIZES, fooled, strict=True)}


def _picks(_run: Run, _model: TrainedModel) -> None:
    with stories.waiting():
        found = _picked()
    size = st.select_slider(
        _("Ratings in the test set"),
        list(SIZES),
        200,
        format_func=lambda value: f"{value:,}",
        key="picks_size",
        help=_("Two hundred such tests are drawn, and each chooses the epoch that suits it best."),
    )
    is_on = st.toggle(
        _("Let the test choose the epoch"),
        True,
        key="picks_on",
        help=_("Off: validation chooses it, and the test is looked at once."),
    )
    fooled, honest = found[int(size)]
    _both(
        honest,
        fooled if is_on else honest,
        _("RMSE on all test ratings at the epoch that validation chose."),
        _("The same less what a test of this size gains on average by choosing its own best epoch."),
    )
    table = pd.DataFrame(
        {
            "x": [*SIZES, *SIZES],
            "y": [found[one][1] for one in SIZES] + [found[one][0] for one in SIZES],
            "what": [HONEST] * len(SIZES) + [FOOLED] * len(SIZES),
        }
    )
    figures.draw(
        lesson_charts.curves(table, _("ratings in the test set"), _("test RMSE"), COLOURS, float(size), is_log=True),
        table,
        "fooled_picks",
        see=_(
            "A test of {size:,} ratings that may choose among {epochs} epochs flatters by {gap:.4f}; the smaller the "
            "test and the more there is to choose from, the more it finds by luck.",
            size=int(size),
            epochs=LONG.epochs,
            gap=honest - fooled,
        ),
    )
    stories.about_small()


# -- 3: test ratings in the input -------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False, max_entries=4)
def _leaks(run_id: str) -> tuple[list[Leak], int]:
    run, split = services.run_store().get(run_id), services.split_of(run_id)
    model = services.recommender(run_id).model
    return pitfalls.leaks(model, reader.learnt_parts(run, split), split.test, SHARES)


def _leak(run: Run, model: TrainedModel) -> None:
    test = services.split_of(run.id).test
    if not test.num_ratings:
        _no_test()
        return
    with st.spinner(_("Reading the rows anew, with test ratings among them …")):
        found, number = _leaks(run.id)
    is_on = st.toggle(
        _("Feed the test ratings to the encoder"),
        True,
        key="leak_on",
        help=_("The weights stay as they are; only the vectors that go in hold the test ratings too."),
    )
    _both(
        found[0].rmse,
        found[-1 if is_on else 0].rmse,
        _("Test RMSE when inputs hold what the model learnt from."),
        _("Test RMSE when the ratings to be predicted stand in the input."),
    )
    table = pd.DataFrame(
        {"x": [one.share for one in found], "y": [one.rmse for one in found], "what": [FOOLED] * len(found)}
    )
    honest = pd.DataFrame({"x": table["x"], "y": found[0].rmse, "what": HONEST})
    figures.draw(
        lesson_charts.curves(
            pd.concat([honest, table], ignore_index=True),
            _("share of the test ratings in the input"),
            _("test RMSE"),
            COLOURS,
            1.0 if is_on else 0.0,
        ),
        table,
        "fooled_leak",
        see=_(
            "The same weights on the same {number:,} test ratings: with all of them in the input the RMSE falls from "
            "{honest:.4f} to {fooled:.4f}, for the answer stands in the question.",
            number=number,
            honest=found[0].rmse,
            fooled=found[-1].rmse,
        ),
    )
    rows = int(np.count_nonzero((test.by_item if model.by_items else test.by_user).counts))
    if rows > pitfalls.MOST_ROWS:
        st.caption(
            _(
                "Of {rows:,} rows with a test rating, {most:,} were drawn for this, so that it takes a moment only.",
                rows=rows,
                most=pitfalls.MOST_ROWS,
            )
        )
    st.caption(
        _(
            "Of the model in use; test ratings of users and movies that it never saw are left out. This is why a "
            "figure such as the 0.809 once given for MovieLens 1M does not hold: its vectors were filled from all "
            "ratings, the tested ones included. So fed, this app's default comes to 0.809 there as well, by weights "
            "whose honest figure is 0.820 (`benchmarks/fooled.py`)."
        )
    )


def _no_test() -> None:
    st.info(_("This model was trained with no test ratings, so there is nothing to show it on. Train one that has."))
    frame.go_button(_("Train a model"), "train")


# -- 4: mean of per-user RMSEs ----------------------------------------------------------------------------------------


def _per_user(run: Run, _model: TrainedModel) -> None:
    if not services.split_of(run.id).test.num_ratings:
        _no_test()
        return
    found = pitfalls.per_user(astray.scored(run.id))
    least = st.slider(
        _("Leave out users with fewer test ratings than"), 1, 20, 1, key="per_user_least",
        help=_("Only from the mean of the users' RMSEs; the pooled one is over all test ratings."),
    )  # fmt: skip
    is_on = st.toggle(
        _("Average the users' RMSEs"),
        True,
        key="per_user_on",
        help=_("Off: every test rating counts the same, whoever gave it."),
    )
    kept = found.counts >= least
    mean = float(found.rmses[kept].mean()) if kept.any() else float("nan")
    _both(
        found.pooled,
        mean if is_on else found.pooled,
        _("One RMSE over all test ratings, each counting the same."),
        _("An RMSE for each user, then their mean."),
    )
    table = pd.DataFrame({"test_ratings": found.counts, "rmse": found.rmses})
    single = float((found.counts == 1).mean())
    figures.draw(
        lesson_charts.scattered_users(found.counts, found.rmses, found.pooled, mean),
        table,
        "fooled_per_user",
        see=_(
            "Each point is a user: the mean of roots lies at {mean:.4f}, under the pooled {pooled:.4f}, since a root "
            "of few squares is too small on average; {single:.0%} of the users have a single test rating.",
            mean=mean,
            pooled=found.pooled,
            single=single,
        )
        if mean < found.pooled
        else _(
            "Each point is a user; here the mean of their RMSEs, {mean:.4f}, lies over the pooled {pooled:.4f}: users "
            "who rated little are harder to predict, and count as much as those who rated most.",
            mean=mean,
            pooled=found.pooled,
        ),
    )
    st.caption(
        _(
            "Of the model in use. Two figures that were averaged differently can't be compared, whatever they "
            "are called."
        )
    )


# -- 5: lambda and the batch size -------------------------------------------------------------------------------------


def _of_batches(size: int) -> Recipe:
    """A recipe of some batch size with as many steps as all others have."""
    steps_an_epoch = -(-small_autorec.MOST_ITEMS // size)
    return Recipe(
        batch_size=size, epochs=max(1, round(STEPS / steps_an_epoch)), learning_rate=0.05, regularization=10.0
    )


def _penalty(_run: Run, _model: TrainedModel) -> None:
    by_rating = [_of_batches(size) for size in BATCHES]
    by_batch = [replace(recipe, penalty_per_batch=True) for recipe in by_rating]
    with stories.waiting():
        values = [float(story.valid_rmse.min()) for story in stories.told([*by_rating, *by_batch])]
    shared, whole = values[: len(BATCHES)], values[len(BATCHES) :]
    size = st.select_slider(
        _("Rows in a batch"), list(BATCHES), BATCHES[0], format_func=lambda value: f"{value:,}", key="penalty_size",
        help=_("λ is {value:g} throughout.", value=_of_batches(BATCHES[0]).regularization),
    )  # fmt: skip
    is_on = st.toggle(
        _("Add all of λ to each batch"),
        True,
        key="penalty_on",
        help=_("Off: a batch pays its ratings' share, as this app does."),
    )
    place = BATCHES.index(int(size))
    left, right, gap = st.columns(3)
    left.metric(_("Its share of λ a batch"), f"{shared[place]:.4f}", help=_("Validation RMSE, the best epoch."))
    told = f"{whole[place]:.4f}" if is_on else "–"
    right.metric(_("All of λ a batch"), told, help=_("Validation RMSE, the best epoch."))
    steps = int(np.ceil(small_autorec.MOST_ITEMS / int(size)))
    gap.metric(
        _("So λ counts"),
        ngettext("once", "{count} times", steps if is_on else 1),
        help=_("Once a batch, so as often as there are batches."),
    )
    table = pd.DataFrame(
        {
            "x": [*BATCHES, *BATCHES],
            "y": [*shared, *whole],
            "what": [HONEST] * len(BATCHES) + [FOOLED] * len(BATCHES),
        }
    )
    figures.draw(
        lesson_charts.curves(
            table if is_on else table[table["what"] == HONEST],
            _("rows in a batch"),
            _("validation RMSE"),
            COLOURS,
            float(size),
            is_log=True,
        ),
        table,
        "fooled_penalty",
        see=_(
            "The same λ: with its share a batch the RMSE goes from {shared_first:.3f} at {first} rows to "
            "{shared_last:.3f} at {last:,}, with all of it a batch from {whole_first:.3f} to {whole_last:.3f}; only in "
            "one batch of all rows do the two mean the same.",
            first=BATCHES[0],
            last=BATCHES[-1],
            shared_first=shared[0],
            shared_last=shared[-1],
            whole_first=whole[0],
            whole_last=whole[-1],
        ),
    )
    st.caption(
        _(
            "In this app a batch pays its ratings' share of the penalty. Each batch size is given the same {steps} "
            "steps, so a larger one sees more ratings.",
            steps=STEPS,
        )
    )
    stories.about_small()


# -- 6: filling unknowns ----------------------------------------------------------------------------------------------


def _filling(_run: Run, _model: TrainedModel) -> None:
    names = {"none": _("left out"), "0": "0", "3": "3"}
    chosen = st.segmented_control(
        _("Unknown ratings are"),
        list(names),
        format_func=names.__getitem__,
        default="3",
        required=True,
        key="filling",
        help=_("In the input and in the loss alike."),
    )
    recipe = Recipe(fill=None if chosen == "none" else float(chosen or 3))
    with stories.waiting():
        (story,) = stories.told([recipe])
    honest, fooled = float(story.valid_rmse[-1]), float(story.reported[-1])
    _both(
        honest,
        fooled,
        _("RMSE on validation ratings."),
        _("Root of the training loss, over all entries that it counts."),
    )
    epochs = list(range(1, len(story.reported) + 1))
    table = pd.DataFrame(
        {
            "epoch": epochs * 2,
            "rmse": [*story.reported.tolist(), *story.valid_rmse.tolist()],
            "what": [FOOLED] * len(epochs) + [HONEST] * len(epochs),
        }
    )
    known, every = story.num_entries
    see = (
        _(
            "With unknown ratings left out the training error, {fooled:.3f}, and that on held-out ratings, "
            "{honest:.3f}, speak of the same thing, and the second gets under what the mean alone misses by.",
            fooled=fooled,
            honest=honest,
        )
        if recipe.fill is None
        else _(
            "Over all entries the error is a splendid {fooled:.3f}, because {share:.0%} of them are the {fill:g} that "
            "was put there; on real ratings it is {honest:.3f}, where the mean alone has {mean:.3f}.",
            fooled=fooled,
            share=1 - known / every,
            fill=recipe.fill,
            honest=honest,
            mean=story.mean_rmse,
        )
    )
    figures.draw(
        lesson_charts.story(table, [(_("mean alone"), story.mean_rmse)], _("RMSE in rating units"), _words()),
        table,
        "fooled_filling",
        see=see,
    )
    stories.about_small()


WAYS: dict[str, Way] = {
    "zeros": Way(
        lambda: _("Unknowns as zeros"),
        lambda: _(
            "A tutorial many start from counts every cell in the loss, the unknown ones as 0. The loss is small from "
            "the first step on and wanders. Is it learning?"
        ),
        _zeros,
    ),
    "picks": Way(
        lambda: _("The test chooses the epoch"),
        lambda: _(
            "“Best test RMSE over all epochs” is a choice, and the test made it. Then no rating is left that had no "
            "say in it."
        ),
        _picks,
    ),
    "leak": Way(
        lambda: _("Test ratings in the input"),
        lambda: _(
            "An autoencoder is asked for what it is not told. If the vector that goes in already holds the test "
            "ratings, it needs only to copy."
        ),
        _leak,
    ),
    "per_user": Way(
        lambda: _("A mean of RMSEs"),
        lambda: _(
            "An RMSE for each user and then their mean is not the RMSE. On one benchmark this made 0.827 of what is "
            "0.8825; of this app's default on MovieLens 100K it makes 0.846, where 0.883 is true."
        ),
        _per_user,
    ),
    "penalty": Way(
        lambda: _("λ by the batch"),
        lambda: _(
            "Most code adds all of λ to the loss of each batch. Half the batch size, and the penalty counts twice: a λ "
            "that was published so means nothing without its batch size."
        ),
        _penalty,
    ),
    "filling": Way(
        lambda: _("Filling the holes"),
        lambda: _(
            "Put a 3 into every hole and the matrix is full: any network will do, and the loss is wonderful. What did "
            "it learn? That most ratings are 3, which you told it."
        ),
        _filling,
    ),
}
"""All six, in order."""
