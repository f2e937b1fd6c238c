from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagseal.core import sums
from tagseal.errors import TagsealError

ONE = b"a" * 64 + b"  a-1.0.tar.gz\n"
TWO = b"b" * 64 + b"  b-1.0.tar.gz\n"
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,60}", fullmatch=True)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


@given(st.dictionaries(NAMES, DIGESTS, min_size=1, max_size=20))
def test_what_is_written_reads_back(digests: dict[str, str]) -> None:
    assert sums.parse(sums.render(digests)) == digests


@given(st.binary(max_size=300))
def test_reading_is_the_inverse_of_writing_or_an_error(data: bytes) -> None:
    try:
        found = sums.parse(data)
    except TagsealError:
        return
    assert sums.render(found) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        ONE[:-1],
        ONE + b"\n",
        ONE + ONE,
        TWO + ONE,
        ONE.replace(b"\n", b"\r\n"),
        ONE.replace(b"  ", b" *"),
        ONE.replace(b"aaaa", b"AAAA", 1),
        b"\\" + ONE,
        ONE.replace(b"a-1.0", b"../a"),
        ONE.replace(b"a-1.0", b"-a"),
        ONE.replace(b"a-1.0", b"a\xc3\xa9"),
        b"\xef\xbb\xbf" + ONE,
    ],
)
def test_any_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(TagsealError) as caught:
        sums.parse(data)
    assert (caught.value.code.id, caught.value.exit_code) == ("sums-invalid", 1)


def test_differences_are_named() -> None:
    assert sums.differences({"a": "1", "b": "2", "c": "3"}, {"b": "2", "c": "4", "d": "5"}) == (
        "a is missing",
        "c has 4, expected 3",
        "d was added",
    )
    assert sums.differences({"a": "1"}, {"a": "1"}) == ()
