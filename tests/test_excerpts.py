"""Code that pages show is there, is short, and is the code that runs."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from autorec_core import excerpts

SOURCE = Path(excerpts.__file__).parent


@pytest.mark.parametrize("step", excerpts.OF_STEP)
def test_each_excerpt_of_the_lesson_is_there_and_short(step: str) -> None:
    lines = 0
    for found in excerpts.of_step(step):
        text = (SOURCE / f"{found.module}.py").read_text(encoding="utf-8").splitlines()
        first = found.code.splitlines()[0]
        taken = text[found.line - 1 : found.line - 1 + len(found.code.splitlines())]
        assert textwrap.dedent("\n".join(taken)) == found.code
        assert not first.startswith(" ")
        lines += len(found.code.splitlines())
    assert 1 <= lines <= 8


def test_an_excerpt_is_the_statements_asked_for_without_the_docstring() -> None:
    found = excerpts.excerpt("metrics", "rmse")
    assert found.code.splitlines()[0] == "total, count = squared_error(predicted, given)"
    assert excerpts.excerpt("metrics", "rmse", "return").code.startswith("return math.sqrt")
    assert len(excerpts.excerpt("metrics", "squared_error", count=1).code.splitlines()) == 1


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(LookupError, match="has no function no_such"):
        excerpts.excerpt("metrics", "no_such")
    with pytest.raises(LookupError, match="No statement of"):
        excerpts.excerpt("metrics", "rmse", "no such statement")
