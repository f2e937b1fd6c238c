"""The gallery: each folder beside this file is one attack on a release between two of its steps.

`case.toml` says what is changed (in order), the step that must stop it, and the code it must stop with.
"""

from __future__ import annotations

import dataclasses
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support_bad import assert_nothing_public, bad_release, make_source, tools
from support_release import Ended, Release, codes, copied
from tagseal.core import record
from tagseal.steps import RELEASE_ORDER, STEPS, split_node

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/case.toml"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A release that goes on as far as the cases of this module ask for."""
    folder = tmp_path_factory.mktemp("good")
    with tools(folder / "tools") as found:
        source = make_source(folder / "source", found.lock)
        with bad_release(folder, found, source) as made:
            yield made


def before(made: Release, node: str) -> Release:
    """Run what lies before `node` and has not run yet; return the release."""
    for name in RELEASE_ORDER[: RELEASE_ORDER.index(node)]:
        if not (made.directory / "steps" / name / "record.json").exists():
            assert made.step(name).exit_code == 0, name
    return made


def digest_of(made: Release, path: str) -> str:
    return record.digest((made.directory / path).read_bytes())


def recompute(made: Release, stop: str) -> None:
    """Make the record of every node before `stop` fit the files and records as they are now."""
    for node in RELEASE_ORDER[: RELEASE_ORDER.index(stop)]:
        step, leg = split_node(node)
        path = made.directory / "steps" / node / "record.json"
        entry = record.parse(path.read_bytes())
        entry = dataclasses.replace(
            entry,
            predecessors={name: digest_of(made, f"steps/{name}/record.json") for name in STEPS[step].legs[leg]},
            inputs={name: digest_of(made, name) for name in entry.inputs},
            outputs={name: digest_of(made, name) for name in entry.outputs},
        )
        path.write_bytes(record.dump(entry))
        path.with_name("link.json").write_bytes(record.link(entry))


def apply(change: Mapping[str, str], made: Release, stop: str) -> None:
    """Make one change; a change that changes nothing is a mistake in the case."""
    path, text = made.directory / change.get("path", ""), change.get("text", "")
    match change["kind"]:
        case "append":
            path.write_bytes(path.read_bytes() + f"{text}\n".encode())
        case "add-member":
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(change["member"], text)
        case "write":
            assert not path.exists()
            path.write_text(text, encoding="utf-8")
        case "remove":
            path.unlink()
        case "link":
            (path.parent / text).resolve().write_bytes(path.read_bytes())
            path.unlink()
            path.symlink_to(text)
        case "replace":
            old = path.read_text(encoding="utf-8")
            assert change["old"] in old
            path.write_text(old.replace(change["old"], text), encoding="utf-8")
        case "run":
            entry = record.parse(path.read_bytes())
            path.write_bytes(record.dump(dataclasses.replace(entry, run_id=text)))
        case "recompute":
            recompute(made, stop)
        case kind:
            raise AssertionError(kind)


def found(ended: Ended) -> list[str]:
    return [ended.error] if ended.error else list(codes(ended))


@pytest.mark.promise("R14")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_attack_is_stopped(good: Release, tmp_path: Path, case: Path) -> None:
    told = tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))
    stop = told["stopped-by"]
    made = copied(before(good, stop), tmp_path / "release")
    for change in told["change"]:
        apply(change, made, stop)
    ended = made.step(stop)
    assert ended.exit_code == 1, ended.data
    assert told["code"] in found(ended), ended.data
    assert_nothing_public(made)
    for later in RELEASE_ORDER[RELEASE_ORDER.index(stop) + 1 :]:
        if stop in STEPS[split_node(later)[0]].legs[split_node(later)[1]]:
            assert made.step(later).exit_code in {1, 2}, later
            break


def test_every_attack_is_explained() -> None:
    assert len(CASES) >= 9
    for case in CASES:
        lines = (case / "README.md").read_text(encoding="utf-8").splitlines()
        assert lines[0] == f"# {case.name}"
        assert len(lines) == 4, "an attack is two sentences, a line each"
