"""The README says what is so: pages, flags, hyperparameters and files, each held against the source."""

import re
from pathlib import Path

from autorec_core import hyperparameters
from autorec_core.cli import _parser
from pages.shared import frame

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_each_hyperparameter_stands_in_the_table_with_its_default_and_help():
    for name in hyperparameters.names():
        default = getattr(hyperparameters.Hyperparameters(), name)
        shown = {True: "yes", False: "no"}[default] if isinstance(default, bool) else default
        shown = f"{shown:g}" if isinstance(shown, int | float) else shown
        row = next(line for line in README.splitlines() if line.startswith(f"| `--{name.replace('_', '-')}` |"))
        assert row.split("|")[2].strip() == shown
        assert row.split("|")[4].strip() == hyperparameters.choice_of(name).help


def test_each_page_stands_in_the_readme_by_the_name_that_the_menu_has():
    pages = README.split("## What it can do")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^- \*\*([^*]+)\*\*:", pages, re.MULTILINE)) == sorted(frame.PAGES.values())
    assert set(frame.PAGES) == {page.stem for page in (ROOT / "pages").glob("[a-z]*.py")}


def test_each_preset_stands_in_the_readme():
    for name in hyperparameters.PRESETS:
        assert f"`{name}`" in README


def test_each_command_and_its_own_flags_stand_in_the_readme():
    commands = next(action for action in _parser()._actions if action.dest == "act" or action.choices).choices
    assert set(commands) == {
        "datasets",
        "train",
        "recommend",
        "runs",
        "reproduce",
        "evaluate",
        "status",
        "backup",
        "restore",
    }
    for name, command in commands.items():
        assert f"python -m autorec_core {name}" in README
        for action in command._actions:
            for flag in action.option_strings:
                if flag.startswith("--") and flag != "--help":
                    assert flag in README or flag.replace("--no-", "--") in README, flag


def test_each_make_target_of_the_readme_is_in_the_makefile():
    targets = set(re.findall(r"make ([a-z]+)", README))
    assert {"app", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_each_file_that_the_readme_names_is_there():
    for name in ("docs/architecture.md", "docs/screenshot.png", "requirements.txt", "requirements-dev.txt", "app.py"):
        assert name in README
        assert (ROOT / name).is_file()
    for name in re.findall(r"`((?:docs/|requirements)[a-z-]*\.(?:md|txt))`", README):
        assert (ROOT / name).is_file(), name
    for folder in re.findall(r"`([a-z_]+/)`", README):
        assert (ROOT / folder).is_dir() or folder in ("runs/", "datasets/")
