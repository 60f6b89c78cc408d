"""Would the tests notice if the core were wrong? mutmut makes it wrong in a thousand small ways and runs them.

    python -m benchmarks.mutants [MODULE ...] [--survivors] [--children 1] [--work mutants]

Each module gets a copy of the project in a folder of its own. There mutmut changes it and runs the tests that specify
it, in processes forked from one that has imported everything. `--survivors` runs again only what the tests did not
notice the last time; `cd mutants/MODULE && mutmut results` names them, and `mutmut show NAME` has the change.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TESTS = {
    "metrics": ("metrics",),
    "model": ("model", "training_model"),
    "recommender": ("recommender", "fold_in"),
    "splits": ("splits",),
    "training": ("training", "training_model", "training_resumed", "leaning", "item_noise", "reach", "properties"),
}
"""The files of tests that specify each module."""
LEFT_OUT = {"training": "comes_down or where_there_is or low_rank or any_model_that_was_kept"}
"""Whole trainings that take long and would notice only what others notice sooner."""
KILLED, TIMED_OUT = frozenset((1, 3)), frozenset((36, -24, 24, 152, 255))
"""mutmut's exit codes of mutants that a test failed for, and of those that ran into the limit of their time."""
SETTINGS = """
[tool.pytest.ini_options]
addopts = "-q"
pythonpath = ["."]
markers = ["browser: walks through the app in a real browser"]

[tool.mutmut]
source_paths = ["autorec_core"]
only_mutate = ["autorec_core/{module}.py"]
also_copy = ["conftest.py"]
pytest_add_cli_args = {arguments}
pytest_add_cli_args_test_selection = {tests}
timeout_multiplier = 5.0
track_dependencies = false
use_git_change_detection = false
"""
NO_SHRINKING = """\
from hypothesis import Phase, settings

settings.register_profile("mutants", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("mutants")
"""
"""One example that fails is enough; the smallest one is not looked for."""


def prepare(module: str, folder: Path) -> None:
    """Brings the copy of the project up to date; what mutmut found before stays."""
    folder.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", "e2e", "soak")
    for part in ("autorec_core", "tests"):
        shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(PROJECT / part, folder / part, ignore=ignored)
    tests = [f"tests/test_{name}.py" for name in TESTS[module]]
    arguments = ["-p", "no:cacheprovider"]
    if module in LEFT_OUT:
        arguments += ["-k", f"not ({LEFT_OUT[module]})"]
    settings = SETTINGS.format(module=module, tests=json.dumps(tests), arguments=json.dumps(arguments))
    (folder / "pyproject.toml").write_text(settings)
    (folder / "conftest.py").write_text(NO_SHRINKING)


def results(module: str, folder: Path) -> dict[str, int | None]:
    """mutmut's exit code of each mutant by its name; None where it was not run yet."""
    found = folder / "mutants" / "autorec_core" / f"{module}.py.meta"
    return json.loads(found.read_text())["exit_code_by_key"] if found.exists() else {}


def survivors(module: str, folder: Path) -> Iterator[str]:
    """Names of the mutants that no test has failed for: a busy machine runs into a limit of time for nothing."""
    yield from (name for name, code in results(module, folder).items() if code not in KILLED)


def main() -> None:
    """Runs mutmut module by module and prints a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--survivors", action="store_true", help="only those that no test failed for the last time")
    parser.add_argument("--children", type=int, default=1, help="mutants at once (default: 1)")
    parser.add_argument("--work", type=Path, default=PROJECT / "mutants", help="folder of the copies")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(TESTS):
        parser.error(f"{', '.join(sorted(unknown))}: not among {', '.join(TESTS)}.")
    # Threads that were started before a fork are not there after it.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    rows = []
    for module in arguments.modules or TESTS:
        folder = arguments.work / module
        prepare(module, folder)
        chosen = list(survivors(module, folder)) if arguments.survivors else []
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(arguments.children), *chosen]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        codes = list(results(module, folder).values())
        killed, late = (sum(code in of for code in codes) for of in (KILLED, TIMED_OUT))
        rows.append((f"`{module}`", len(codes), killed + late, len(codes) - killed - late, late))
    rows.append(("together", *(sum(row[place] for row in rows) for place in range(1, 5))))
    print("\n| module | mutants | noticed | not noticed | share | of these by a timeout |\n|---|---|---|---|---|---|")
    for name, total, noticed, left, late in rows:
        print(f"| {name} | {total:,} | {noticed:,} | {left:,} | {noticed / total:.1%} | {late:,} |")


if __name__ == "__main__":
    main()
