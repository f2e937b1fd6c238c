"""Unpack gzip (RFC 1952) with a limit, and insist that one member is all there is."""

from __future__ import annotations

import zlib
from typing import Final

from tagseal.core.archive import ARCHIVE_BOMB, ARCHIVE_CONFUSING, ARCHIVE_MALFORMED
from tagseal.errors import TagsealError

_CHUNK: Final = 2**20
_GZIP: Final = 31  # zlib's window bits for "gzip header and trailer, both checked"


def gunzip(data: bytes, budget_bytes: int) -> bytearray:
    """Unpack one gzip member, never more than `budget_bytes`, and insist that it is all there is.

    Raises:
        TagsealError: `archive-malformed`, `archive-bomb`, `archive-confusing`.
    """
    unpacker = zlib.decompressobj(_GZIP)
    out = bytearray()
    rest: bytes = data
    try:
        while rest and not unpacker.eof:
            out += unpacker.decompress(rest, _CHUNK)
            rest = unpacker.unconsumed_tail
            if len(out) > budget_bytes:
                raise TagsealError(ARCHIVE_BOMB, f"The archive of {len(data)} bytes unpacks to over {budget_bytes}.")
    except zlib.error as error:
        raise TagsealError(ARCHIVE_MALFORMED, f"The gzip stream is damaged: {error}.") from error
    if not unpacker.eof:
        raise TagsealError(ARCHIVE_MALFORMED, "The gzip stream is cut off.")
    if unpacker.unused_data:
        raise TagsealError(ARCHIVE_CONFUSING, f"{len(unpacker.unused_data)} bytes follow the end of the gzip stream.")
    return out
