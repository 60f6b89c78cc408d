"""Two languages: every sentence of the pages is in the catalogue, with the same values in it."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import polib
import pytest
from streamlit.testing.v1 import AppTest

from autorec_core import hyperparameters
from pages.shared import frame, words

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for path in (ROOT / "pages").rglob("*.py") if path.name not in ("__init__.py", "words.py"))
CATALOGUES = sorted((words.LOCALES / "zh").glob("*.po"))


def sentences_of(path: Path) -> set[str]:
    """The literals that a file hands to `_`, `later` and `ngettext`; of a pair of forms, the one for many."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("_", "later", "ngettext")
        ):
            place = 1 if node.func.id == "ngettext" else 0
            given = node.args[place]
            if isinstance(given, ast.Constant):
                assert isinstance(given.value, str)
                found.add(given.value)
            else:
                assert node.func.id == "_" and isinstance(given, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)), (
                    f"{path.name} line {node.lineno}: a sentence put together on the spot can't be translated"
                )
    return found


def values_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_of_a_page_is_missing_in_chinese(source: Path) -> None:
    known = words.catalogue("zh")
    assert sorted(sentence for sentence in sentences_of(source) if sentence not in known) == []


def test_no_word_of_the_hyperparameters_is_missing_in_chinese() -> None:
    known = words.catalogue("zh")
    choices = [hyperparameters.choice_of(name) for name in hyperparameters.names()]
    shown = {text for choice in choices for text in (choice.label, choice.help, choice.group)}
    shown |= set(frame.PAGES.values())
    assert sorted(shown - set(known)) == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_a_translation_names_the_same_values(path: Path) -> None:
    for entry in polib.pofile(str(path), encoding="utf-8"):
        told = entry.msgid_plural or entry.msgid
        said = entry.msgstr_plural[0] if entry.msgid_plural else entry.msgstr
        if "{" in told and "}" in told:
            assert values_in(said) <= values_in(told) | {"count"}, told


def test_no_sentence_is_translated_twice() -> None:
    seen: dict[str, str] = {}
    for path in CATALOGUES:
        for entry in polib.pofile(str(path), encoding="utf-8"):
            told = entry.msgid_plural or entry.msgid
            assert told not in seen, f"{told!r} stands in {path.name} and in {seen[told]}"
            seen[told] = path.name


def test_a_visitor_who_chooses_chinese_reads_chinese() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["language"] = "zh"
    app.run()
    assert not app.exception
    assert any("一" <= letter <= "鿿" for text in app.markdown for letter in text.value)
