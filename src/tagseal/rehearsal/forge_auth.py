"""Who calls the forge, what GitHub answers to those who may not, and the rate-limit headers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tagseal.rehearsal.forge_records import ForgeRefusedError
from tagseal.rehearsal.http import Request

LIMIT: Final = 5_000
ANONYMOUS_LIMIT: Final = 60
WINDOW_S: Final = 3_600
_ROLES: Final = ("read", "write", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What the token of a request may do."""

    role: str
    """`read`, `write`, `admin`; empty without a token."""
    is_private: bool
    """The repository is."""

    @property
    def can_read(self) -> bool:
        """It has a token of the repository."""
        return bool(self.role)

    @property
    def can_write(self) -> bool:
        """It has `contents: write`: only then are drafts visible."""
        return self.role in {"write", "admin"}

    @property
    def may_read(self) -> bool:
        """It may see published releases: anybody may, unless the repository is private."""
        return self.can_read or not self.is_private

    def need_read(self) -> None:
        """Raises: ForgeRefusedError 404, which also hides a private repository."""
        if not self.may_read:
            raise ForgeRefusedError(404, "Not Found")

    def need_write(self) -> None:
        """Raises: ForgeRefusedError 401 without a token, 403 with one that may only read."""
        self._need(may=self.can_write)

    def need_admin(self) -> None:
        """Raises: ForgeRefusedError as for writing."""
        self._need(may=self.role == "admin")

    def _need(self, *, may: bool) -> None:
        self.need_read()
        if not self.can_read:
            raise ForgeRefusedError(401, "Requires authentication")
        if not may:
            raise ForgeRefusedError(403, "Resource not accessible by integration")


class ForgeAuth:
    """Knows the tokens and counts requests."""

    def __init__(self, tokens: Mapping[str, str], *, is_private: bool) -> None:
        """`tokens`: token -> role. Raises: ValueError for a role that is not one."""
        if unknown := set(tokens.values()) - set(_ROLES):
            raise ValueError(f"unknown roles: {sorted(unknown)}")
        self._tokens = dict(tokens)
        self._is_private = is_private
        self._used: dict[str, int] = {}

    def caller(self, request: Request) -> Caller:
        """Return who calls. Raises: ForgeRefusedError 401 for a token nobody knows."""
        token = _token(request)
        if token is None:
            return Caller(role="", is_private=self._is_private)
        if token not in self._tokens:
            raise ForgeRefusedError(401, "Bad credentials")
        return Caller(role=self._tokens[token], is_private=self._is_private)

    def rate_headers(self, request: Request, now: datetime) -> dict[str, str]:
        """Return the rate-limit headers and count this request (limits are shown, never enforced)."""
        token = _token(request) or ""
        limit = LIMIT if token in self._tokens else ANONYMOUS_LIMIT
        self._used[token] = self._used.get(token, 0) + 1
        reset = (int(now.timestamp()) // WINDOW_S + 1) * WINDOW_S
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - self._used[token], 1)),
            "X-RateLimit-Used": str(self._used[token]),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Resource": "core",
        }


def _token(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "token" | "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        case _:
            return None
