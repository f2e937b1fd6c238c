from __future__ import annotations

import re
from pathlib import Path

from tagseal import actions_io

RUNNER = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/widget",
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_ATTEMPT": "2",
}


def test_the_runner_says_which_run_it_is(tmp_path: Path) -> None:
    run = actions_io.current_run(RUNNER, tmp_path, is_rehearsal=True)
    assert (run.id, run.attempt, run.repository) == ("acme/widget/actions/runs/77", 2, "acme/widget")
    assert run.is_actions
    assert not run.is_rehearsal


def test_only_the_runner_s_own_value_means_actions() -> None:
    assert actions_io.is_actions(RUNNER)
    assert not actions_io.is_actions({})
    assert not actions_io.is_actions({"GITHUB_ACTIONS": "1"})


def test_elsewhere_a_release_directory_is_one_run(tmp_path: Path) -> None:
    first, second = (actions_io.current_run({}, tmp_path, is_rehearsal=False) for _ in range(2))
    assert re.fullmatch(r"local/[0-9a-f]{32}", first.id)
    assert first.id != second.id
    folder = tmp_path / "steps" / "verify-source"
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(b'{"run_id": "local/here"}')
    (folder / "result.json").write_bytes(b'{"repository": "acme/widget"}')
    run = actions_io.current_run({}, tmp_path, is_rehearsal=True)
    assert (run.id, run.attempt, run.repository) == ("local/here", 1, "acme/widget")
    assert run.is_rehearsal
    assert not run.is_actions


def test_an_unreadable_record_begins_a_new_run(tmp_path: Path) -> None:
    folder = tmp_path / "steps" / "verify-source"
    folder.mkdir(parents=True)
    for data in (b"", b"[]", b'{"run_id": 1}'):
        (folder / "record.json").write_bytes(data)
        run = actions_io.current_run({}, tmp_path, is_rehearsal=False)
        assert run.id.startswith("local/")
        assert run.repository is None


def test_the_forge_token() -> None:
    assert actions_io.forge_token({}) is None
    assert actions_io.forge_token({"GITHUB_TOKEN": ""}) is None
    token = actions_io.forge_token({"GITHUB_TOKEN": "ghs_0123456789"})
    assert token is not None
    assert token.reveal() == "ghs_0123456789"
    assert "ghs_0123456789" not in repr(token)
