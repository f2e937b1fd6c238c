"""The runner: what a leg may stand on, what it leaves, and what running it again changes."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from support_bad import assert_one_error, assert_sound, bad_release, make_source, tools
from support_release import Release, copied
from tagseal.core import record
from tagseal.core.record import Record

RECORD = "steps/hash/record.json"


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A release up to and with `hash`."""
    folder = tmp_path_factory.mktemp("release")
    with tools(folder / "tools") as found:
        source = make_source(folder / "source", found.lock)
        with bad_release(folder, found, source) as made:
            made.until("provenance")
            yield made


@pytest.fixture
def made(hashed: Release, tmp_path: Path) -> Release:
    return copied(hashed, tmp_path / "release")


def tree(folder: Path) -> Mapping[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read(made: Release, node: str) -> Record:
    return record.parse((made.directory / "steps" / node / "record.json").read_bytes())


def write(made: Release, node: str, entry: Record) -> None:
    (made.directory / "steps" / node / "record.json").write_bytes(record.dump(entry))


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def test_running_a_step_again_changes_the_record_alone(made: Release) -> None:
    before = tree(made.directory)
    assert made.step("hash").exit_code == 0
    assert changed(before, tree(made.directory)) == ["steps/hash/link.json", "steps/hash/record.json"]
    first, second = record.parse((made.directory / RECORD).read_bytes()), read(made, "hash")
    assert (first.attempt, second.attempt) == (2, 2)
    assert made.step("hash").exit_code == 0
    third = read(made, "hash")
    assert third.attempt == 3
    assert third.run_id == second.run_id
    assert (third.inputs, third.outputs, third.predecessors) == (second.inputs, second.outputs, second.predecessors)
    assert_sound(made)


def test_a_record_says_what_was_read_written_and_stood_on(made: Release) -> None:
    entry = read(made, "hash")
    assert sorted(entry.inputs) == [
        "dist/example_widget-1.0.0-py3-none-any.whl",
        "dist/example_widget-1.0.0.tar.gz",
        "steps/build.a/result.json",
        "steps/inspect/result.json",
    ]
    assert sorted(entry.outputs) == ["SHA256SUMS", "steps/hash/result.json", "steps/hash/subjects.b64"]
    assert sorted(entry.predecessors) == ["build.a", "compare", "inspect"]
    assert sorted(entry.tools) == ["python", "tagseal"]
    assert entry.started_at < entry.finished_at
    for path, digest in {**entry.inputs, **entry.outputs}.items():
        assert digest == f"sha256:{hashlib.sha256((made.directory / path).read_bytes()).hexdigest()}"
    data = json.loads((made.directory / "steps/hash/result.json").read_bytes())
    assert data["schema"] == "https://github.com/tagseal/tagseal/docs/reference/schemas/hash.v1.json"


def test_a_step_before_its_predecessors(tmp_path: Path, hashed: Release) -> None:
    empty = replace(hashed, directory=tmp_path / "new" / "release")
    ended = empty.step("compare")
    assert_one_error(ended, "step-not-run", 2)
    assert "verify-source" in ended.data["error"]["what"]
    assert list(empty.directory.rglob("*")) == []


def test_a_leg_that_is_not_there(made: Release) -> None:
    before = tree(made.directory)
    ended = made.step("hash.c")
    assert_one_error(ended, "leg-unknown", 2)
    assert ended.data["error"]["what"] == "The step hash has no leg 'c'; it has no legs."
    assert made.step("build.c").data["error"]["what"] == "The step build has no leg 'c'; it has a, b."
    assert tree(made.directory) == before


def test_a_step_on_a_predecessor_that_failed(made: Release) -> None:
    (made.directory / "dist" / "stray.whl").write_bytes(b"")
    assert made.step("inspect").exit_code == 1
    before = tree(made.directory)
    assert_one_error(made.step("hash"), "step-failed", 1)
    assert tree(made.directory) == before


def test_a_step_on_a_record_that_was_made_anew(made: Release) -> None:
    assert made.step("build.a").exit_code == 0
    ended = made.step("inspect")
    assert_one_error(ended, "record-edited", 1)
    assert ended.data["error"]["fix"] == "Run compare again: build.a has run since."
    made.until("provenance", first="compare")
    assert_sound(made)


@pytest.mark.promise("R23")
def test_a_step_on_records_of_another_run_or_node(made: Release) -> None:
    entry = read(made, "inspect")
    write(made, "inspect", replace(entry, run_id="local/another"))
    assert_one_error(made.step("hash"), "record-foreign-run", 1)
    write(made, "inspect", replace(entry, step="compare"))
    assert_one_error(made.step("hash"), "record-edited", 1)
    write(made, "inspect", entry)
    assert made.step("hash").exit_code == 0


@pytest.mark.promise("R14")
def test_a_file_changed_between_two_steps(made: Release) -> None:
    wheel = made.directory / "dist" / "example_widget-1.0.0-py3-none-any.whl"
    good = wheel.read_bytes()
    wheel.write_bytes(good + b"x")
    assert_one_error(made.step("hash"), "release-file-changed", 1)
    assert not (made.directory / "SHA256SUMS").exists()
    assert sorted(path.name for path in (made.directory / "steps" / "hash").iterdir()) == [
        "link.json",
        "record.json",
        "result.json",
    ]
    assert read(made, "hash").verdict == "FAIL"
    assert_one_error(made.step("provenance"), "step-failed", 1)
    wheel.write_bytes(good)
    assert made.step("hash").exit_code == 0
    assert (made.directory / "SHA256SUMS").exists()
    assert_sound(made)


def test_an_own_record_that_cannot_be_read_is_replaced(made: Release) -> None:
    (made.directory / RECORD).write_bytes(b"\x00" * 100)
    assert made.step("hash").exit_code == 0
    assert read(made, "hash").attempt == 1
    assert_sound(made)


def test_a_predecessor_s_record_that_cannot_be_read(made: Release) -> None:
    path = made.directory / "steps" / "inspect" / "record.json"
    path.write_bytes(b"\x00" * 100)
    assert_one_error(made.step("hash"), "json-invalid", 1)
    path.write_bytes(b"{}")
    assert_one_error(made.step("hash"), "result-invalid", 1)
    path.unlink()
    assert_one_error(made.step("hash"), "step-not-run", 2)


def test_strict_turns_unknown_into_an_exit_code(made: Release) -> None:
    ended = made.step("build.a", "--sandbox", "process")
    assert (ended.exit_code, ended.data["verdict"]) == (0, "UNKNOWN")
    ended = made.step("build.a", "--sandbox", "process", "--strict")
    assert (ended.exit_code, ended.data["exit_code"], ended.data["verdict"]) == (4, 4, "UNKNOWN")
    assert read(made, "build.a").verdict == "UNKNOWN"


def test_a_disk_that_is_full_leaves_the_step_before(made: Release) -> None:
    before = tree(made.directory)
    limited = ["prlimit", "--fsize=200", *made.command("hash")]
    variables = made.variables("hash")
    variables.pop("COVERAGE_PROCESS_CONFIG", None)  # it would want to write, too
    done = subprocess.run(limited, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    data = json.loads(done.stdout)
    assert (done.returncode, data["error"]["code"]) == (2, "release-dir-unusable")
    assert tree(made.directory) == before
    assert made.step("hash").exit_code == 0
    assert_sound(made)


def test_the_directory_that_is_no_folder(tmp_path: Path, hashed: Release) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert_one_error(replace(hashed, directory=tmp_path / "file").step("verify-source"), "release-dir-unusable", 2)
    assert (tmp_path / "file").read_bytes() == b""
