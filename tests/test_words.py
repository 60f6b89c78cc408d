"""Two languages: every sentence of the pages is in the catalogue, with the same values in it."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from streamlit.testing.v1 import AppTest

from autorec_core import datasets, defaults, hyperparameters
from pages.shared import charts, controls, frame, genres, words

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for path in (ROOT / "pages").rglob("*.py") if path.name not in ("__init__.py", "words.py"))
CATALOGUES = sorted((words.LOCALES / "zh").glob("*.po"))

SHOWN_FIRST = {
    *("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "write", "text"),
    *("button", "download_button", "link_button", "form_submit_button", "go_button", "popover", "expander", "spinner"),
    *("selectbox", "multiselect", "slider", "select_slider", "toggle", "checkbox", "radio", "segmented_control"),
    *("pills", "text_input", "text_area", "number_input", "file_uploader", "metric", "toast", "status"),
    *("TextColumn", "NumberColumn", "CheckboxColumn", "ProgressColumn", "DatetimeColumn", "LinkColumn", "Column"),
}
"""Calls whose first argument a visitor reads."""
SHOWN_SECOND = {"progress"}
SHOWN_BY_NAME = {"label", "help", "placeholder", "title", "alt", "see", "body"}
"""Arguments by name that a visitor reads, of the calls above, of a chart's parts, and of pictures."""
NO_WORDS = {
    *("AutoRec", "Playground", "I-AutoRec", "U-AutoRec", "RMSE", "NDCG", "CSV", "MovieLens", "MB", "autorec_core"),
    *("README", "PCA", "UMAP", "FDR", "MD5", "Python"),
}
"""What is written the same in every language."""
SAME = {
    *(
        "CSV",
        "%d %b %H:%M",
        "PCA",
        "UMAP",
        "NDCG",
        "FDR",
        "IMAX",
        "ReLU",
        "SELU",
        "Adam",
        "RProp",
        "L-BFGS",
        "sigmoid",
        "tanh",
    ),
    *("float32", "float64", "the matrix"),
}
"""Entries of the catalogues that are the same in Chinese: names, and a title to search for."""


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "pages").as_posix()


def called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def is_translating(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "later", "ngettext")


def sentences_of(path: Path) -> set[str]:
    """The literals that a file hands to `_`, `later` and `ngettext`; of a pair of forms, the one for many."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and is_translating(node):
            given = node.args[1 if called(node) == "ngettext" else 0]
            if isinstance(given, ast.Constant):
                assert isinstance(given.value, str)
                found.add(given.value)
            else:
                is_named = isinstance(given, (ast.Name, ast.Attribute, ast.Subscript, ast.Call))
                where = f"{path.name} line {node.lineno}"
                assert is_named, f"{where}: a sentence put together on the spot can't be translated"
                assert called(node) == "_", f"{where}: only a literal can be found"
    return found


def english_in(text: str) -> list[str]:
    """The words of a text that a translator would want to have, without marks, addresses and code."""
    plain = re.sub(r"`[^`]*`|<[^>]*>|:material/\w+:|:[a-z]+(-badge)?\[|https?://\S+|&\w+;", " ", text)
    return [word for word in re.findall(r"[A-Za-z][A-Za-z0-9_-]+", plain) if word not in NO_WORDS]


def texts_in(node: ast.AST, known: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The literal texts that an expression may show; what it calls for is left out, a name is looked up once."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.Name):
        for value in known.get(node.id, []):
            yield from texts_in(value, {})
    elif isinstance(node, ast.IfExp):
        yield from texts_in(node.body, known)
        yield from texts_in(node.orelse, known)
    elif isinstance(node, (ast.JoinedStr, ast.BinOp, ast.BoolOp, ast.List, ast.Tuple, ast.FormattedValue)):
        for child in ast.iter_child_nodes(node):
            yield from texts_in(child, known)


def shown_of(node: ast.Call) -> Iterator[ast.expr]:
    """What a call shows."""
    name, place = called(node), 1 if called(node) in SHOWN_SECOND else 0
    of_chart = (
        isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "alt"
    )
    if name in SHOWN_FIRST | SHOWN_SECOND and len(node.args) > place:
        yield node.args[place]
    if name in ("tabs",) and node.args:
        yield node.args[0]
    for keyword in node.keywords:
        if keyword.arg in SHOWN_BY_NAME or (keyword.arg == "text" and not of_chart and name == "progress"):
            yield keyword.value
    if of_chart and name == "Tooltip" and not any(keyword.arg == "title" for keyword in node.keywords):
        yield node.args[0]  # the field's own name is shown
    for keyword in node.keywords:
        if keyword.arg == "tooltip" and isinstance(keyword.value, ast.List):
            yield from (one for one in keyword.value.elts if isinstance(one, ast.Constant))


def bare_texts(path: Path) -> list[str]:
    """The English that a file shows without asking the catalogue for it."""
    found = []
    tree = tree_of(path)
    scopes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    for scope in scopes:
        known: dict[str, list[ast.expr]] = {}
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                known.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                known.setdefault(node.target.id, []).append(node.value)
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and not is_logging(node):
                for shown in shown_of(node):
                    text = " … ".join(texts_in(shown, {} if scope is tree else known))
                    if english_in(text):
                        found.append(f"line {node.lineno}: {text}")
    return sorted({*found, *prose_of(tree)})


def is_logging(node: ast.AST) -> bool:
    """Whether it writes to the log, which is for the operator and in English."""
    function = node.func if isinstance(node, ast.Call) else None
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "_LOG"


def prose_of(tree: ast.Module) -> Iterator[str]:
    """Sentences anywhere in a file, three words or more, that are neither translated nor raised nor a docstring."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if is_translating(node) or is_logging(node) or isinstance(node, (ast.Raise, ast.Assert)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", node.value, flags=re.DOTALL)
            if re.search(r"[A-Za-z]{2,},? [a-z]+,? [a-z]{2,}", text) and not re.search(r"[{};]|https?:", text):
                yield f"line {node.lineno}: {node.value}"
        waiting.extend(ast.iter_child_nodes(node))


