"""The parts of the Compare page: the table, the pictures, and what can be done with one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from autorec_core import comparison, shelf
from autorec_core.comparison import SplitKey, Summary
from autorec_core.errors import AutoRecError
from autorec_core.hyperparameters import choice_of
from autorec_core.runs import Run, RunConfig
from pages.shared import compare_charts, figures, live, plain, services, state, visit
from pages.shared import pictures as pictures_
from pages.shared.palette import RUNS, ink
from pages.shared.words import _, later, ngettext

MOST_DRAWN = len(RUNS)
DRAWN_AT_FIRST = 6
MOST_AXES = 6
STARTER = later("Starter")
"""What the core calls the starter's run for short."""
EPOCH, SECONDS = later("epoch"), later("seconds")
"""What curves can be drawn over."""
_PROBLEM, _RESTORED = "_compare_problem", "_compare_restored"


@st.cache_resource(show_spinner=False, max_entries=300)
def _summary(run_id: str, stamp: int) -> Summary:
    return comparison.summary_of(services.run_store().get(run_id))


def summaries(runs: Sequence[Run]) -> list[Summary]:
    """The runs that can be read, pinned ones first; one is read again only when a file in its folder has changed."""
    found = []
    for run in runs:
        try:
            # each file's time, and not the latest: where the clock was set back, what changed last is not the latest
            times = frozenset((path.name, path.stat().st_mtime_ns) for path in run.folder.iterdir())
            found.append(_summary(run.id, hash(times)))
        except (OSError, AutoRecError):  # deleted at this very moment, or damaged: the others are still there
            continue
    return sorted(found, key=lambda summary: not summary.note.is_pinned)


def split_control(found: Sequence[Summary]) -> list[Summary]:
    """Draws the choice of a split where there are several; returns its runs."""
    groups = comparison.by_split(found)
    by_text: dict[str, SplitKey] = {}
    names: dict[str, str] = {}
    for key, group in groups.items():
        text, name = comparison.split_in_words(group[0].config), split_name(group[0].config)
        if text in by_text:
            text, name = f"{text}, other ratings", _("{split}, other ratings", split=name)
        by_text[text] = key
        names[text] = ngettext("{split}: {count} run", "{split}: {count} runs", len(group), split=name)
    most = max(by_text, key=lambda text: len(groups[by_text[text]]))
    state.put_among("compare_split", by_text, most)
    chosen = st.selectbox(
        _("Split"),
        list(by_text),
        format_func=names.__getitem__,
        key="compare_split",
        help=_(
            "Same ratings, same seed, same shares: the parts that a run learnt from, was chosen by and was tested on."
        ),
        persist_state="session",
    )
    st.caption(
        _(
            "Only runs on the same split are ranked against each other: on another split they sat another exam. "
            "Validation ranks them, since it is what may choose; the test is there to be read, not to be picked by."
        )
    )
    return groups[by_text[chosen]] if chosen in by_text else []


def split_name(config: RunConfig) -> str:
    """What people call the split of a run, as `comparison.split_in_words` has it, in the visitor's language."""
    share = 100 * config.test_fraction
    test = _("test {share:g} % newest", share=share) if config.by_time else _("test {share:g} % random", share=share)
    parts = [
        config.source.title,
        _("seed {seed}", seed=config.seed),
        _("own test set") if config.source.test_ratings is not None else test,
        _("validation {share:g} % of the rest", share=100 * config.valid_fraction),
    ]
    if config.holdout_users:
        parts.append(_("{share:g} % of the users held out", share=100 * config.holdout_users))
    return _(", ").join(parts)


