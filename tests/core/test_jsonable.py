from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tagseal.core import jsonable
from tagseal.core.canonical import Json
from tagseal.core.checks import Verdict
from tagseal.errors import TagsealError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    count: int
    flag: bool
    note: str | None
    names: tuple[str, ...]
    inner: Inner
    many: tuple[Inner, ...]
    digests: dict[str, str]


INNER: Json = {"name": "a", "verdict": "PASS"}
DATA: Mapping[str, Json] = {
    "count": 3,
    "flag": True,
    "note": None,
    "names": ["x", "y"],
    "inner": INNER,
    "many": [INNER, INNER],
    "digests": {"k": "v"},
}
VALUE = Outer(
    count=3,
    flag=True,
    note=None,
    names=("x", "y"),
    inner=Inner(name="a", verdict=Verdict.PASS),
    many=(Inner(name="a", verdict=Verdict.PASS),) * 2,
    digests={"k": "v"},
)


def test_both_ways() -> None:
    assert jsonable.encode(VALUE) == DATA
    assert jsonable.decode(Outer, DATA) == VALUE
    assert jsonable.decode(Outer, {**DATA, "note": "n"}).note == "n"


@pytest.mark.parametrize(
    ("member", "value", "place"),
    [
        ("count", "3", "$.count is not a int"),
        ("count", True, "$.count is not a int"),
        ("count", 3.0, "$.count is not a int"),
        ("flag", 1, "$.flag is not a bool"),
        ("note", 1, "$.note is not a str"),
        ("names", "xy", "$.names is not a list"),
        ("names", ["x", None], "$.names[1] is not a str"),
        ("inner", [], "$.inner is not an object"),
        ("inner", {"name": "a", "verdict": "FINE"}, "$.inner.verdict is not one of PASS"),
        ("inner", {"name": "a", "verdict": {}}, "$.inner.verdict is not one of PASS"),
        ("inner", {"name": "a"}, "$.inner.verdict is not there"),
        ("many", [INNER, {"name": "a", "verdict": "PASS", "more": 1}], "$.many[1].more is not a known member"),
        ("digests", ["k"], "$.digests is not an object"),
        ("digests", {"k": 1}, "$.digests.k is not a str"),
    ],
)
def test_another_form_is_refused_with_its_place(member: str, value: Json, place: str) -> None:
    with pytest.raises(TagsealError) as caught:
        jsonable.decode(Outer, {**DATA, member: value})
    assert (caught.value.code.id, caught.value.exit_code) == ("result-invalid", 1)
    assert place in caught.value.what


@pytest.mark.parametrize("data", [None, [], "text", 1])
def test_only_objects_are_dataclasses(data: Json) -> None:
    with pytest.raises(TagsealError) as caught:
        jsonable.decode(Outer, data)
    assert caught.value.what == "The result does not have the expected form: $ is not an object."


def test_types_without_a_json_form_are_our_own_bug() -> None:
    with pytest.raises(TypeError, match="float has no JSON form"):
        jsonable.encode(1.5)
    with pytest.raises(TypeError, match="list has no JSON form"):
        jsonable.encode(["a list where a tuple belongs"])
