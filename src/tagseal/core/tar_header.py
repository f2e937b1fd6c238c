"""The fields of a tar header block and the records of a pax header, read strictly (POSIX.1-2001, pax)."""

from __future__ import annotations

from collections.abc import Iterator

from tagseal.core.archive import ARCHIVE_MALFORMED, ARCHIVE_NAME
from tagseal.errors import TagsealError


def check_sum(header: bytes) -> None:
    """Check a header block's checksum, which counts its own field as eight spaces. Raises: archive-malformed."""
    total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if read_number(header[148:156], "checksum") != total:
        raise TagsealError(ARCHIVE_MALFORMED, "A tar header's checksum is wrong.")


def read_number(raw: bytes, name: str) -> int:
    """Read octal text; the base-256 form, which only giants need, is refused. Raises: archive-malformed."""
    text = raw.rstrip(b"\0 ").lstrip(b" ")
    if not text:
        return 0
    if any(byte not in b"01234567" for byte in text):
        raise TagsealError(ARCHIVE_MALFORMED, f"A tar header's {name} is not an octal number.")
    return int(text, 8)


def read_decimal(value: str) -> int:
    """Read a size as pax writes it. Raises: archive-malformed."""
    if not (value.isascii() and value.isdigit() and len(value) < 20):  # noqa: PLR2004 - digits of 2**64
        raise TagsealError(ARCHIVE_MALFORMED, f"A pax header's size is not a number: {value!a}.")
    return int(value)


def read_text(raw: bytes) -> str:
    """Decode a name. Raises: archive-name."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TagsealError(ARCHIVE_NAME, f"A name in the archive is not UTF-8: {raw[:80]!a}.") from error


def header_path(header: bytes) -> str:
    """Return the path in a header block itself. Raises: archive-name."""
    name = read_text(header[:100].split(b"\0", 1)[0])
    is_ustar = header[257:263] == b"ustar\0"  # GNU's magic differs; it keeps other things in the prefix field
    prefix = read_text(header[345:500].split(b"\0", 1)[0]) if is_ustar else ""
    return f"{prefix}/{name}" if prefix else name


def pax_records(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the `<length> <key>=<value>` records of a pax header (POSIX.1-2001, pax, "Extended Header").

    Raises:
        TagsealError: `archive-malformed`, `archive-name`.
    """
    while body:
        digits, space, _ = body[:20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = body[len(digits) + 1 : length]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not (space and equals and key and record.endswith(b"\n") and length <= len(body)):
            raise TagsealError(ARCHIVE_MALFORMED, "A pax header is damaged.")
        name = read_text(key)
        # Values that name nothing may hold any bytes (Apple's and libarchive's extended attributes do).
        yield name, read_text(value) if name in {"path", "size", "linkpath"} else ""
        body = body[length:]
