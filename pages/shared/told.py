"""How a run ended, in the visitor's language: it keeps that as English sentences, which are known here by their form.

Whoever reads them may not be who trained it, and runs of earlier versions have theirs. What is not known here stays as
it is.
"""

from __future__ import annotations

import re
from functools import cache

from pages.shared.words import _, language, later

FORMS = (
    # how a training ended
    later("All {epochs} epochs are done; epoch {best} was the best on validation."),
    later("1 epoch is done; epoch {best} was the best on validation."),
    later("No better epoch in {patience}; epoch {best} was the best on validation."),
    later("Stopped after epoch {epoch}; epoch {best} was the best on validation."),
    later("Diverged in epoch {epoch}: lower the learning rate. Until then epoch {best} was the best on validation."),
    later("The training diverged: the error left every bound. Lower the learning rate."),
    later("Stopped before the first epoch ended."),
    later("No epoch gave a finite validation RMSE. Lower the learning rate."),
    later("This server gives a training {seconds} seconds at most."),
    later("The model was fitted again to train and validation, up to epoch {epochs}."),
    later("Of what it learnt beyond averages, {share} is kept: so much does validation support."),
    # how a search ended
    later("1 trial is done."),
    later("{number} trials are done."),
    later("Trial {trial} was the best on validation, {rmse}."),
    later("None went its whole way with a finite error."),
)
"""What the core writes at the end of a run, a form a sentence."""


def said(text: str) -> str:
    """What a run says of its end in the visitor's language, sentence by sentence; one that is not known stays English.

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
