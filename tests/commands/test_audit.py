"""`tagseal audit` on a whole release, and on every way to alter its records."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support_release import Release, codes, copied, release
from tagseal.core import record
from tagseal.core.checks import Verdict
from tagseal.core.record import Record
from tagseal.steps import RELEASE_ORDER, STEPS, split_node


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with release(tmp_path_factory.mktemp("release")) as made:
        made.until("")
        yield made


@pytest.fixture
def made(whole: Release, tmp_path: Path) -> Release:
    return copied(whole, tmp_path / "release")


def path_of(made: Release, node: str, name: str = "record.json") -> Path:
    return made.directory / "steps" / node / name


def read(made: Release, node: str) -> Record:
    return record.parse(path_of(made, node).read_bytes())


def write(made: Release, node: str, entry: Record) -> None:
    path_of(made, node).write_bytes(record.dump(entry))
    path_of(made, node, "link.json").write_bytes(record.link(entry))


def recompute(made: Release, start: str) -> None:
    """Make every record after `start` fit the records and files as they are now."""
    order = list(RELEASE_ORDER)
    for node in order[order.index(start) :]:
        step, leg = split_node(node)
        entry = read(made, node)
        before = {name: record.digest(path_of(made, name).read_bytes()) for name in STEPS[step].legs[leg]}
        inputs = {path: digest_of(made, path) for path in entry.inputs}
        outputs = {path: digest_of(made, path) for path in entry.outputs}
        write(made, node, dataclasses.replace(entry, predecessors=before, inputs=inputs, outputs=outputs))


def digest_of(made: Release, path: str) -> str:
    return record.digest((made.directory / path).read_bytes())


@pytest.mark.promise("R23")
def test_a_whole_release_passes(made: Release) -> None:
    ended = made.audit()
    assert (ended.exit_code, ended.data["verdict"]) == (0, "PASS")
    signer = ["builder", "builder-commit", "builder-runner"]
    assert codes(ended, "PASS") == ["records-whole", "records-signed", *signer, "release-ended"]
    assert sorted(ended.data["result"]["graph"]) == sorted(RELEASE_ORDER)


@pytest.mark.promise("R23")
@pytest.mark.parametrize("node", RELEASE_ORDER)
def test_a_removed_record_is_refused(made: Release, node: str) -> None:
    path_of(made, node).unlink()
    ended = made.audit()
    assert ended.exit_code == 1
    expected = "release-file-added" if node == RELEASE_ORDER[-1] else "record-missing"
    assert expected in codes(ended)


@pytest.mark.promise("R23")
@pytest.mark.parametrize("node", RELEASE_ORDER)
def test_an_edited_record_is_refused(made: Release, node: str) -> None:
    entry = read(made, node)
    write(made, node, dataclasses.replace(entry, outputs={**entry.outputs, "dist/other.whl": "sha256:" + "0" * 64}))
    ended = made.audit()
    assert ended.exit_code == 1
    assert set(codes(ended)) & {"record-edited", "release-file-removed"}


@pytest.mark.promise("R23")
def test_an_added_record_is_refused(made: Release) -> None:
    entry = dataclasses.replace(read(made, "compare"), step="convince")
    path_of(made, "convince").parent.mkdir()
    write(made, "convince", entry)
    ended = made.audit()
    assert ended.exit_code == 1
    assert "record-added" in codes(ended)


@pytest.mark.promise("R23")
def test_a_record_of_another_run_is_refused(made: Release) -> None:
    write(made, "inspect", dataclasses.replace(read(made, "inspect"), run_id="local/another"))
    ended = made.audit()
    assert ended.exit_code == 1
    assert {"record-foreign-run", "record-edited"} <= set(codes(ended))


@pytest.mark.promise("R23")
def test_reordered_records_are_refused(made: Release) -> None:
    first, second = read(made, "compare"), read(made, "inspect")
    write(made, "compare", dataclasses.replace(first, started_at=second.started_at, finished_at=second.finished_at))
    write(made, "inspect", dataclasses.replace(second, started_at=first.started_at, finished_at=first.finished_at))
    recompute(made, "inspect")
    ended = made.audit()
    assert ended.exit_code == 1
    assert "record-reordered" in codes(ended)


@pytest.mark.promise("R23")
@pytest.mark.promise("R14")
def test_a_graph_recomputed_as_a_whole_is_refused_by_the_signature(made: Release) -> None:
    result = path_of(made, "inspect", "result.json")
    data = json.loads(result.read_bytes())
    data["checks"] = data["checks"][:-1]
    result.write_bytes((json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode())
    recompute(made, "inspect")
    ended = made.audit()
    assert ended.exit_code == 1
    assert codes(ended) == ["record-not-signed-for"]


@pytest.mark.promise("R14")
@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (lambda folder: (folder / "dist" / "stray.whl").write_bytes(b"x"), "release-file-added"),
        (lambda folder: next((folder / "dist").iterdir()).write_bytes(b"x"), "release-file-changed"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "release-file-removed"),
        (lambda folder: (folder / "report.html").symlink_to("/etc/passwd"), "release-file-added"),
    ],
    ids=["added", "changed", "removed", "link"],
)
def test_an_altered_file_is_refused(made: Release, alter: Callable[[Path], object], expected: str) -> None:
    alter(made.directory)
    ended = made.audit()
    assert ended.exit_code == 1
    assert expected in codes(ended)


def test_an_edited_link_is_refused(made: Release) -> None:
    link = path_of(made, "hash", "link.json")
    link.write_bytes(link.read_bytes().replace(b'"return-value":0', b'"return-value":1'))
    assert "record-edited" in codes(made.audit())


def test_a_failed_step_is_not_a_passed_audit(made: Release) -> None:
    write(made, "inspect", dataclasses.replace(read(made, "inspect"), verdict=Verdict.FAIL))
    recompute(made, "hash")
    assert "step-failed" in codes(made.audit())


@pytest.mark.promise("R14")
def test_provenance_signed_by_another_root_is_refused(made: Release, tmp_path: Path) -> None:
    with release(tmp_path / "other") as other:
        other.until("publish")
        for name in ("multiple.intoto.jsonl",):
            shutil.copy(other.directory / "attestations" / name, made.directory / "attestations" / name)
    assert {"bundle-invalid", "release-file-changed"} <= set(codes(made.audit()))


def test_a_release_that_has_not_ended_is_unknown(made: Release) -> None:
    for node in ("release.complete", "report"):
        shutil.rmtree(made.directory / "steps" / node)
    for name in ("report.md", "report.json"):
        (made.directory / name).unlink()
    ended = made.audit()
    assert (ended.exit_code, ended.data["verdict"]) == (4, "UNKNOWN")
    assert codes(ended, "UNKNOWN") == ["release-ended"]


def test_something_else_than_a_release_directory_is_wrong_usage(made: Release, tmp_path: Path) -> None:
    empty = dataclasses.replace(made, directory=tmp_path / "empty")
    empty.directory.mkdir()
    ended = empty.audit()
    assert (ended.exit_code, ended.error) == (2, "not-a-release-directory")