def values_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def missing_of(path: Path) -> list[str]:
    known = words.catalogue("zh")
    return sorted(sentence for sentence in sentences_of(path) if sentence not in known)


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_no_sentence_of_a_page_is_missing_in_chinese(source: Path) -> None:
    assert missing_of(source) == []


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_nothing_that_is_shown_is_english_alone(source: Path) -> None:
    assert bare_texts(source) == []


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_nothing_translated_is_kept_for_visitors_of_the_other_language(source: Path) -> None:
    kept = [
        node
        for node in ast.walk(tree_of(source))
        if isinstance(node, ast.FunctionDef)
        and any("cache" in ast.unparse(one) for one in node.decorator_list)
        and "language" not in {argument.arg for argument in node.args.args}
    ]
    assert [node.name for node in kept if any(map(is_translating, ast.walk(node)))] == []


def test_a_text_that_nobody_translates_is_found(tmp_path: Path) -> None:
    path = tmp_path / "page.py"
    path.write_text(
        "import streamlit as st\n"
        "left, right = st.columns(2)\n"
        "left.metric('Your ratings', 3)\n"
        "st.markdown(f'**{name}** has {3} of them')\n"
        "st.button(_('Start'), help='Begins the training.' if x else _('y'))\n"
        "def draw():\n"
        "    text = 'It begins'\n"
        "    st.caption(text)\n"
        "    return alt.X('x:Q', title='hidden units'), alt.Tooltip('given:Q')\n"
        "note = {'key': 'A sentence that nobody sees to.'}\n"
        "st.caption(f'**{number:.2f}** RMSE')\n"
        "st.selectbox(_('Movie'), ['one', 'two'], key='some_key')\n",
        encoding="utf-8",
    )
    lines = {int(text.split(":")[0].removeprefix("line ")) for text in bare_texts(path)}
    assert lines == {3, 4, 5, 8, 9, 10}


