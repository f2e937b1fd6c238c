"""What the loopback services receive, answer, and are told to get wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tagseal.core.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    """Without the query."""
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Shorter than the Content-Length says when the client hung up while sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong for requests whose `METHOD path` starts with `match`, `times` times."""

    match: str
    times: int = 1
    status: int | None = None
    body: bytes = b'{"message":"injected"}'
    delay_s: float = 0.0
    cut: bool = False
    """Close the connection after half of the headers."""
    after: bool = False
    """Let the service act first, then fail: the answer is lost, the effect stays."""


def json_response(status: int, value: Json, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(status=status, body=json.dumps(value).encode(), headers=headers or {})
