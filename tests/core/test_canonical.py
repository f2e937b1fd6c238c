from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagseal.core import canonical
from tagseal.errors import TagsealError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def refused(data: bytes, **limits: int) -> str:
    with pytest.raises(TagsealError) as caught:
        canonical.parse(data, **limits)
    assert (caught.value.code.id, caught.value.exit_code) == ("json-invalid", 1)
    return caught.value.what


@given(VALUES)
def test_what_is_written_is_read_back_and_written_the_same(value: canonical.Json) -> None:
    data = canonical.dump(value)
    assert canonical.parse(data) == value
    assert canonical.dump(canonical.parse(data)) == data
    assert json.loads(data) == value


def test_the_canonical_form() -> None:
    value: canonical.Json = {"b": [1, True, None], "a": "grün \u2028", "ß": {}}
    assert canonical.dump(value) == '{"a":"grün \u2028","b":[1,true,null],"ß":{}}\n'.encode()
    assert canonical.dump({"b": [], "a": 1}, pretty=True) == b'{\n  "a": 1,\n  "b": []\n}\n'


def test_keys_in_another_order_give_the_same_bytes() -> None:
    assert canonical.dump({"a": 1, "b": 2}) == canonical.dump({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1,]",
        b"{'a': 1}",
        b'{"a": 1} {}',
        b"\xff\xfe",
        b'"\x01"',
        b"\xef\xbb\xbf{}",
        b"nul",
        b"01",
    ],
)
def test_what_is_not_json(data: bytes) -> None:
    assert "not valid JSON" in refused(data)


def test_a_key_twice_at_any_depth() -> None:
    assert refused(b'{"a": 1, "a": 1}') == "The JSON object has the key 'a' twice."
    assert refused(b'[{"x": {"b": 1, "c": 2, "b": 3}}]') == "The JSON object has the key 'b' twice."


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have(name: str) -> None:
    assert refused(f'{{"a": {name}}}'.encode()) == f"The JSON document holds {name}, which JSON does not have."


def test_depth_has_a_limit() -> None:
    assert canonical.parse(b"[" * 64 + b"]" * 64)
    assert refused(b"[" * 65 + b"]" * 65) == "The JSON document is nested deeper than 64 levels."
    assert refused(b'{"a":' * 65 + b"1" + b"}" * 65) == "The JSON document is nested deeper than 64 levels."
    refused(b"[" * 1_000_000)


def test_size_has_a_limit() -> None:
    assert canonical.parse(b"[1]", max_bytes=3) == [1]
    assert refused(b"[1] ", max_bytes=3) == "The JSON document has 4 bytes; at most 3 are read."


def test_numbers_without_end_are_refused() -> None:
    refused(b"1" * 5_000)


@pytest.mark.parametrize("value", [1.0, [0.5], {"a": {"b": [1.5]}}])
def test_floats_are_our_own_bug(value: canonical.Json) -> None:
    with pytest.raises(TypeError, match="no floats"):
        canonical.dump(value)
