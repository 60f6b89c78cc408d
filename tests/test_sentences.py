"""What the core says keeps its template and values, and a page says it in the visitor's language."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from autorec_core import errors
from autorec_core.errors import InvalidRatingsError, QueueError, Sentence, StorageError, joined
from autorec_core.imports import read_history
from autorec_core.uploads import read
from pages.shared import words

CORE = Path(errors.__file__).parent
NOT_FOR_VISITORS = {
    *("batch", "cli", "cli_common", "cli_operate", "cli_reproduce", "cli_train", "events", "fit", "operating"),
    *("recommender", "reproduce", "settings", "snapshots", "tensorboard"),
}
"""Modules whose errors a page does not show: of the command line, of the operator, of callers."""
MODULES = sorted(path for path in CORE.glob("*.py") if path.stem not in NOT_FOR_VISITORS)
SPEAKING = {"Sentence", *(name for name in vars(errors) if name.endswith("Error"))}


def templates_of(path: Path) -> Iterator[ast.expr]:
    """The first argument of each sentence and error that a module makes; of a name, what it was set to."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    set_to: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            set_to.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKING and node.args:
            given = node.args[0]
            for one in set_to.get(given.id, []) if isinstance(given, ast.Name) else [given]:
                yield from (one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_sentence_that_the_core_says_to_visitors_is_in_the_catalogue(path: Path) -> None:
    known = words.catalogue("zh")
    said = [node.value for node in templates_of(path) if isinstance(node, ast.Constant) and node.value]
    assert [text for text in said if text not in known] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_sentence_to_visitors_is_put_together_before_it_can_be_looked_up(path: Path) -> None:
    assert [node.lineno for node in templates_of(path) if isinstance(node, (ast.JoinedStr, ast.BinOp))] == []


def test_a_sentence_is_its_english_text_and_keeps_what_it_is_made_of() -> None:
    sentence = Sentence("{count:,} of {name}", count=1200, name="{a}.csv")
    assert sentence == "1,200 of {a}.csv"
    assert (sentence.template, sentence.values) == ("{count:,} of {name}", {"count": 1200, "name": "{a}.csv"})
    assert Sentence("{as it is}") == "{as it is}"
    assert Sentence(sentence) is sentence


def test_a_sentence_comes_whole_through_json_and_pickle() -> None:
    inner = Sentence("row {row}", row=np.int64(3))
    sentence = Sentence("{where}: {value:.2f}", where=inner, value=np.float32(0.5))
    for other in (Sentence.from_json(json.loads(json.dumps(sentence.to_json()))), pickle.loads(pickle.dumps(sentence))):
        assert other == "row 3: 0.50"
        assert other.template == sentence.template
        assert isinstance(other.values["where"], Sentence)


def test_an_error_keeps_its_sentence_through_a_pickle() -> None:
    error = pickle.loads(pickle.dumps(StorageError("Can't write {path}: {reason}.", path="a", reason="full")))
    assert str(error) == error.sentence == "Can't write a: full."
    assert error.sentence.template == "Can't write {path}: {reason}."


def test_an_error_of_the_core_is_said_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    error = QueueError("The line is full: it has room for {most}. Try again when one has ended.", most=7)
    assert words._(error.sentence) == "The line is full: it has room for 7. Try again when one has ended."
    monkeypatch.setattr(words, "language", lambda: "zh")
    assert words._(error.sentence) == "最多只能有 7 个训练在排队等待，现在已满。请等其中一个结束后再试。"


def test_faults_of_rows_are_said_in_chinese_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["user,item,rating", *(f"{number},1,x" for number in range(21)), "1,2,9,9"]
    with pytest.raises(InvalidRatingsError) as caught:
        read("own.csv", "\n".join(lines).encode())
    assert (
        str(caught.value).splitlines()[0]
        == "Row 2 of own.csv: rating 'x' is not a number. Correct it or delete the row."
    )
    assert str(caught.value).splitlines()[-1] == "… and 2 more such faults."
    monkeypatch.setattr(words, "language", lambda: "zh")
    said = words._(caught.value.sentence).splitlines()
    assert len(said) == 21
    assert said[0] == "own.csv 的第 2 行：评分 'x' 不是数字。请更正，或删除这一行。"
    assert said[-1] == "……另有 2 处同类错误。"


def test_the_reason_of_a_row_that_was_set_aside_is_said_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    history = read_history("ratings.csv", b"Const,Your Rating,Title,Title Type\ntt1,8,A,Movie\ntt2,99,B,Movie\n")
    assert [row.why for row in history.skipped] == ["has the rating 99, which is outside 1 to 10"]
    monkeypatch.setattr(words, "language", lambda: "zh")
    assert [words._(row.why) for row in history.skipped] == ["评分 99 超出 1 至 10"]


def test_what_nobody_translated_stays_english_around_what_somebody_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "language", lambda: "zh")
    assert (
        words._(joined(["Nobody translated this.", Sentence("the disk is full")])) == "Nobody translated this.磁盘已满"
    )
