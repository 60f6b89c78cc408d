"""What the core says, in the visitor's language: its sentences are written in English, and known here by their form.

A run keeps how it ended as a sentence, and an error is one: neither knows who will read it. What is not known here
stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from pages.shared.words import _, language, later

FORMS = (
    # how a training ended
    later("All {epochs} epochs are done; epoch {best} was the best on validation."),
    later("No better epoch in {patience}; epoch {best} was the best on validation."),
    later("Stopped after epoch {epoch}; epoch {best} was the best on validation."),
    later("Diverged in epoch {epoch}: lower the learning rate. Until then epoch {best} was the best on validation."),
    later("The training diverged: the error left every bound. Lower the learning rate."),
    later("Stopped before the first epoch ended."),
    later("No epoch gave a finite validation RMSE. Lower the learning rate."),
    later("This server gives a training {seconds} seconds at most."),
    later("The model was fitted again to train and validation, for {epochs} epochs."),
    later("Of what it learnt beyond averages, {share} is kept: so much does validation support."),
    # how a search ended
    later("1 trial is done."),
    later("{number} trials are done."),
    later("Trial {trial} was the best on validation, {rmse}."),
    later("None went its whole way with a finite error."),
    # how one that broke off goes on
    later("It has not begun. It starts from the beginning."),
    later("Interrupted after epoch {epoch}. Resume goes on from epoch {checkpoint}."),
    later("Interrupted after epoch {epoch}. Resume goes on from the beginning."),
    later("Resume goes on after the last trial that is done."),
    later("The training worker stopped unexpectedly."),
    later("The training worker does not start; the server's log has the details."),
    later("The training failed unexpectedly; the server's log has the details."),
    later(
        "The memory ran out while it trained; what was saved before is there. Take fewer hidden units or a smaller set."
    ),
    later(
        "The ratings of run {run} have changed since it began, so it can't go on: it would be scored on what it learnt "
        "from. Start a new run."
    ),
    # the line of trainings
    later("{number} trainings wait already. Try again when some have ended."),
    later(
        "A visitor may have {most} trainings in line at a time, and you have {own}. Wait until one has ended, or leave "
        "the queue with one."
    ),
    later("The server is shutting down; no training can start."),
    later("Run {run} is in line already."),
    later("Run {run} is {state}; only an interrupted one can be resumed."),
    later("Run {run} is not being trained now."),
    later("Run {run} is being trained by another process. Wait for it or stop it."),
    later("Run {run} is being trained. Stop it first, then delete it."),
    later("Run {run} has no model yet. Let it end, or resume it."),
    later("There is no run {run} in {folder}."),
    later("Can't take back the deletion of run {run}: {why}."),
    # room
    later(
        "This training would need about {needed} of memory, and {free} are free. Take fewer hidden units or a smaller "
        "data set."
    ),
    # what was asked for
    later("A search needs at least one hyperparameter to try. Choose one."),
    later("The range of {name} must have a low end under its high end, got {low} to {high}."),
    later("{name} needs two values to try, got {number}."),
    later("No preset is called {name}. There are {names}."),
    later("No data set is called {name}. Did you mean {near}? There are {names}."),
    later("No data set is called {name}. There are {names}."),
    later("There is no setting called {name}. Did you mean {near}?"),
    later("There is no setting called {name}."),
    later("{name} must be a whole number between {low} and {high}, got {given}."),
    later("{name} must be between {low} and {high}, got {given}."),
    later("{name} must be one of {options}, got {given}."),
    later("{name} must be true or false, got {given}."),
    # files
    later("These ratings are not here any more. Bring them again."),
    later("These ratings are not here."),
    later("Can't write {file}: {why}."),
    later("Can't keep {title} in {folder}: {why}. Make room or choose another folder with AUTOREC_HOME."),
    later(
        "{what} needs {size} MB in {folder}, and {free} MB are free. Make room or choose another folder with "
        "AUTOREC_HOME."
    ),
    later("Can't fetch {what} from {url}: the server answers {answer}."),
    later("Can't fetch {what} from {url}: {why}."),
    later("The {come} MB that came are kept."),
    later("Try again later, or use {bundled}, which needs no network, or put the files of {title} into {folder}."),
)
"""The core's sentences; of two that a text may be, the one that says more comes first."""


def said(text: str) -> str:
    """A text of the core in the visitor's language, sentence by sentence; one that is not known stays English.

    >>> said("Stopped after epoch 3; epoch 2 was the best on validation.")
    'Stopped after epoch 3; epoch 2 was the best on validation.'
    """
    if language() == "en":
        return text
    parts = []
    while text:
        form, found = next(
            ((form, match) for form, pattern in _patterns() if (match := pattern.match(text))),
            ("", _SENTENCE.match(text)),
        )
        if found is None:
            return "".join([*parts, text])
        parts.append(_(form, **found.groupdict()) if form else found[0])
        text = text[found.end() :]
    return "".join(parts).strip()


_SENTENCE = re.compile(r".*?[.!?](?:\s+|$)", re.DOTALL)
"""Any sentence, with what parts it from the next one."""


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Each form and what it looks like, with what parts it from the next sentence; no value reaches over an end."""
    found = []
    for form in FORMS:
        pieces = re.split(r"\{(\w+)\}", form)
        pattern = "".join(
            rf"(?P<{piece}>(?:(?!\. ).)+?)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)
        )
        found.append((form, re.compile(rf"{pattern}(?:\s+|$)")))
    return found
