from __future__ import annotations

import json
from typing import Any

import pytest
from sigstore.dsse import Statement as LibraryStatement

from tagseal.core.statement import PROVENANCE, Statement, Subject, build_statement, parse_statement
from tagseal.errors import TagsealError

A = Subject(name="a.whl", sha256="sha256:" + "a" * 64)
B = Subject(name="b.tar.gz", sha256="sha256:" + "b" * 64)
GOOD: dict[str, Any] = json.loads(build_statement([A], predicate_type=PROVENANCE, predicate={"x": 1}))


def test_the_bytes_are_canonical_and_read_back() -> None:
    data = build_statement([B, A], predicate_type="https://example.org/p", predicate=None)
    assert data == (
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":null,"predicateType":"https://example.org/p",'
        b'"subject":[{"digest":{"sha256":"' + b"a" * 64 + b'"},"name":"a.whl"},'
        b'{"digest":{"sha256":"' + b"b" * 64 + b'"},"name":"b.tar.gz"}]}\n'
    )
    assert parse_statement(data) == Statement(subjects=(A, B), predicate_type="https://example.org/p", predicate=None)


def test_sigstore_reads_it() -> None:
    data = build_statement([A, B], predicate_type=PROVENANCE, predicate={"x": 1})
    assert [subject.name for subject in LibraryStatement(data)._inner.subjects] == ["a.whl", "b.tar.gz"]


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"extra": 1},
        {"predicateType": ""},
        {"predicateType": None},
        {"predicate": []},
        {"subject": []},
        {"subject": {}},
        {"subject": GOOD["subject"] * 2},
        {"subject": [{"name": "a.whl"}]},
        {"subject": [{**GOOD["subject"][0], "uri": "x"}]},
        {"subject": [{"name": "", "digest": {"sha256": "a" * 64}}]},
        {"subject": [{"name": "x/a.whl", "digest": {"sha256": "a" * 64}}]},
        {"subject": [{"name": "a.whl", "digest": {"sha256": "A" * 64}}]},
        {"subject": [{"name": "a.whl", "digest": {"sha256": "a" * 64, "sha512": "b" * 128}}]},
        {"subject": [{"name": "a.whl", "digest": {"md5": "a" * 32}}]},
    ],
)
def test_any_other_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TagsealError) as caught:
        parse_statement(json.dumps({**GOOD, **change}).encode())
    assert (caught.value.code.id, caught.value.exit_code) == ("statement-invalid", 1)


def test_no_statement_without_subjects_is_built() -> None:
    with pytest.raises(TagsealError) as caught:
        build_statement([], predicate_type=PROVENANCE, predicate={})
    assert caught.value.code.id == "statement-invalid"
    with pytest.raises(TagsealError):
        build_statement([A, A], predicate_type=PROVENANCE, predicate={})
