"""A forge to talk to without a socket."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from support_sigstore import StillClock
from tagseal.rehearsal.forge import ForgeService
from tagseal.rehearsal.forge_records import TagRef
from tagseal.rehearsal.http import Request, Response

TAGS = {"v1.0.0": TagRef(sha="c" * 40, kind="tag")}
REPO = "/repos/acme/widget"
WRITE = "ghs-write"


def make_forge(*, immutable: bool = False, is_private: bool = False) -> ForgeService:
    return ForgeService(
        "acme/widget",
        StillClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        tokens={WRITE: "write", "ghs-read": "read", "ghp-admin": "admin"},
        tags=TAGS,
        branches={"main": "d" * 40},
        immutable=immutable,
        is_private=is_private,
    )


@dataclass(frozen=True)
class Caller:
    """Somebody with a token (or none) who asks the service itself, as its server would."""

    forge: ForgeService
    token: str = WRITE

    def ask(
        self, method: str, target: str, body: object = None, *, accept: str = "application/json", raw: bytes = b""
    ) -> Response:
        url = urllib.parse.urlsplit(target)
        headers = {"host": "forge", "accept": accept}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        return self.forge.handle(
            Request(
                method=method,
                path=urllib.parse.unquote(url.path),
                query=urllib.parse.parse_qs(url.query, keep_blank_values=True),
                headers=headers,
                body=raw if body is None else json.dumps(body).encode(),
            )
        )

    def get(self, target: str) -> tuple[int, Any]:
        return self._parsed(self.ask("GET", target))

    def post(self, target: str, body: object) -> tuple[int, Any]:
        return self._parsed(self.ask("POST", target, body))

    def patch(self, target: str, body: object) -> tuple[int, Any]:
        return self._parsed(self.ask("PATCH", target, body))

    def delete(self, target: str) -> int:
        return self.ask("DELETE", target).status

    def draft(self, tag: str = "v1.0.0") -> int:
        status, body = self.post(f"{REPO}/releases", {"tag_name": tag, "name": "t", "body": "b", "draft": True})
        assert status == 201
        return int(body["id"])

    def upload(self, release_id: int, name: str = "a.txt", data: bytes = b"hello") -> tuple[int, Any]:
        target = f"/api/uploads{REPO}/releases/{release_id}/assets?name={urllib.parse.quote(name)}"
        return self._parsed(self.ask("POST", target, raw=data))

    def publish(self, release_id: int) -> tuple[int, Any]:
        return self.patch(f"{REPO}/releases/{release_id}", {"draft": False})

    @staticmethod
    def _parsed(response: Response) -> tuple[int, Any]:
        assert response.headers["X-RateLimit-Limit"] in {"60", "5000"}
        return response.status, json.loads(response.body or b"null")


def errors(answer: tuple[int, Any]) -> list[dict[str, str]]:
    """The `errors` of a 422, with the rest of its body checked."""
    status, body = answer
    assert (status, body["message"], body["status"]) == (422, "Validation Failed", "422")
    assert body["documentation_url"] == "https://docs.github.com/rest"
    return list(body["errors"])
