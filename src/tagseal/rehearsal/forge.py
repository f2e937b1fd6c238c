"""A forge on loopback: releases and assets of one repository, as GitHub's REST API answers.

A route it does not know is answered with 501 and remembered in `unknown_routes`, so that a test can tell a client
that asks for more from one that is refused.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from tagseal.core.canonical import Json
from tagseal.rehearsal.forge_assets import AssetRoutes
from tagseal.rehearsal.forge_auth import ForgeAuth
from tagseal.rehearsal.forge_call import NOT_FOUND, Call, visible, writable
from tagseal.rehearsal.forge_json import Urls, ref_json, release_json, repository_json
from tagseal.rehearsal.forge_records import ForgeRefusedError, Release, TagRef
from tagseal.rehearsal.forge_requests import edit_of, page_of
from tagseal.rehearsal.forge_store import ForgeStore
from tagseal.rehearsal.http import Request, Response, json_response

if TYPE_CHECKING:
    from tagseal.ports import Clock

DOCS: Final = "https://docs.github.com/rest"


Route: TypeAlias = Callable[..., Response]


class ForgeService:
    """One repository's releases."""

    def __init__(
        self,
        repository: str,
        clock: Clock,
        *,
        tokens: Mapping[str, str],
        tags: Mapping[str, TagRef] | None = None,
        branches: Mapping[str, str] | None = None,
        immutable: bool = False,
        is_private: bool = False,
        repository_id: int = 1,
        default_branch: str = "main",
    ) -> None:
        """`repository`: `owner/name`. `tokens`: token -> `read`, `write` or `admin`. `branches`: name -> commit."""
        self.repository = repository
        self.repository_id = repository_id
        self.is_private = is_private
        self.store = ForgeStore(
            tags=tags or {}, branches=branches or {}, immutable=immutable, default_branch=default_branch
        )
        self.unknown_routes: list[str] = []
        """`METHOD path` of every request that no route fits."""
        self._clock = clock
        self._auth = ForgeAuth(tokens, is_private=is_private)
        self._lock = threading.Lock()
        self._assets = AssetRoutes(self.store, clock)
        self._routes = self._make_routes()

    def break_uploads(self, times: int = 1) -> None:
        """Let the next uploads end as GitHub's storage failures do: 502, and a `starter` asset is left."""
        self._assets.broken_uploads = times

    @property
    def releases(self) -> dict[int, Release]:
        """Release id -> release, drafts included."""
        return self.store.releases

    def handle(self, request: Request, *, base_url: str = "") -> Response:
        """Answer one request; `base_url` goes in front of the links (default: http and the Host header)."""
        base_url = base_url or f"http://{request.headers.get('host', '127.0.0.1')}"
        urls = Urls(base=base_url, repository=self.repository)
        with self._lock:
            try:
                caller = self._auth.caller(request)
                response = self._dispatch(Call(request=request, caller=caller, urls=urls))
            except ForgeRefusedError as error:
                response = _refusal(error)
            headers = {**self._auth.rate_headers(request, self._clock.now()), **response.headers}
        return Response(
            status=response.status,
            body=response.body,
            content_type=response.content_type,
            headers={**headers, "X-GitHub-Request-Id": secrets.token_hex(8).upper()},
        )

    def _make_routes(self) -> tuple[tuple[str, re.Pattern[str], Route], ...]:
        assets = self._assets
        repo = f"/repos/{re.escape(self.repository)}"
        web = f"/{re.escape(self.repository)}/releases/download"
        table: tuple[tuple[str, str, Route], ...] = (
            ("GET", "/rate_limit", self._rate_limit),
            ("GET", repo, self._repository),
            ("GET", f"{repo}/immutable-releases", self._immutable),
            ("GET", f"{repo}/git/refs?/tags/(.+)", self._tag),
            ("GET", f"{repo}/releases", self._list),
            ("POST", f"{repo}/releases", self._create),
            ("GET", f"{repo}/releases/latest", self._latest),
            ("GET", f"{repo}/releases/tags/(.+)", self._by_tag),
            ("GET", rf"{repo}/releases/assets/(\d+)", assets.show),
            ("PATCH", rf"{repo}/releases/assets/(\d+)", assets.rename),
            ("DELETE", rf"{repo}/releases/assets/(\d+)", assets.delete),
            ("GET", rf"{repo}/releases/(\d+)", self._show),
            ("PATCH", rf"{repo}/releases/(\d+)", self._update),
            ("DELETE", rf"{repo}/releases/(\d+)", self._delete),
            ("GET", rf"{repo}/releases/(\d+)/assets", assets.listed),
            ("POST", rf"/api/uploads{repo}/releases/(\d+)/assets", assets.upload),
            ("GET", f"{web}/(.+)/([^/]+)", assets.by_name),
            ("GET", "/_objects/([0-9a-f]+)", assets.stored),
        )
        return tuple((method, re.compile(pattern), route) for method, pattern, route in table)

    def _dispatch(self, call: Call) -> Response:
        method = "GET" if call.request.method == "HEAD" else call.request.method
        for known, pattern, route in self._routes:
            if known == method and (match := pattern.fullmatch(call.request.path)):
                return route(call, *match.groups())
        self.unknown_routes.append(f"{call.request.method} {call.request.path}")
        raise ForgeRefusedError(501, f"tagseal's rehearsal forge has no route {method} {call.request.path}")

    # --- the repository -------------------------------------------------------------------------

    def _rate_limit(self, call: Call) -> Response:
        headers = self._auth.rate_headers(call.request, self._clock.now())
        names = ("Limit", "Remaining", "Reset", "Used")
        core: Json = {name.lower(): int(headers[f"X-RateLimit-{name}"]) for name in names}
        return json_response(200, {"resources": {"core": core}, "rate": core})

    def _repository(self, call: Call) -> Response:
        call.caller.need_read()
        body = repository_json(self.repository_id, self.store.default_branch, call.urls, is_private=self.is_private)
        return json_response(200, body)

    def _immutable(self, call: Call) -> Response:
        call.caller.need_admin()
        return json_response(200, {"enabled": self.store.immutable, "enforced_by_owner": False})

    def _tag(self, call: Call, tag: str) -> Response:
        call.caller.need_read()
        if tag not in self.store.tags:
            raise ForgeRefusedError(404, NOT_FOUND)
        return json_response(200, ref_json(tag, self.store.tags[tag], call.urls))

    # --- releases -------------------------------------------------------------------------------

    def _list(self, call: Call) -> Response:
        call.caller.need_read()
        releases = [item for item in self.store.newest_first() if call.caller.can_write or not item.is_draft]
        page = page_of(call.request, releases, f"{call.urls.api}/releases")
        return json_response(200, [release_json(item, call.urls) for item in page.items], headers=page.headers)

    def _latest(self, call: Call) -> Response:
        return self._show(call, str(self.store.latest or 0))

    def _by_tag(self, call: Call, tag: str) -> Response:
        release = visible(call, self.store.published(tag))
        return json_response(200, release_json(release, call.urls))

    def _show(self, call: Call, release_id: str) -> Response:
        release = visible(call, self.store.releases.get(int(release_id)))
        return json_response(200, release_json(release, call.urls))

    def _create(self, call: Call) -> Response:
        call.caller.need_write()
        release = self.store.create(edit_of(call.request), self._clock.now())
        body = release_json(release, call.urls)
        return json_response(201, body, headers={"Location": f"{call.urls.api}/releases/{release.id}"})

    def _update(self, call: Call, release_id: str) -> Response:
        release = writable(call, self.store.releases.get(int(release_id)))
        self.store.update(release, edit_of(call.request), self._clock.now())
        return json_response(200, release_json(release, call.urls))

    def _delete(self, call: Call, release_id: str) -> Response:
        self.store.delete(writable(call, self.store.releases.get(int(release_id))))
        return Response(status=204)


def _refusal(error: ForgeRefusedError) -> Response:
    body: dict[str, Json] = {"message": error.message, "documentation_url": DOCS, "status": str(error.status)}
    if error.errors:
        body["errors"] = list(error.errors)
    return json_response(error.status, body)
