"""Who may know whom: read off the source, so that a wrong import fails here and not in a year."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "autorec_core").glob("*.py"))
PAGES = sorted((ROOT / "pages").glob("*.py"))
SHARED = sorted((ROOT / "pages" / "shared").glob("*.py"))
ALL = [*CORE, *PAGES, *SHARED, ROOT / "app.py"]

IMPORT_TORCH = {"steps", "ranks", "engine", "model", "optimizers", "fit", "watching", "recording", "search"}
"""Modules that may import torch themselves: the network, and what sets its threads."""
REACH_TORCH = IMPORT_TORCH | {
    "training",
    "worker",
    "choosing",
    "reproduce",
    "reproduce_table",
    "cli_reproduce",
    "cli_train",
}
"""Modules that may come with it."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in ALL}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def imported_by(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports; of `from package import module`, the module."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} line {node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in NAMES else str(node.module))
    return frozenset(names)


def ours(path: Path) -> set[str]:
    return {name for name in imported_by(path) if name in NAMES}


def everything_reached(name: str) -> set[str]:
    reached, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += ours(NAMES[current])
    return reached


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_by(path)}


@pytest.fixture(params=ALL, ids=name_of)
def source(request: pytest.FixtureRequest) -> Path:
    return request.param  # type: ignore[no-any-return]


def test_there_is_source_to_look_at() -> None:
    assert len(CORE) > 20
    assert len(PAGES) > 4
    assert len(SHARED) > 5
    assert "torch" in packages(NAMES["autorec_core.engine"])
    assert "autorec_core.engine" in everything_reached("autorec_core.cli_train")


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_knows_no_browser_and_no_chart(path: Path) -> None:
    assert not packages(path) & {"streamlit", "altair", "plotly", "starlette", "matplotlib", "pages", "app"}


def test_torch_is_imported_only_where_the_network_is() -> None:
    found = {path.stem for path in ALL if "torch" in packages(path)}
    assert found <= IMPORT_TORCH


def test_numba_is_imported_only_where_the_compiled_passes_are() -> None:
    assert {path.stem for path in ALL if "numba" in packages(path)} == {"kernels"}


def test_torch_is_reached_only_from_where_training_happens() -> None:
    heavy = {f"autorec_core.{name}" for name in IMPORT_TORCH}
    reaching = {name for name in NAMES if everything_reached(name) & heavy}
    assert reaching <= {f"autorec_core.{name}" for name in REACH_TORCH}


@pytest.mark.parametrize("module", ["jobs", "runs", "recommender", "visitors", "evaluation", "catalogue"])
def test_what_serves_pages_leaves_torch_out_of_the_process(module: str) -> None:
    line = f"import sys, autorec_core.{module}; print(sorted({{'torch', 'streamlit'}} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_all_that_pages_import_of_the_core_leaves_torch_out_of_the_process() -> None:
    modules = sorted({name for path in [*PAGES, *SHARED] for name in ours(path) if name.startswith("autorec_core")})
    line = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"


def test_every_import_stands_at_the_top(source: Path) -> None:
    def inside(node: ast.AST) -> Iterator[ast.AST]:
        for function in ast.walk(node):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                yield from (found for found in ast.walk(function) if isinstance(found, (ast.Import, ast.ImportFrom)))

    assert [f"line {found.lineno}" for found in inside(tree_of(source))] == []  # type: ignore[attr-defined]


def test_nothing_is_imported_whole_by_a_star(source: Path) -> None:
    stars = [alias for node in ast.walk(tree_of(source)) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert "*" not in {alias.name for alias in stars}


def test_no_module_reaches_itself() -> None:
    for name, path in NAMES.items():
        for imported in ours(path):
            assert name not in everything_reached(imported), f"{name} -> {imported} -> … -> {name}"


def test_every_file_says_what_it_is(source: Path) -> None:
    if source.stat().st_size == 0:
        return
    assert ast.get_docstring(tree_of(source)), "no docstring"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_imports_no_page_and_defines_no_class(path: Path) -> None:
    pages = {name_of(page) for page in PAGES if page.stem != "__init__"}
    assert not imported_by(path) & pages
    assert [node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)] == []


@pytest.mark.parametrize("path", SHARED, ids=name_of)
def test_what_pages_share_imports_no_page(path: Path) -> None:
    assert not imported_by(path) & {name_of(page) for page in PAGES if page.stem != "__init__"}


def test_only_one_file_touches_the_session(source: Path) -> None:
    touches = [
        node
        for node in ast.walk(tree_of(source))
        if (isinstance(node, ast.Attribute) and node.attr == "session_state")
        or (isinstance(node, ast.alias) and node.name == "session_state")
        or (isinstance(node, ast.Constant) and node.value == "session_state")
    ]
    assert bool(touches) == (name_of(source) == "pages.shared.state")


def test_the_core_prints_only_from_the_command_line() -> None:
    printing = {
        path.stem
        for path in CORE
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing <= {"cli", "cli_common", "cli_train", "cli_reproduce", "cli_operate", "worker"}


def test_importing_the_core_makes_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    line = "import autorec_core.jobs, autorec_core.visitors, autorec_core.runs, autorec_core.datasets"
    environment = {"AUTOREC_HOME": str(home), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", line], cwd=tmp_path, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["autorec_core", "pages/shared"])
def test_the_drawing_of_the_house_names_each_module_once(folder: str) -> None:
    drawing = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("Imports run downward only")[0]
    _, after = drawing.split(f"    {folder}/\n")
    named: list[str] = []
    for line in after.split("      |\n")[0].splitlines():
        words = re.match(r"      ((?:[a-z_]+ )*[a-z_]+)(?:  |$)", line)
        named += words.group(1).split() if words else []
    assert sorted(named) == sorted(path.stem for path in (ROOT / folder).glob("*.py") if not path.stem.startswith("__"))
