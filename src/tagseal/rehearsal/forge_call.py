"""One request to the forge on its way through a route, and what its caller may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tagseal.rehearsal.forge_auth import Caller
from tagseal.rehearsal.forge_json import Urls
from tagseal.rehearsal.forge_records import ForgeRefusedError, Release
from tagseal.rehearsal.http import Request

NOT_FOUND: Final = "Not Found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, ready for a route."""

    request: Request
    caller: Caller
    urls: Urls


def visible(call: Call, release: Release | None) -> Release:
    """Return the release if the caller may see it: drafts only with a token that can write.

    Raises: ForgeRefusedError 404.
    """
    call.caller.need_read()
    if release is None or (release.is_draft and not call.caller.can_write):
        raise ForgeRefusedError(404, NOT_FOUND)
    return release


def writable(call: Call, release: Release | None) -> Release:
    """Return the release if the caller may change it. Raises: ForgeRefusedError 401, 403, 404."""
    call.caller.need_write()
    return visible(call, release)