def test_no_word_of_the_core_that_pages_show_is_missing_in_chinese() -> None:
    shown = {choice.label for choice in map(hyperparameters.choice_of, hyperparameters.names())}
    shown |= {choice.help for choice in map(hyperparameters.choice_of, hyperparameters.names())}
    shown |= {
        controls.word_of(name, option)
        for name in hyperparameters.names()
        for option in hyperparameters.choice_of(name).options
    }
    shown |= {*controls.GROUPS.values(), *map(defaults.label_of, [defaults.FITTED, None])}
    shown |= {preset.label for preset in hyperparameters.PRESETS.values()}
    shown |= {preset.help for preset in hyperparameters.PRESETS.values()}
    shown |= {*frame.PAGES.values(), *frame.MENU} - {""}
    shown |= {known.licence for known in datasets.DATASETS.values()}
    shown |= {*charts.PARTS, charts.LEFT_OUT, charts.KNOWN}
    assert sorted(shown - set(words.catalogue("zh"))) == []


def test_every_genre_of_the_bundled_set_has_a_chinese_name() -> None:
    assert set(datasets.load(datasets.BUNDLED).items.genre_names) <= set(genres.GENRES)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_a_translation_names_the_same_values(path: Path) -> None:
    for entry in polib.pofile(str(path), encoding="utf-8"):
        told = entry.msgid_plural or entry.msgid
        said = entry.msgstr_plural[0] if entry.msgid_plural else entry.msgstr
        if "{" in told and "}" in told:
            assert values_in(said) == values_in(told) or (
                entry.msgid_plural and values_in(said) <= values_in(told) | {"count"}
            ), told


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_a_translation_is_chinese(path: Path) -> None:
    for entry in polib.pofile(str(path), encoding="utf-8"):
        said = entry.msgstr_plural[0] if entry.msgid_plural else entry.msgstr
        left = english_in(re.sub(r"\{[^}]*\}", "", said))
        assert re.search(r"[一-鿿]", said) or not left or entry.msgid in SAME, entry.msgid


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_bold_words_stay_bold_between_chinese_letters(path: Path) -> None:
    for entry in polib.pofile(str(path), encoding="utf-8"):
        said = entry.msgstr_plural[0] if entry.msgid_plural else entry.msgstr
        for bold in re.finditer(r"\*\*([^*]+)\*\*(\w?)", said):
            # Of a mark of punctuation inside and a letter outside CommonMark doesn't take the stars for an end.
            assert not (bold[2] and re.search(r"[。，：；！？）]$", bold[1])), said


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


def _page_with_a_choice() -> None:
    import streamlit as st

    from pages.shared import words

    named = dict(zip(st.session_state["values"], ["Home", "Train", "Search"], strict=True))
    words.switch()
    st.selectbox("Page", list(named), format_func=lambda value: words._(named[value]), key="picked")


@pytest.mark.parametrize("values", [("home", "train", "search"), (0, 1, 2), (0.0, 1.0, 0.5)])
def test_what_is_chosen_stays_chosen_when_the_language_changes(values: tuple[object, ...]) -> None:
    app = AppTest.from_function(_page_with_a_choice, default_timeout=30)
    app.session_state["values"] = values
    app.run()
    app.selectbox(key="picked").set_value(values[2]).run()
    app.selectbox(key="language").set_value("zh").run()
    assert app.selectbox(key="picked").options == ["首页", "训练", "搜索"]
    told = app.selectbox(key="picked").proto  # the browser is told anew: it knows options by their words
    assert (told.set_value, told.raw_value) == (True, "搜索")


def _page_with_a_box() -> None:
    import streamlit as st

    from pages.shared import words

    words.switch()
    calls = st.session_state.setdefault("calls", [])
    words.box("Page", [0.0, 1.0], format_func=lambda value: words._(["Home", "Train"][int(value)]), key="picked",
              on_change=lambda: calls.append(st.session_state["picked"]))  # fmt: skip


def test_what_a_late_browser_says_in_the_language_before_is_no_choice() -> None:
    app = AppTest.from_function(_page_with_a_box, default_timeout=30).run()
    app.selectbox(key="picked").set_value(1.0).run()
    app.selectbox(key="language").set_value("zh").run()
    late = app.selectbox(key="picked")
    late.options[1] = "Train"  # what it says was on its way when the language changed
    late.set_value("Train").run()
    assert not app.exception
    assert (app.selectbox(key="picked").value, app.session_state["calls"]) == (1.0, [1.0])
