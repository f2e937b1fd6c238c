# ruff: noqa: F811 - fixtures are imported, and named again as arguments
from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support_publish import BUILDER, SDIST, WHEEL, Rig
from support_rig import rig, sigstore, template  # noqa: F401 - fixtures
from tagseal.core.checks import Verdict
from tagseal.errors import TagsealError
from tagseal.steps import publish, verify_release


@pytest.fixture(autouse=True)
def published(rig: Rig) -> None:
    assert rig.step("release.draft").error is None
    assert rig.step("publish", publish.Params()).error is None


def report(rig: Rig) -> tuple[dict[str, object], str]:
    assert rig.step("verify-release", verify_release.Params()).error is None
    assert rig.step("report").error is None
    return json.loads((rig.folder / "report.json").read_bytes()), (rig.folder / "report.md").read_text()


def control(data: dict[str, object], row: str) -> tuple[str, str]:
    controls = data["controls"]
    assert isinstance(controls, list)
    found = next(entry for entry in controls if entry["id"] == row)
    return found["verdict"], found["reason"]


@pytest.mark.promise("R23")
def test_the_report_shows_each_control_with_its_evidence(rig: Rig) -> None:
    data, text = report(rig)
    assert data["verdict"] == "PASS"
    assert data["builder_id"] == BUILDER
    assert control(data, "R10") == ("PASS", "5 findings agree.")
    assert control(data, "R23") == ("PASS", "11 findings agree.")
    assert control(data, "R11") == ("UNKNOWN", "No step of this run reported on it.")
    assert data["not_covered"] == ["R1-R4", "R8", "R14-R19", "R21", "R25", "R28-R36"]
    assert [entry["is_verified"] for entry in data["files"]] == [True, True]  # type: ignore[attr-defined]
    assert text.startswith("# tinyproj 1.2.3: PASS\n")
    for name in (WHEEL, SDIST):
        assert f"| `{name}` |" in text
    assert "| R10 | Hashes are equal on every channel | PASS | 5 findings agree. |" in text
    assert "compliant" not in text.lower()
    assert "sha256sum --check SHA256SUMS" in text


def test_deviations_come_first(rig: Rig) -> None:
    rig.builder_digest = ""
    rig.connect()
    data, text = report(rig)
    assert data["verdict"] == "UNKNOWN"
    assert control(data, "R6")[0] == "UNKNOWN"
    assert text.index("| UNKNOWN | verify-release | `builder-commit` |") < text.index("## Controls")


def test_the_same_inputs_give_the_same_bytes(rig: Rig) -> None:
    report(rig)
    first = (rig.folder / "report.json").read_bytes(), (rig.folder / "report.md").read_bytes()
    assert rig.step("report").verdict is Verdict.PASS
    assert ((rig.folder / "report.json").read_bytes(), (rig.folder / "report.md").read_bytes()) == first


@pytest.mark.peer("sigstore")
def test_the_printed_commands_accept_what_the_public_downloads(rig: Rig, tmp_path: Path) -> None:
    data, _ = report(rig)
    assert rig.step("release.complete").error is None
    for asset in next(iter(rig.forge.releases.values())).assets:
        (tmp_path / asset.name).write_bytes(asset.data)
    trust = tmp_path / "client_trust_config.json"
    trust.write_text(rig.sigstore.trust_config_json())
    lines = [shlex.split(line) for line in data["commands"]]  # type: ignore[attr-defined]
    assert lines[0] == ["sha256sum", "--check", "SHA256SUMS"]
    subprocess.run(lines[0], cwd=tmp_path, check=True, capture_output=True)
    signed = [line for line in lines if line[0] == "sigstore"]
    assert len(signed) == 3
    for line in signed[:2]:  # one file of each kind: the command takes a second
        command = [sys.executable, "-m", "sigstore", "--trust-config", str(trust), *line[1:]]
        done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (tmp_path / WHEEL).write_bytes(b"other bytes")
    assert subprocess.run(lines[0], cwd=tmp_path, check=False, capture_output=True).returncode == 1


def test_without_a_verified_release_there_is_no_report(rig: Rig) -> None:
    with pytest.raises(TagsealError) as caught:
        rig.step("report")
    assert caught.value.code.id == "step-not-run"
    assert not (rig.folder / "report.md").exists()
