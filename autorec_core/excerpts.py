"""A few lines of this package's own source, to be shown: read off the files, so that they can't drift from what runs.

The files are read as text and never imported, so that even the lines that need torch can be shown without it.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Excerpt:
    """Some statements of a function."""

    module: str
    """Name of the file in the package, without `.py`."""
    function: str
    """Qualified name of the function."""
    line: int
    """In the file, from 1."""
    code: str
    """The statements, without their indentation."""


def excerpt(module: str, function: str, begins: str = "", count: int = 0) -> Excerpt:
    """Some statements of a function of this package.

    Args:
        module: name of the file, without `.py`.
        function: qualified name, as `AutoRec.code`.
        begins: how the first statement begins; the body's first after its docstring where empty.
        count: so many statements from there on, of the same block; all to its end where 0.

    Raises:
        LookupError: there is no such function, or no statement in it begins so.
    """
    source, tree = _parsed(module)
    found = _function(tree, function)
    if found is None:
        raise LookupError(f"{module}.py has no function {function}.")
    for block in _blocks(found):
        for place, statement in enumerate(block):
            if _is_docstring(statement):
                continue
            text = ast.get_source_segment(source, statement) or ""
            if text.startswith(begins):
                last = block[place:][:count][-1] if count else block[-1]
                lines = source.splitlines()[statement.lineno - 1 : last.end_lineno]
                return Excerpt(module, function, statement.lineno, textwrap.dedent("\n".join(lines)))
    raise LookupError(f"No statement of {module}.{function} begins with {begins!r}.")


@cache
def _parsed(module: str) -> tuple[str, ast.Module]:
    source = (_FOLDER / f"{module}.py").read_text(encoding="utf-8")
    return source, ast.parse(source)


def _function(tree: ast.Module, name: str) -> _Function | None:
    inside: ast.AST = tree
    for part in name.split("."):
        found = next(
            (
                node
                for node in ast.walk(inside)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and node.name == part
                and node is not inside
            ),
            None,
        )
        if found is None:
            return None
        inside = found
    return inside if isinstance(inside, _Function) else None


def _blocks(function: _Function) -> Iterator[list[ast.stmt]]:
    """The blocks of statements of a function, the outermost first."""
    for node in ast.walk(function):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


OF_STEP: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    "vector": (("ratings", "Compressed.row", "", 0),),
    "mask": (("baselines", "damped_sums", "", 0),),
    "mask_drawn": (("averages", "ItemPrior.deviations", "", 0),),
    "encode": (
        ("fit", "Fit._prepare", "of_row = ", 2),
        ("trained_model", "TrainedModel.code_of", "activated", 2),
    ),
    "decode": (("trained_model", "TrainedModel.reconstruct_rows", "", 0),),
    "loss": (("steps", "AutogradSteps.__call__", "predicted = self.model.decoder", 2),),
    "gradient": (("engine", "_Decode.backward", "errors = ", 4),),
    "batch": (("fit", "Fit.batches", "for begin in parts", 1),),
    "regularisation": (("fit", "Fit._penalties", "decoder = ", 2),),
    "base": (("fit", "Fit.matrix", "", 0),),
    "fold_in": (("fold_in", "ItemBasedFoldIn.__init__", "rated = ", 4),),
    "fold_in_users": (("new_rows", "decode_rows", "", 0),),
    "ranking": (
        ("ordering", "ordered", "candidates = ", 2),
        ("ordering", "ordered", "scores += wishes.adventure", 1),
        ("ordering", "ordered", "order = ", 1),
    ),
}
"""For each step of the lesson, or of a model of another kind, the lines that do it."""


def of_step(step: str) -> list[Excerpt]:
    """The lines that do a step of the lesson."""
    return [excerpt(*arguments) for arguments in OF_STEP[step]]
