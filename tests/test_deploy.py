"""What the files for a deployment name is there: held against the source, as no container is built by a test."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from autorec_core import settings

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
TORCH_LOCK = (ROOT / "requirements-torch.lock").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
KNOWN = {setting.name for setting in settings.ALL}


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = (re.fullmatch(r"([\w.-]+)(?:\[\w+\])?==([\w.+]+)(?:\s.*)?", line) for line in lines)
    return {match[1].lower(): match[2] for match in found if match}


def test_what_the_image_copies_is_there_and_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M) for source in line.split()}
    assert copied == let_through
    for name in copied:
        assert (ROOT / name).exists(), name


def test_the_image_runs_without_rights_and_answers_its_health_check() -> None:
    assert re.search(r"^USER (?!root)\w+$", DOCKERFILE, re.M)
    assert DOCKERFILE.index("USER autorec") < DOCKERFILE.index('CMD ["streamlit"')
    assert "HEALTHCHECK" in DOCKERFILE
    assert "/_stcore/health" in DOCKERFILE
    assert re.findall(r"AUTOREC_\w+", DOCKERFILE)
    assert set(re.findall(r"AUTOREC_\w+", DOCKERFILE)) <= KNOWN
    code = re.search(r'"-c", "(.+)"\]', DOCKERFILE)
    assert code is not None
    compile(code[1], "health check", "exec")


def test_the_lock_has_all_that_is_pinned_at_the_same_version_and_every_file_by_its_hash() -> None:
    wanted = pinned("requirements.txt") | pinned("requirements-server.txt")
    locked = pinned("requirements.lock") | pinned("requirements-torch.lock")
    assert {name: locked.get(name, "").removesuffix("+cpu") for name in wanted} == wanted
    entries = re.split(r"^(?=[\w.-]+(?:\[\w+\])?==)", LOCK + TORCH_LOCK, flags=re.M)[1:]
    assert len(entries) == len(locked) > 40
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:60]


def test_the_lock_has_all_that_the_packages_need_so_that_no_other_one_is_fetched() -> None:
    locked = {name.replace("_", "-") for name in pinned("requirements.lock") | pinned("requirements-torch.lock")}
    needed: set[str] = set()
    for name in locked:
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed.add(requirement.name.lower().replace("_", "-"))
    assert needed <= locked


def test_the_image_installs_nothing_but_files_of_known_hashes() -> None:
    installs = re.findall(r"^RUN (.*pip install.*)$", DOCKERFILE, re.M)
    assert len(installs) == 2
    for install in installs:
        assert " --require-hashes " in install
        assert not re.search(r"\w==", install)


@pytest.mark.parametrize("said", [(), ("TORCH_INDEX=",)])
def test_the_first_make_says_what_it_does_and_takes_torch_without_cuda_on_linux(said: tuple[str, ...]) -> None:
    index = "https://download.pytorch.org/whl/cpu" if sys.platform == "linux" and not said else ""
    make = ["make", "--no-print-directory", "--dry-run", "--always-make", "app", *said]  # make runs the tests, too
    steps = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [bool(step.startswith("echo ")) for step in steps if not step.startswith((" ", "touch"))] == (
        [True, False] * (4 if index else 3)
    )
    installs = [step for step in steps if " install " in step and not step.startswith("echo")]
    assert "--quiet" not in " ".join(installs)
    assert [f"--index-url {index} torch=={pinned('requirements.txt')['torch']}" in step for step in installs] == (
        [True, False] if index else [False]
    )


@pytest.fixture
def compose() -> dict[str, dict]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_the_compose_file_names_settings_that_exist_and_keeps_what_must_be_kept(compose: dict[str, dict]) -> None:
    app, database = compose["services"]["app"], compose["services"]["database"]
    assert set(app["environment"]) <= KNOWN
    assert app["environment"]["AUTOREC_DATABASE_URL"].startswith("postgresql+psycopg://autorec:")
    assert "psycopg" in pinned("requirements.lock")
    volumes = {volume.split(":")[0]: volume.split(":")[1] for volume in [*app["volumes"], *database["volumes"]]}
    assert set(volumes) == set(compose["volumes"])
    assert volumes["home"] == re.search(r"AUTOREC_HOME=(\S+)", DOCKERFILE)[1]
    assert all(port.startswith("127.0.0.1:") for port in app["ports"]), "the proxy alone reaches it"
    assert app["depends_on"]["database"]["condition"] == "service_healthy"
    assert "ports" not in database


def test_each_file_that_the_operators_page_names_is_there() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./-]+\.(?:py|md|txt|lock|yaml|toml))`", page):
        assert (ROOT / name).is_file(), name
    assert set(re.findall(r"AUTOREC_[A-Z_]+", page)) == KNOWN


def test_the_servers_own_settings_are_the_safe_ones() -> None:
    config = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    for line in (
        "enableXsrfProtection = true",
        "enableCORS = true",
        "maxUploadSize = 20",
        "gatherUsageStats = false",
        'showErrorDetails = "none"',
        'fileWatcherType = "none"',
        "enableAgentApi = false",
    ):
        assert re.search(rf"^{re.escape(line)}\b|^{re.escape(line)}\s", config, re.M), line
