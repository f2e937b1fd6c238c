from __future__ import annotations

import pytest

from tagseal.core.fulcio_claims import utf8_string


def test_short_and_long_lengths() -> None:
    assert utf8_string(b"\x0c\x02ab") == "ab"
    assert utf8_string(b"\x0c\x00") == ""
    assert utf8_string(b"\x0c\x81\x80" + b"x" * 128) == "x" * 128
    assert utf8_string(b"\x0c\x82\x01\x00" + b"x" * 256) == "x" * 256


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x0c",
        b"\x13\x02ab",
        b"\x0c\x03ab",
        b"\x0c\x01ab",
        b"\x0c\x81\x02ab",
        b"\x0c\x82\x00\x80" + b"x" * 128,
        b"\x0c\x80ab\x00\x00",
        b"\x0c\x83\x00\x00\x80" + b"x" * 128,
        b"\x0c\x01\xff",
    ],
)
def test_any_other_encoding_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError):
        utf8_string(der)
