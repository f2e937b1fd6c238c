"""Reading the forge's requests: JSON bodies, release fields, pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tagseal.core.canonical import Json
from tagseal.rehearsal.forge_records import ForgeRefusedError, ReleaseEdit
from tagseal.rehearsal.http import Request

PER_PAGE: Final = 30
MAX_PER_PAGE: Final = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    headers: Mapping[str, str]
    """`Link`, when there are other pages."""


def json_object(request: Request) -> Mapping[str, Json]:
    """Return the body as a JSON object. Raises: ForgeRefusedError 400."""
    try:
        value = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ForgeRefusedError(400, "Problems parsing JSON") from error
    if not isinstance(value, dict):
        raise ForgeRefusedError(400, "Body should be a JSON object")
    return value


def edit_of(request: Request) -> ReleaseEdit:
    """Return the release fields of a body. Raises: ForgeRefusedError 400 or, for a field of another type, 422."""
    body = json_object(request)
    return ReleaseEdit(
        tag=_text(body, "tag_name"),
        target=_text(body, "target_commitish"),
        name=_text(body, "name"),
        body=_text(body, "body"),
        is_draft=_flag(body, "draft"),
        is_prerelease=_flag(body, "prerelease"),
        make_latest=_text(body, "make_latest") or "true",
    )


def page_of(request: Request, items: Sequence[T], url: str) -> Page[T]:
    """Return the page that `page` (from 1) and `per_page` (at most 100) name, with GitHub's `Link` header."""
    size = max(1, min(_number(request, "per_page", PER_PAGE), MAX_PER_PAGE))
    page = max(1, _number(request, "page", 1))
    last = max(1, -(-len(items) // size))
    links = []
    if page > 1:
        links += [("prev", page - 1), ("first", 1)]
    if page < last:
        links += [("next", page + 1), ("last", last)]
    text = ", ".join(f'<{url}?per_page={size}&page={number}>; rel="{name}"' for name, number in links)
    return Page(items=tuple(items[(page - 1) * size : page * size]), headers={"Link": text} if text else {})


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, [""])[0]
    return int(text) if text.isascii() and text.isdigit() else default


def _text(body: Mapping[str, Json], name: str) -> str | None:
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _wrong_type(name, "string", value)


def _flag(body: Mapping[str, Json], name: str) -> bool | None:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise _wrong_type(name, "boolean", value)


def _wrong_type(name: str, wanted: str, value: Json) -> ForgeRefusedError:
    message = f"Invalid request.\n\nFor 'properties/{name}', {json.dumps(value)} is not a {wanted}."
    return ForgeRefusedError(422, message)
