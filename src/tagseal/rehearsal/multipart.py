"""Reading `multipart/form-data` bodies as package upload clients send them (RFC 7578), with limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value
from typing import Final

MAX_PARTS: Final = 5_000
MAX_PART_HEADER_BYTES: Final = 8 * 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field of the form."""

    name: str
    filename: str | None
    """The client's file name, unchecked; None for a plain field."""
    content_type: str
    """`text/plain` when the part does not say (RFC 7578 section 4.4)."""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """All fields, in the order they were sent."""

    parts: tuple[Part, ...]

    def text(self, name: str) -> str:
        """Return the first value of a plain field as UTF-8 text, stripped; empty when it is missing."""
        return next(iter(self.texts(name)), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every value of a plain field as UTF-8 text, stripped."""
        return tuple(
            part.data.decode("utf-8", "replace").strip()
            for part in self.parts
            if part.name == name and part.filename is None
        )

    def file(self, name: str) -> Part | None:
        """Return the first file field of that name."""
        return next((part for part in self.parts if part.name == name and part.filename is not None), None)


def parse(body: bytes, content_type: str) -> Form:
    """Parse a whole body.

    Raises:
        ValueError: for another media type, a missing boundary, a body that does not end with the closing
            delimiter, a part without a name, or more than `MAX_PARTS` parts.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise ValueError(f"expected multipart/form-data with a boundary, got {content_type!r}")
    return Form(parts=tuple(_part(raw) for raw in _split(body, boundary.encode("latin-1", "replace"))))


def _split(body: bytes, boundary: bytes) -> Iterator[bytes]:
    # The delimiter is CRLF "--" boundary; the first one may stand at the very start (RFC 2046 section 5.1.1).
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004 - a preamble and a closing delimiter
        raise ValueError("the multipart body has no closing boundary")
    if len(pieces) - 2 > MAX_PARTS:
        raise ValueError(f"the multipart body has more than {MAX_PARTS} parts")
    for piece in pieces[1:-1]:
        padding, newline, rest = piece.partition(b"\r\n")
        if padding.strip(b" \t") or not newline:
            raise ValueError("a multipart boundary is followed by something other than a line end")
        yield rest


def _part(raw: bytes) -> Part:
    if raw.startswith(b"\r\n"):
        raise ValueError("a multipart part has no headers")
    head, found, data = raw.partition(b"\r\n\r\n")
    if not found or len(head) > MAX_PART_HEADER_BYTES:
        raise ValueError("a multipart part has no end of headers, or too long ones")
    # Clients send raw UTF-8 in headers, which the parser for bytes would not decode.
    headers = HeaderParser().parsestr(head.decode("utf-8", "replace") + "\r\n\r\n")
    name = _parameter(headers, "name")
    if not name:
        raise ValueError("a multipart part has no name")
    return Part(
        name=name,
        filename=_parameter(headers, "filename"),
        content_type=str(headers.get("Content-Type", "text/plain")),
        data=data,
    )


def _parameter(headers: Message, name: str) -> str | None:
    value = headers.get_param(name, header="Content-Disposition")
    return None if value is None else collapse_rfc2231_value(value)