def table(group: Sequence[Summary], labels: Mapping[str, str]) -> None:
    """Draws the runs as a table, the best first, with the hyperparameters that differ between them."""
    places, differing = comparison.ranks(group), comparison.differing(group)
    rows = pd.DataFrame(
        [
            {
                "rank": places.get(one.run_id),
                "run": labels[one.run_id],
                "valid": one.valid_rmse,
                "test": one.test_rmse,
                "seconds": one.seconds if one.curve else None,
                "epochs_done": len(one.curve),
                "parameters": one.num_parameters,
                "size": one.bytes_on_disk / 1e6,
                "pinned": one.note.is_pinned,
                **{name: getattr(one.hyperparameters, name) for name in differing},
            }
            for one in sorted(group, key=lambda one: places.get(one.run_id, len(group) + 1))
        ]
    )
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    columns = {
        "rank": number(
            _("Rank"), width=60, help=_("By validation RMSE, among the runs on this split that have ended.")
        ),
        "run": text(_("Run"), width="medium"),
        "pinned": st.column_config.CheckboxColumn(_("Pinned"), width=70),
        "valid": number(_("Validation RMSE"), format="%.4f", help=_("The lowest of its epochs.")),
        "test": number(_("Test RMSE"), format="%.4f", help=_("Scored once, at the end.")),
        "seconds": number(_("Seconds"), format="%.2f", help=_("Training of all epochs, without measuring and refit.")),
        "epochs_done": number(_("Epochs done"), format="%d"),
        "parameters": number(_("Parameters"), format="localized", help=_("Weights and biases.")),
        "size": number(_("MB on disk"), format="%.1f"),
    }
    for name in differing:
        choice, value = choice_of(name), rows[name].iloc[0]
        if isinstance(value, (str, bool)):
            rows[name] = [compare_charts.written(name, one) for one in rows[name].tolist()]
            columns[name] = text(_(choice.label), help=_(choice.help))
        else:
            columns[name] = number(_(choice.label), format="%g", help=_(choice.help))
    st.dataframe(
        rows,
        hide_index=True,
        height=38 + 35 * min(10, len(rows)),
        column_config=columns,
        placeholder="–",
        key="compare_table",
    )
    under_way = sum(not one.has_ended for one in group)
    if under_way:
        st.caption(
            ngettext(
                "{count} run has not ended: its figures are those so far, and it is tested and ranked at its end.",
                "{count} runs have not ended: their figures are those so far, and they are tested and ranked at "
                "their end.",
                under_way,
            )
        )


def drawn_control(group: Sequence[Summary], labels: Mapping[str, str]) -> list[Summary]:
    """Draws the choice of the runs in the pictures; returns them."""
    places = comparison.ranks(group)
    best_first = sorted(group, key=lambda one: (not one.note.is_pinned, places.get(one.run_id, len(group) + 1)))
    ids = [one.run_id for one in best_first if one.valid_rmse is not None]
    split = comparison.split_in_words(group[0].config) if group else ""
    key = f"compare_drawn_{split}"  # another split, another choice
    chosen_before = [run_id for run_id in state.get(key, ids[:DRAWN_AT_FIRST]) if run_id in ids]
    back = [run_id for run_id in state.get(_RESTORED, []) if run_id in ids and run_id not in chosen_before]
    state.put(key, [*chosen_before, *back][-MOST_DRAWN:])
    state.forget(_RESTORED)
    chosen = st.multiselect(
        _("In the pictures"),
        ids,
        format_func=lambda run_id: labels[run_id],
        key=key,
        max_selections=MOST_DRAWN,
        placeholder=_("Choose runs to draw"),
        help=_(
            "At first the pinned and the best, {first} of them; at most {most}.", first=DRAWN_AT_FIRST, most=MOST_DRAWN
        ),
    )
    return [one for one in best_first if one.run_id in chosen]


def pictures(drawn: Sequence[Summary], labels: Mapping[str, str]) -> None:
    """Draws curves, time against error, and the hyperparameters that make the difference."""
    if not drawn:
        st.info(_("Choose a run above, and its curve is drawn here."))
        return
    words = ink(st.context.theme.type)
    over = st.segmented_control(
        _("Curves over"),
        [EPOCH, SECONDS],
        default=EPOCH,
        format_func=_,
        required=True,
        key="compare_over",
        persist_state="session",
    )
    with pictures_.place("curves"):
        figures.show(
            compare_charts.curves(drawn, labels, over or EPOCH),
            key="compare_curves",
            alt=_("Validation RMSE of each run; the table above has the lowest of each."),
        )
    st.subheader(_("Time against error"), anchor=False)
    st.caption(_("The lower left is where to be: a low error, soon. The larger the point, the more parameters."))
    with pictures_.place("time"):
        figures.show(
            compare_charts.time_against_error(drawn, labels, words),
            key="compare_time",
            alt=_("Seconds of training against validation RMSE; the table above has both of each run."),
        )
    st.subheader(_("What makes the difference"), anchor=False)
    has_parallel = _parallel(drawn, labels, words)
    names = {"curves": _("Curves"), "time": _("Time against error")}
    names |= {"parallel": _("What makes the difference")} if has_parallel else {}
    pictures_.save_row("compare_pictures", names, "autorec-runs")


