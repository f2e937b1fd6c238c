"""Releases, assets and the repository as GitHub's REST API shows them (API version 2022-11-28)."""

from __future__ import annotations

import base64
import hashlib
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime

from tagseal.core.canonical import Json
from tagseal.rehearsal.forge_records import Asset, Release, TagRef

BOT_ID = 41898282
"""GitHub's own id for `github-actions[bot]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Where things are: the API, uploads and the web site share one loopback listener."""

    base: str
    """`http://127.0.0.1:<port>`, no final slash."""
    repository: str
    """`owner/name`."""

    @property
    def api(self) -> str:
        """The repository's API address."""
        return f"{self.base}/repos/{self.repository}"

    @property
    def web(self) -> str:
        """The repository's page."""
        return f"{self.base}/{self.repository}"

    @property
    def uploads(self) -> str:
        """The repository on the upload host: GitHub Enterprise's path, for a second host would need a second name."""
        return f"{self.base}/api/uploads/repos/{self.repository}"


def release_json(release: Release, urls: Urls) -> dict[str, Json]:
    """Return a release with its assets."""
    api = f"{urls.api}/releases/{release.id}"
    archive = urllib.parse.quote(release.tag, safe="")
    return {
        "url": api,
        "assets_url": f"{api}/assets",
        "upload_url": f"{urls.uploads}/releases/{release.id}/assets{{?name,label}}",
        "html_url": f"{urls.web}/releases/tag/{_web_tag(release)}",
        "id": release.id,
        "author": user_json("github-actions[bot]", urls),
        "node_id": _node_id("RE", release.id),
        "tag_name": release.tag,
        "target_commitish": release.target,
        "name": release.name,
        "draft": release.is_draft,
        "immutable": release.is_immutable,
        "prerelease": release.is_prerelease,
        "created_at": _time(release.created_at),
        "updated_at": _time(release.published_at or release.created_at),
        "published_at": _time(release.published_at) if release.published_at else None,
        "assets": [asset_json(asset, release, urls) for asset in release.assets],
        "tarball_url": None if release.is_draft else f"{urls.api}/tarball/{archive}",
        "zipball_url": None if release.is_draft else f"{urls.api}/zipball/{archive}",
        "body": release.body,
    }


def asset_json(asset: Asset, release: Release, urls: Urls) -> dict[str, Json]:
    """Return one asset."""
    tag = urllib.parse.quote(_web_tag(release), safe="")
    return {
        "url": f"{urls.api}/releases/assets/{asset.id}",
        "id": asset.id,
        "node_id": _node_id("RA", asset.id),
        "name": asset.name,
        "label": asset.label,
        "uploader": user_json("github-actions[bot]", urls),
        "content_type": asset.content_type,
        "state": "uploaded" if asset.is_complete else "starter",
        "size": len(asset.data),
        "digest": asset.sha256 if asset.is_complete else None,
        "download_count": asset.downloads,
        "created_at": _time(asset.created_at),
        "updated_at": _time(asset.created_at),
        "browser_download_url": f"{urls.web}/releases/download/{tag}/{urllib.parse.quote(asset.name)}",
    }


def repository_json(repository_id: int, default_branch: str, urls: Urls, *, is_private: bool) -> dict[str, Json]:
    """Return the repository, without the many addresses no release client reads."""
    owner, _, name = urls.repository.partition("/")
    return {
        "id": repository_id,
        "node_id": _node_id("R", repository_id),
        "name": name,
        "full_name": urls.repository,
        "private": is_private,
        "visibility": "private" if is_private else "public",
        "owner": user_json(owner, urls),
        "html_url": urls.web,
        "description": None,
        "fork": False,
        "archived": False,
        "disabled": False,
        "url": urls.api,
        "releases_url": f"{urls.api}/releases{{/id}}",
        "git_refs_url": f"{urls.api}/git/refs{{/sha}}",
        "clone_url": f"{urls.web}.git",
        "default_branch": default_branch,
    }


def user_json(login: str, urls: Urls) -> dict[str, Json]:
    """Return a user as it stands in other objects."""
    is_bot = login.endswith("[bot]")
    user_id = BOT_ID if is_bot else int(hashlib.sha256(login.encode()).hexdigest()[:6], 16)
    quoted = urllib.parse.quote(login)
    return {
        "login": login,
        "id": user_id,
        "node_id": _node_id("U", user_id),
        "gravatar_id": "",
        "url": f"{urls.base}/users/{quoted}",
        "html_url": f"{urls.base}/apps/github-actions" if is_bot else f"{urls.base}/{quoted}",
        "type": "Bot" if is_bot else "User",
        "user_view_type": "public",
        "site_admin": False,
    }


def ref_json(tag: str, ref: TagRef, urls: Urls) -> dict[str, Json]:
    """Return `refs/tags/<tag>`."""
    kind = "tags" if ref.kind == "tag" else "commits"
    return {
        "ref": f"refs/tags/{tag}",
        "node_id": _node_id("REF", int(ref.sha[:8], 16)),
        "url": f"{urls.api}/git/refs/tags/{urllib.parse.quote(tag, safe='')}",
        "object": {"sha": ref.sha, "type": ref.kind, "url": f"{urls.api}/git/{kind}/{ref.sha}"},
    }


def _web_tag(release: Release) -> str:
    # A draft has no page under its tag: GitHub names it `untagged-` and some hex until it is published.
    if not release.is_draft:
        return release.tag
    return f"untagged-{hashlib.sha256(str(release.id).encode()).hexdigest()[:20]}"


def _node_id(kind: str, number: int) -> str:
    return f"{kind}_{base64.urlsafe_b64encode(number.to_bytes(8, 'big')).decode().rstrip('=')}"


def _time(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
