"""What every step does to the world, seen from outside: files, output, secrets, and what the bare install lacks."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from support_bad import Tools, bad_release, make_source, tools
from support_bare import base_distributions, make_bare
from support_release import Release
from tagseal.steps import RELEASE_ORDER, STEPS, load, split_node

RUNNER_PROTOCOL = ("result.json", "record.json", "link.json")


@pytest.fixture(scope="module")
def build_tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    with tools(tmp_path_factory.mktemp("tools")) as found:
        yield found


@pytest.fixture
def made(tmp_path: Path, build_tools: Tools) -> Iterator[Release]:
    source = make_source(tmp_path / "source", build_tools.lock)
    with bad_release(tmp_path, build_tools, source) as found:
        yield found


def tree(folder: Path) -> Mapping[str, tuple[int, str]]:
    """Return path -> (mode, digest or link target) of everything but folders."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            data = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            found[path.relative_to(folder).as_posix()] = (path.lstat().st_mode, hashlib.sha256(data).hexdigest())
    return found


def declared(node: str) -> list[str]:
    """Return the path patterns that a node may write."""
    step, leg = split_node(node)
    entry = load(step)
    own = [f"{{me}}/{name}" for name in RUNNER_PROTOCOL]
    return [
        pattern.replace("{me}", f"steps/{node}") for pattern in (*own, *entry.writes, *entry.writes_by_leg.get(leg, ()))
    ]


@pytest.mark.promise("R23")
def test_a_step_changes_its_declared_files_and_nothing_else(made: Release) -> None:
    project = tree(made.project.path)
    for node in RELEASE_ORDER:
        before = tree(made.directory)
        ended = made.step(node)
        assert ended.exit_code == 0, (node, ended.data)
        after = tree(made.directory)
        assert {path: after.get(path) for path in before} == before, node
        new = sorted(after.keys() - before.keys())
        strays = [path for path in new if not any(fnmatchcase(path, pattern) for pattern in declared(node))]
        assert strays == [], node
        assert {f"steps/{node}/{name}" for name in RUNNER_PROTOCOL} <= set(new)
        entry = json.loads((made.directory / "steps" / node / "record.json").read_bytes())
        unrecorded = {f"steps/{node}/record.json", f"steps/{node}/link.json"}
        assert sorted(entry["outputs"]) == sorted(set(new) - unrecorded)
    assert tree(made.project.path) == project


def test_a_release_run_again_from_the_start_gives_the_same_results(made: Release) -> None:
    made.until("sign.release")
    sealed = [path for path in tree(made.directory) if path.split("/")[-1] not in {"record.json", "link.json"}]
    first = {path: (made.directory / path).read_bytes() for path in sealed}
    made.until("sign.release")
    later = {path: (made.directory / path).read_bytes() for path in sealed}
    own_run = {path for path in sealed if path.startswith("steps/provenance/") or path.endswith("build.log")}
    assert [path for path in sealed if first[path] != later[path] and path not in own_run] == []
    assert sorted(path for path in tree(made.directory) if path in first) == sorted(first)
    attempts = {
        node: json.loads((made.directory / "steps" / node / "record.json").read_bytes())["attempt"]
        for node in RELEASE_ORDER[: RELEASE_ORDER.index("sign.release")]
    }
    assert set(attempts.values()) == {2}


@pytest.mark.promise("R22")
def test_no_secret_is_in_any_file_or_output(made: Release) -> None:
    said = []
    for node in RELEASE_ORDER:
        secrets = {
            value
            for name, value in made.variables(node).items()
            if name in {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_TOKEN"}
        }
        ended = made.step(node)
        assert ended.exit_code == 0, (node, ended.data)
        said.append(json.dumps(ended.data) + ended.stderr)
        secrets |= {made.services.forge_token.reveal(), *made.services.index.service.tokens}
        for secret in secrets:
            assert secret not in " ".join(made.command(node))
            assert secret not in said[-1], node
            for path in made.directory.rglob("*"):
                assert path.is_dir() or secret.encode() not in path.read_bytes(), (node, path)
    assert made.services.index.service.tokens == {}


def test_a_person_sees_verdicts_and_no_progress_where_nobody_watches(made: Release) -> None:
    words = [word for word in made.command("verify-source") if word != "--json"]
    done = subprocess.run(
        words, env=made.variables("verify-source"), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "PASS verify-source"
    assert all(line.startswith("  PASS ") for line in lines[1:])
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bare(tmp_path_factory.mktemp("bare") / "venv")


def run_bare(bare: Path, folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [bare, "-m", "tagseal", *words], capture_output=True, text=True, check=False, cwd=folder, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_the_bare_install_is_small() -> None:
    assert base_distributions() == ["cffi", "cryptography", "packaging", "pycparser", "rfc3161-client"]


def test_the_bare_install_names_the_extra_that_is_missing(bare: Path, made: Release) -> None:
    made.until("release.draft")
    code, out, err = run_bare(bare, made.project.path.parent, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("tagseal ")
    words = ("release", "--json", "--release-dir", str(made.directory), "--trust-config", str(made.trust))
    code, out, err = run_bare(bare, made.project.path, *words)
    data = json.loads(out)
    assert (code, err, data["error"]["code"]) == (2, "", "extra-not-installed")
    assert "pip install 'tagseal[release]'" in data["error"]["fix"]
    assert made.audit().exit_code == 4
    code, out, err = run_bare(bare, made.project.path, "rehearse")
    assert (code, out) == (2, "")
    assert err.startswith("tagseal: extra-not-installed: This needs the package ")
    assert "Traceback" not in err


def test_the_bare_install_has_the_help_of_every_step(bare: Path, tmp_path: Path) -> None:
    for name in STEPS:
        code, out, err = run_bare(bare, tmp_path, name, "--help")
        assert (code, err) == (0, ""), name
        assert out.startswith(f"usage: tagseal {name} ")
