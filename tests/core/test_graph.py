"""The rules of the graph of records on small graphs; tests/commands/test_audit.py has whole releases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tagseal.core import graph, record
from tagseal.core.checks import Check, Verdict
from tagseal.core.graph import Graph
from tagseal.core.record import Record

EXPECTED = {"verify-source": (), "build.a": ("verify-source",), "hash": ("verify-source", "build.a")}
DIGESTS = {name: f"sha256:{number:064x}" for number, name in enumerate(("tree.json", "dist/x.whl", "SHA256SUMS"))}


def a_record(step: str, leg: str, second: int, outputs: dict[str, str], **more: dict[str, str]) -> Record:
    return Record(
        step=step,
        leg=leg,
        run_id="local/1",
        attempt=1,
        started_at=f"2026-01-01T00:00:{second:02}.000000Z",
        finished_at=f"2026-01-01T00:00:{second + 1:02}.000000Z",
        tools={},
        inputs=more.get("inputs", {}),
        outputs=outputs,
        verdict=Verdict.PASS,
        predecessors={},
    )


RECORDS = {
    "verify-source": a_record("verify-source", "", 0, {"tree.json": DIGESTS["tree.json"]}),
    "build.a": a_record("build", "a", 2, {"dist/x.whl": DIGESTS["dist/x.whl"]}),
    "hash": a_record(
        "hash", "", 4, {"SHA256SUMS": DIGESTS["SHA256SUMS"]}, inputs={"dist/x.whl": DIGESTS["dist/x.whl"]}
    ),
}


def whole(change: Callable[[dict[str, Record]], object] = lambda _: None) -> Graph:
    """Make a graph whose records name each other, after `change` has been made to them."""
    records = dict(RECORDS)
    change(records)
    data: dict[str, bytes] = {}
    for name, wanted in EXPECTED.items():
        if name in records:
            before = {other: record.digest(data[other]) for other in wanted if other in data}
            records[name] = replace(records[name], predecessors={**before, **records[name].predecessors})
            data[name] = record.dump(records[name])
    for name in records.keys() - EXPECTED.keys():
        data[name] = record.dump(records[name])
    return Graph(
        records=data,
        parsed=records,
        links={name: record.link(entry) for name, entry in records.items()},
        files=dict(DIGESTS),
        expected=EXPECTED,
    )


def failures(found: tuple[Check, ...]) -> list[tuple[str, str]]:
    return sorted({(check.code, check.subject) for check in found if check.verdict is Verdict.FAIL})


def test_a_whole_graph() -> None:
    found = graph.audit(whole())
    assert [(check.code, check.verdict) for check in found] == [("records-whole", "PASS")]
    assert found[0].message == "3 records; each names the records before it and what it read and wrote."


def test_no_records_are_no_pass() -> None:
    empty = Graph(records={}, parsed={}, links={}, files={}, expected=EXPECTED)
    assert [(check.code, check.verdict) for check in graph.audit(empty)] == [("records-whole", "UNKNOWN")]


def set_to(name: str, **changes: object) -> Callable[[dict[str, Record]], None]:
    def change(records: dict[str, Record]) -> None:
        records[name] = replace(records[name], **changes)  # type: ignore[arg-type]  # each case names real fields

    return change


@pytest.mark.promise("R23")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda records: records.pop("build.a"), [("record-missing", "build.a")]),
        (set_to("build.a", verdict=Verdict.FAIL), [("step-failed", "build.a")]),
        (set_to("build.a", leg="b"), [("record-edited", "build.a")]),
        (set_to("build.a", run_id="local/2"), [("record-foreign-run", "build.a")]),
        (set_to("build.a", predecessors={"ghost": DIGESTS["tree.json"]}), [("record-edited", "build.a")]),
        (set_to("hash", predecessors={"build.a": DIGESTS["tree.json"]}), [("record-edited", "build.a")]),
        (set_to("hash", started_at="2026-01-01T00:00:02.500000Z"), [("record-reordered", "hash")]),
        (set_to("hash", finished_at="2026-01-01T00:00:03.900000Z"), [("record-reordered", "hash")]),
        (set_to("hash", inputs={"dist/x.whl": DIGESTS["tree.json"]}), [("record-edited", "hash")]),
        (set_to("hash", inputs={"dist/y.whl": DIGESTS["tree.json"]}), [("record-edited", "hash")]),
        (
            set_to("hash", outputs={"SHA256SUMS": DIGESTS["tree.json"]}),
            [("release-file-changed", "SHA256SUMS")],
        ),
        (set_to("hash", outputs={}), [("release-file-added", "SHA256SUMS")]),
        (
            set_to("hash", outputs={"SHA256SUMS": DIGESTS["SHA256SUMS"], "gone": DIGESTS["tree.json"]}),
            [("release-file-removed", "gone")],
        ),
        (
            set_to("hash", outputs={"SHA256SUMS": DIGESTS["SHA256SUMS"], "tree.json": DIGESTS["tree.json"]}),
            [("record-edited", "hash")],
        ),
        (
            lambda records: records.update(extra=replace(RECORDS["hash"], step="extra", inputs={}, outputs={})),
            [("record-added", "extra")],
        ),
    ],
)
def test_a_graph_that_does_not_fit(
    change: Callable[[dict[str, Record]], object], expected: list[tuple[str, str]]
) -> None:
    found = failures(graph.audit(whole(change)))
    assert [failure for failure in expected if failure not in found] == []
    assert {code for code, _ in found} <= {
        expected[0][0],
        "release-file-added",  # of a record that was taken out
        "record-edited",  # of those that stand on it
    }


def test_a_link_that_says_something_else() -> None:
    made = whole()
    other = replace(made, links={**made.links, "hash": record.link(replace(made.parsed["hash"], attempt=9))})
    assert failures(graph.audit(other)) == [("record-edited", "hash")]
    gone = replace(made, links={name: link for name, link in made.links.items() if name != "hash"})
    assert failures(graph.audit(gone)) == [("record-edited", "hash")]


def test_what_was_signed_must_be_what_is_there() -> None:
    made = whole()
    signed = {f"steps/{name}/record.json": record.digest(data) for name, data in made.records.items()}
    assert graph.signed_for(signed, made) == ()
    recomputed = whole(set_to("build.a", tools={"tagseal": "9"}))
    assert graph.audit(recomputed)[0].verdict is Verdict.PASS
    assert failures(graph.signed_for(signed, recomputed)) == [
        ("record-not-signed-for", "steps/build.a/record.json"),
        ("record-not-signed-for", "steps/hash/record.json"),
    ]
    assert failures(graph.signed_for({**signed, "steps/compare/record.json": "sha256:00"}, made)) == [
        ("record-missing", "steps/compare/record.json")
    ]
    assert failures(graph.signed_for({**signed, "dist/x.whl": "sha256:00"}, made)) == [("record-missing", "dist/x.whl")]
    assert failures(graph.signed_for({}, made)) == [("record-not-signed-for", "attestations")]
