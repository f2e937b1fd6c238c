"""Ctrl-C and SIGKILL in every step: the directory stays sound, nothing unsealed is public, a re-run finishes."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

import pytest

from support_release import Release, codes, release
from tagseal.core import sums
from tagseal.steps import RELEASE_ORDER


def assert_sound(made: Release) -> None:
    """No record is altered or half written; what is missing makes the audit UNKNOWN, not FAIL."""
    if not (made.directory / "steps").is_dir():
        return
    ended = made.audit()
    assert ended.exit_code in {0, 4}, codes(ended)


def assert_nothing_unsealed_is_public(made: Release) -> None:
    files = made.services.index.service.files
    if not files:
        return
    sealed = sums.parse((made.directory / "SHA256SUMS").read_bytes())
    for name, stored in files.items():
        assert sealed[name] == f"sha256:{hashlib.sha256(stored.data).hexdigest()}"


def interrupt(made: Release, node: str, how: signal.Signals, exit_code: int) -> int:
    """Interrupt a node while it works; return how many tries it took: a quick step may end before the signal."""
    staging = made.directory / ".staging" / node
    for attempt in range(1, 8):
        ended = made.interrupted(node, how, staging.is_dir)
        if ended == exit_code:
            return attempt
        assert ended in {0, -how}, (node, ended)  # ended before, or while the interpreter was already leaving
        assert_sound(made)
    raise AssertionError(f"{node} was never interrupted")


@pytest.mark.promise("R14")
@pytest.mark.parametrize(("how", "exit_code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)], ids=["kill", "ctrl-c"])
def test_every_step_survives(tmp_path: Path, how: signal.Signals, exit_code: int) -> None:
    with release(tmp_path) as made:
        for node in RELEASE_ORDER:
            attempts = interrupt(made, node, how, exit_code)
            if attempts == 1:  # otherwise the step had ended before, and its record stays
                assert not (made.directory / "steps" / node / "record.json").exists(), node
            assert_sound(made)
            assert_nothing_unsealed_is_public(made)
            ended = made.step(node)
            assert ended.exit_code == 0, (node, ended.data)
        ended = made.audit()
        assert (ended.exit_code, ended.data["verdict"]) == (0, "PASS")
        assert not (made.directory / ".staging").exists()


@pytest.mark.parametrize("uploads", [1, 2])
def test_publish_cut_after_an_upload_resumes_by_digest(tmp_path: Path, uploads: int) -> None:
    with release(tmp_path) as made:
        made.until("publish")
        files = made.services.index.service.files
        assert made.interrupted("publish", signal.SIGKILL, lambda: len(files) >= uploads) == -9
        before = {name: stored.data for name, stored in files.items()}
        assert len(before) >= uploads
        ended = made.step("publish")
        assert ended.exit_code == 0, ended.data
        actions = {entry["name"]: entry["action"] for entry in ended.data["result"]["receipts"]}
        assert [actions[name] for name in before] == ["already-there"] * len(before)
        assert {name: stored.data for name, stored in files.items() if name in before} == before
        made.until("", first="verify-release")


def test_two_processes_do_not_run_one_step(tmp_path: Path) -> None:
    import fcntl
    import os

    with release(tmp_path) as made:
        folder = made.directory / "steps" / "verify-source"
        folder.mkdir(parents=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            ended = made.step("verify-source")
            assert (ended.exit_code, ended.error) == (2, "step-busy")
        finally:
            os.close(handle)
        assert made.step("verify-source").exit_code == 0
