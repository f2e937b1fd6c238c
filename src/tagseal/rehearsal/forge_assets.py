"""The forge's routes for release assets: upload, list, download, rename, delete."""

from __future__ import annotations

import secrets
import urllib.parse
from typing import TYPE_CHECKING

from tagseal.core.canonical import Json
from tagseal.rehearsal.forge_call import NOT_FOUND, Call, visible, writable
from tagseal.rehearsal.forge_json import Urls, asset_json
from tagseal.rehearsal.forge_records import Asset, ForgeRefusedError, Release, invalid
from tagseal.rehearsal.forge_requests import json_object, page_of
from tagseal.rehearsal.forge_store import ForgeStore, asset_name
from tagseal.rehearsal.http import Response, json_response

if TYPE_CHECKING:
    from tagseal.ports import Clock


class AssetRoutes:
    """Each method answers one route; arguments after the call are parts of the path."""

    def __init__(self, store: ForgeStore, clock: Clock) -> None:
        self.broken_uploads = 0
        """How many of the next uploads end with 502 and a `starter` asset."""
        self._store = store
        self._clock = clock
        self._signed: dict[str, int] = {}

    def listed(self, call: Call, release_id: str) -> Response:
        """`GET /releases/{id}/assets`."""
        release = visible(call, self._store.releases.get(int(release_id)))
        page = page_of(call.request, release.assets, f"{call.urls.api}/releases/{release.id}/assets")
        body: Json = [asset_json(item, release, call.urls) for item in page.items]
        return json_response(200, body, headers=page.headers)

    def upload(self, call: Call, release_id: str) -> Response:
        """`POST /releases/{id}/assets?name=` on the upload host; a body cut off on its way leaves a `starter`."""
        release = writable(call, self._store.releases.get(int(release_id)))
        name = call.request.query.get("name", [""])[0]
        if not name:
            raise invalid("ReleaseAsset", "missing_field", "name")
        announced = int(call.request.headers.get("content-length", "0") or 0)
        is_complete = len(call.request.body) >= announced and not self.broken_uploads
        self.broken_uploads = max(self.broken_uploads - 1, 0)
        if is_complete and not call.request.body:
            raise invalid("ReleaseAsset", "custom", "size", "size must be greater than or equal to 1")
        asset = Asset(
            id=self._store.next_id(),
            name=asset_name(name),
            label=call.request.query.get("label", [""])[0],
            content_type=call.request.headers.get("content-type", "application/octet-stream"),
            created_at=self._clock.now(),
            data=call.request.body if is_complete else b"",
            is_complete=is_complete,
        )
        self._store.add_asset(release, asset)
        if not is_complete:
            raise ForgeRefusedError(502, "Server Error")
        return json_response(201, asset_json(asset, release, call.urls))

    def _found(self, call: Call, asset_id: str) -> tuple[Release, Asset]:
        found = self._store.asset(int(asset_id))
        visible(call, found[0] if found else None)
        if found is None:
            raise ForgeRefusedError(404, NOT_FOUND)
        return found

    def show(self, call: Call, asset_id: str) -> Response:
        """`GET /releases/assets/{id}`: JSON, or a redirect to the bytes, as the client accepts."""
        release, asset = self._found(call, asset_id)
        if "application/octet-stream" in call.request.headers.get("accept", ""):
            return self._redirect(asset, call.urls)
        return json_response(200, asset_json(asset, release, call.urls))

    def rename(self, call: Call, asset_id: str) -> Response:
        """`PATCH /releases/assets/{id}`."""
        call.caller.need_write()
        release, asset = self._found(call, asset_id)
        body = json_object(call.request)
        if release.is_immutable:
            raise ForgeRefusedError(422, "Cannot update assets of an immutable release.")
        asset.name = asset_name(str(body.get("name") or asset.name))
        asset.label = str(body.get("label") or asset.label)
        return json_response(200, asset_json(asset, release, call.urls))

    def delete(self, call: Call, asset_id: str) -> Response:
        """`DELETE /releases/assets/{id}`."""
        call.caller.need_write()
        self._store.delete_asset(*self._found(call, asset_id))
        return Response(status=204)

    def by_name(self, call: Call, tag: str, name: str) -> Response:
        """`browser_download_url`: published releases only, no token needed."""
        release = self._store.published(tag)
        asset = next((item for item in release.assets if item.name == name), None) if release else None
        if asset is None or not call.caller.may_read:
            return Response(status=404, body=b"Not Found", content_type="text/plain")
        return self._redirect(asset, call.urls)

    def _redirect(self, asset: Asset, urls: Urls) -> Response:
        """Send the client to the object store, as GitHub does: an address that is a secret and needs no token."""
        if not asset.is_complete:
            raise ForgeRefusedError(404, NOT_FOUND)
        key = secrets.token_hex(16)
        self._signed[key] = asset.id
        return Response(status=302, content_type="text/html", headers={"Location": f"{urls.base}/_objects/{key}"})

    def stored(self, _call: Call, key: str) -> Response:
        """The object store's answer to a signed address."""
        found = self._store.asset(self._signed.get(key, 0))
        if found is None:
            return Response(status=404, body=b"BlobNotFound", content_type="application/xml")
        found[1].downloads += 1
        disposition = f"attachment; filename={urllib.parse.quote(found[1].name)}"
        headers = {"Content-Disposition": disposition}
        return Response(status=200, body=found[1].data, content_type="application/octet-stream", headers=headers)