def _parallel(drawn: Sequence[Summary], labels: Mapping[str, str], words: str) -> bool:
    """Draws a line a run through the hyperparameters that differ; whether any do."""
    differing = comparison.differing(drawn)
    if not differing:
        st.caption(
            _("The runs in the pictures have the same hyperparameters. Train one with others to see what they do.")
        )
        return False
    most_varied = sorted(differing, key=lambda name: -len({getattr(one.hyperparameters, name) for one in drawn}))
    names = [name for name in differing if name in most_varied[:MOST_AXES]]
    left_out = [_(choice_of(name).label) for name in differing if name not in names]
    note = _(
        "A line a run, from setting to setting and on to its error. With few runs this shows what went together, not "
        "what caused it."
    )
    st.caption(note + (_(" Not drawn: {names}.", names=_(", ").join(left_out)) if left_out else ""))
    with pictures_.place("parallel"):
        figures.show(
            compare_charts.parallel(drawn, labels, names, words),
            key="compare_parallel",
            alt=_("The hyperparameters that differ and the validation RMSE, a line a run; the table has all values."),
        )
    return True


# -- what can be done with one run ------------------------------------------------------------------------------------


def actions(group: Sequence[Summary], labels: Mapping[str, str]) -> None:
    """Draws name, pin and deletion of one of the visitor's own runs."""
    own = [one for one in group if one.config.owner == state.owner()]
    if not own:
        st.caption(_("The starter model is everybody's: it can be neither named nor deleted."))
        return
    ids = [one.run_id for one in own]
    state.put_among("compare_run", ids, ids[0])
    with st.container(border=True, key="compare_actions"):
        which, called, pinned, gone = st.columns([1.3, 1.3, 0.5, 0.5], vertical_alignment="bottom")
        run_id = which.selectbox(_("One of your runs"), ids, format_func=lambda one: labels[one], key="compare_run")
        one = next(one for one in own if one.run_id == run_id)
        run = services.run_store().get(one.run_id)
        name_key, pin_key = f"compare_name_{run.id}", f"compare_pin_{run.id}"
        called.text_input(
            _("Name"),
            one.note.name,
            max_chars=shelf.LONGEST_NAME,
            key=name_key,
            placeholder=_("A name of your own"),
            on_change=lambda: _do(lambda: shelf.name(run, state.get(name_key) or "")),
        )
        pinned.toggle(
            _("Pin"),
            one.note.is_pinned,
            key=pin_key,
            help=_("Pinned runs come first, and are in the pictures."),
            on_change=lambda: _do(lambda: shelf.pin(run, bool(state.get(pin_key)))),
        )
        is_active = services.jobs().status(run.id).is_active
        gone.button(
            _("Delete"),
            key="compare_delete",
            disabled=is_active,
            on_click=_do,
            args=(lambda: shelf.delete(run),),
            help=_("Stop it on the Train page first.") if is_active else _("Hides it; it can be taken back for a day."),
        )
    if state.get(_PROBLEM):
        st.warning(plain.lines(_(state.get(_PROBLEM))))


def deleted() -> None:
    """Draws what this visitor deleted and can still take back."""
    for run in visit.deleted_runs():
        with st.container(horizontal=True, vertical_alignment="center", key=f"deleted_{run.id}"):
            name = plain.escaped(live.run_name(run))
            st.markdown(_("Deleted: {name}. It is removed for good after a day.", name=name), width="stretch")
            st.button(_("Undo"), key=f"undo_{run.id}", on_click=_do, args=(_restoring(run),))


def _restoring(run: Run) -> Callable[[], None]:
    def restore() -> None:
        shelf.restore(run)
        state.put(_RESTORED, [*state.get(_RESTORED, []), run.id])  # it comes back into the pictures

    return restore


def _do(act: Callable[[], None]) -> None:
    """Does what a control asks for, and keeps what it could not do for the next drawing."""
    try:
        act()
        state.put(_PROBLEM, None)
    except AutoRecError as error:
        state.put(_PROBLEM, error.sentence)
