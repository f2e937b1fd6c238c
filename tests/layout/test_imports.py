"""Who may import whom, and what must not be imported at all until it is used."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support_registry import SRC, TOP, imports_of
from tagseal.steps import STEPS

CORE_MAY = {"cryptography", "rfc3161_client", "packaging", "tagseal.core", "tagseal.errors"}
STEPS_MAY = {
    "tagseal.core",
    "tagseal.errors",
    "tagseal.secret",
    "tagseal.step",
    "tagseal.context",
    "tagseal.ports",
    "tagseal.__version__",
    "tagseal.policy_file",
    "packaging",
}
STARTS_PROCESSES = {"adapters/process.py", "adapters/sandbox"}
OPENS_SOCKETS = {"adapters/sandbox", "rehearsal"}
KNOWS_THE_RUNNER = {"actions_io.py", "adapters/identity.py", "rehearsal", "adapters/sandbox"}


def sources(folder: str = "") -> list[Path]:
    return sorted((SRC / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


def is_below(path: Path, places: set[str]) -> bool:
    return any(relative(path) == place or relative(path).startswith(f"{place}/") for place in places)


def foreign(path: Path, allowed: set[str]) -> list[str]:
    found = []
    for name, line in imports_of(path):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or name == "tagseal":
            continue
        if not any(name == known or name.startswith(f"{known}.") for known in allowed):
            found.append(f"{relative(path)}:{line} imports {name}")
    return found


def test_core_imports_rules_and_cryptography_alone() -> None:
    assert [line for path in sources("core") for line in foreign(path, CORE_MAY)] == []


def test_core_does_no_io() -> None:
    banned = {"subprocess", "socket", "shutil", "tempfile", "urllib.request", "http.client", "requests"}
    found = [f"{relative(p)}:{line} {name}" for p in sources("core") for name, line in imports_of(p) if name in banned]
    assert found == []


def test_steps_import_core_and_contracts_but_no_adapter_and_no_other_step() -> None:
    modules = [path for path in sources("steps") if path.name != "__init__.py"]
    assert [line for path in modules for line in foreign(path, STEPS_MAY)] == []


def test_adapters_know_no_step_and_no_command() -> None:
    upward = ("tagseal.steps", "tagseal.commands", "tagseal.cli", "tagseal.rehearsal")
    found = [
        f"{relative(path)}:{line} {name}"
        for path in sources("adapters")
        for name, line in imports_of(path)
        if name.startswith(upward)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "places"),
    [("subprocess", STARTS_PROCESSES), ("socket", OPENS_SOCKETS), ("http.server", {"rehearsal"})],
)
def test_only_its_adapter_touches_an_outside_world(module: str, places: set[str]) -> None:
    found = [
        f"{relative(path)}:{line}"
        for path in sources()
        for name, line in imports_of(path)
        if name == module and not is_below(path, places) and "sandbox_scripts" not in relative(path)
    ]
    assert found == []


def test_only_the_runner_s_module_knows_its_variables() -> None:
    found = [
        relative(path)
        for path in sources()
        if any(f'"{prefix}' in path.read_text() for prefix in ("GITHUB_", "INPUT_", "RUNNER_"))
        and not is_below(path, KNOWS_THE_RUNNER)
    ]
    assert found == []


def loaded_by(words: list[str]) -> set[str]:
    """Return the modules that are loaded after `tagseal <words>`."""
    program = (
        "import sys\nfrom tagseal.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program],
        env={"PATH": "/usr/bin:/bin"},  # nothing of the test run's own: coverage would import itself
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        timeout=60,
    )
    return set(next(line for line in done.stdout.splitlines() if line.startswith("LOADED")).split()[1:])


@pytest.mark.parametrize("step", list(STEPS))
def test_only_the_chosen_step_is_imported(step: str) -> None:
    loaded = loaded_by([step, "--explain"])
    steps = {name for name in loaded if name.startswith("tagseal.steps.")}
    assert steps == {STEPS[step].module}
    assert not {"tagseal.rehearsal", "rich"} & loaded


def test_help_imports_no_step_and_no_command() -> None:
    loaded = loaded_by(["--help"])
    assert not [name for name in loaded if name.startswith(("tagseal.steps.", "tagseal.commands.", "tagseal.adapters"))]


def bare_install_may() -> set[str]:
    """Return the import names of the bare install's locked distributions."""
    import importlib.metadata

    names = {line.split("==")[0] for line in (TOP / "requirements/base.txt").read_text().splitlines() if "==" in line}
    found = {"tagseal"}
    for module, distributions in importlib.metadata.packages_distributions().items():
        if {name.lower().replace("_", "-") for name in distributions} & names:
            found.add(module)
    return found


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["hash", "--explain"], ["audit", "--help"]])
def test_the_bare_install_needs_no_release_package(words: list[str]) -> None:
    tops = {name.split(".")[0] for name in loaded_by(words)}
    ours = {name for name in tops if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert ours - bare_install_may() == set()


def test_the_bare_install_is_small() -> None:
    dependencies = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [name.split(">")[0] for name in dependencies] == ["cryptography", "packaging", "rfc3161-client"]
