from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tagseal.core import record
from tagseal.core.checks import Verdict
from tagseal.core.record import Record
from tagseal.errors import TagsealError

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
RECORD = Record(
    step="build",
    leg="a",
    run_id="local/1",
    attempt=2,
    started_at="2026-01-02T03:04:05.000006Z",
    finished_at="2026-01-02T03:04:06.000007Z",
    tools={"tagseal": "0.1.0"},
    inputs={"steps/verify-source/result.json": A},
    outputs={"dist/z.whl": A, "dist/a.tar.gz": B},
    verdict=Verdict.PASS,
    predecessors={"verify-source": B},
)


def test_the_bytes_of_a_record() -> None:
    data = record.dump(RECORD)
    assert data.startswith(b'{"attempt":2,"finished_at":"2026-01-02T03:04:06.000007Z","inputs":{')
    assert json.loads(data)["schema"] == "https://github.com/tagseal/tagseal/docs/reference/schemas/record.v1.json"
    assert record.parse(data) == RECORD
    assert record.digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_nodes() -> None:
    assert RECORD.node == "build.a"
    assert replace(RECORD, step="hash", leg="").node == "hash"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"schema": "https://example.org/other.json"}, "result-invalid"),
        ({"more": 1}, "result-invalid"),
        ({"verdict": "FINE"}, "result-invalid"),
        ({"attempt": "2"}, "result-invalid"),
    ],
)
def test_a_record_in_another_form_is_refused(change: dict[str, object], code: str) -> None:
    data = json.dumps({**json.loads(record.dump(RECORD)), **change}).encode()
    with pytest.raises(TagsealError) as caught:
        record.parse(data)
    assert caught.value.code.id == code


def test_a_record_that_is_not_json_is_refused() -> None:
    with pytest.raises(TagsealError) as caught:
        record.parse(b"\x00")
    assert caught.value.code.id == "json-invalid"


def test_the_in_toto_link() -> None:
    assert json.loads(record.link(RECORD)) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "dist/a.tar.gz", "digest": {"sha256": "b" * 64}},
            {"name": "dist/z.whl", "digest": {"sha256": "a" * 64}},
        ],
        "predicateType": "https://in-toto.io/attestation/link/v0.3",
        "predicate": {
            "name": "build.a",
            "command": ["tagseal", "build", "--leg", "a"],
            "materials": [{"name": "steps/verify-source/result.json", "digest": {"sha256": "a" * 64}}],
            "byproducts": {"return-value": 0},
            "environment": {"run": "local/1", "attempt": "2", "tagseal": "0.1.0"},
        },
    }


def test_the_link_of_a_failed_step_without_legs() -> None:
    predicate = json.loads(record.link(replace(RECORD, step="hash", leg="", verdict=Verdict.FAIL)))["predicate"]
    assert predicate["command"] == ["tagseal", "hash"]
    assert predicate["byproducts"] == {"return-value": 1}
    assert json.loads(record.link(replace(RECORD, verdict=Verdict.UNKNOWN)))["predicate"]["byproducts"] == {
        "return-value": 0
    }
