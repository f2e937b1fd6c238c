from __future__ import annotations

import json

import pytest

from tagseal.core import signed_records
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError

DIGEST = "a" * 64
DETAILS: Json = {
    "builder": {"id": "https://example.org/seal.yml@refs/tags/v1"},
    "byproducts": [
        {"name": "steps/build.a/record.json", "digest": {"sha256": DIGEST}},
        {"name": "build.log", "digest": {"sha256": "b" * 64}},
    ],
}


def statement(details: Json = DETAILS) -> bytes:
    return json.dumps({"predicate": {"runDetails": details}}).encode()


def test_the_records_a_statement_names() -> None:
    assert signed_records.record_digests(statement()) == {"steps/build.a/record.json": f"sha256:{DIGEST}"}
    assert signed_records.record_digests(statement({"byproducts": []})) == {}


def test_a_statement_that_is_not_json() -> None:
    with pytest.raises(TagsealError) as caught:
        signed_records.record_digests(b"\x00")
    assert caught.value.code.id == "json-invalid"


@pytest.mark.parametrize(
    "details",
    [{}, {"byproducts": {}}, {"byproducts": ["x"]}, {"byproducts": [{"name": "steps/hash/record.json"}]}],
)
def test_a_statement_that_names_records_in_another_form(details: Json) -> None:
    with pytest.raises(TagsealError) as caught:
        signed_records.record_digests(statement(details))
    assert (caught.value.code.id, caught.value.exit_code) == ("provenance-unreadable", 1)
