"""The gates are on, for everything: the command line and the entrypoint too."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from support_registry import SRC, TOP

PYPROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())
REGISTRY_HOSTS = re.compile(
    r"pypi\.org|pythonhosted\.org|crates\.io|registry\.npmjs\.org|proxy\.golang\.org|repo1?\.maven|deb\.debian\.org"
)


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        check=True,
    )
    return [TOP / name for name in done.stdout.decode().split("\0") if name and (TOP / name).is_file()]


def test_coverage_leaves_nothing_out() -> None:
    coverage = PYPROJECT["tool"]["coverage"]
    assert coverage["run"]["source"] == ["tagseal", "entrypoint"]
    assert coverage["run"]["branch"] is True
    assert "omit" not in coverage["run"]
    assert "omit" not in coverage["report"]
    assert "exclude_lines" not in coverage["report"]
    assert coverage["report"]["fail_under"] >= 85


def test_types_are_checked_everywhere() -> None:
    mypy = PYPROJECT["tool"]["mypy"]
    assert mypy["strict"] is True
    assert mypy["files"] == ["src", "tests", "entrypoint.py"]
    assert mypy["exclude"] == ["^tests/projects/"]
    assert all("ignore_errors" not in entry for entry in mypy["overrides"])


def test_lint_takes_every_rule_and_gives_a_reason_for_each_exception() -> None:
    lint = PYPROJECT["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert "exclude" not in PYPROJECT["tool"]["ruff"]
    text = (TOP / "pyproject.toml").read_text()
    block = text.partition("\nignore = [\n")[2].partition("\n]")[0]
    assert [line for line in block.splitlines() if "#" not in line] == []


def test_no_line_is_kept_out_of_coverage_or_typing_without_a_code() -> None:
    found = []
    for path in SRC.rglob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if (
                "pragma: no cover" in line
                or re.search(r"#\s*type:\s*ignore(?!\[)", line)
                or re.search(r"#\s*noqa(?!:)", line)
            ):
                found.append(f"{path.relative_to(TOP)}:{number}")
    assert found == []


def test_registry_hosts_stand_in_one_module() -> None:
    found = []
    for path in tracked():
        if path.name in {"trust_config.py", "test_gates.py", "go.sum"} or path.suffix in {".png", ".gz", ".whl"}:
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [
            f"{path.relative_to(TOP)}: {match.group()}"
            for match in REGISTRY_HOSTS.finditer(text)
            if not text[max(0, match.start() - 5) : match.start()].endswith("docs.")  # a predicate type's own name
        ]
    assert found == []


def test_base_images_and_actions_are_pinned() -> None:
    pins = TOP.parent / "shared" / "pins.md"
    dockerfile = (TOP / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE_IMAGE=\S*@(sha256:[0-9a-f]{64})", dockerfile, flags=re.MULTILINE)
    assert base, "the base image is not named by digest"
    assert re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE) == ["${BASE_IMAGE}"]
    if not pins.exists():
        assert not os.environ.get("CI")
        pytest.skip("the list of pins is not beside this checkout")
    assert base.group(1) in pins.read_text()


@pytest.mark.parametrize("name", ["setup", "base", "release", "rehearse", "dev"])
def test_requirements_are_locked_with_hashes(name: str) -> None:
    text = (TOP / "requirements" / f"{name}.txt").read_text()
    entries = re.findall(r"^(\S+?)==\S+.*?(?=^\S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert len(entries) >= 2
    blocks = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []
