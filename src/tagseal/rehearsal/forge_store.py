"""Releases, assets and tags of the rehearsal forge, with GitHub's rules for changing them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from tagseal.rehearsal.forge_records import Asset, ForgeRefusedError, Release, ReleaseEdit, TagRef, invalid

MAX_ASSETS: Final = 1_000
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_IMMUTABLE_UPLOAD: Final = "Cannot upload assets to an immutable release."
_IMMUTABLE_DELETE: Final = "Cannot delete asset from an immutable release."


class ForgeStore:
    """State of one repository. Not locked: the service calls it under its own lock."""

    def __init__(
        self, *, tags: Mapping[str, TagRef], branches: Mapping[str, str], immutable: bool, default_branch: str
    ) -> None:
        self.tags = dict(tags)
        self.branches = dict(branches)
        """Branch name -> commit id."""
        self.immutable = immutable
        self.default_branch = default_branch
        self.releases: dict[int, Release] = {}
        self.latest: int | None = None
        self.burnt_tags: set[str] = set()
        """Tags of deleted immutable releases: never usable again."""
        self._last_id = 1_000

    def next_id(self) -> int:
        """Return an id that was never used, for releases and assets alike."""
        self._last_id += 1
        return self._last_id

    def newest_first(self) -> tuple[Release, ...]:
        """Return every release, drafts included, in the order of GitHub's list."""
        return tuple(sorted(self.releases.values(), key=lambda item: -item.id))

    def published(self, tag: str) -> Release | None:
        """Return the published release of a tag."""
        return next((item for item in self.releases.values() if item.tag == tag and not item.is_draft), None)

    def asset(self, asset_id: int) -> tuple[Release, Asset] | None:
        """Return an asset and its release."""
        return next((pair for pair in self._assets() if pair[1].id == asset_id), None)

    def _assets(self) -> Iterator[tuple[Release, Asset]]:
        for release in self.releases.values():
            for asset in release.assets:
                yield release, asset

    def create(self, edit: ReleaseEdit, now: datetime) -> Release:
        """Create a release; a published one also creates its tag when there is none. Raises: ForgeRefusedError."""
        if not edit.tag:
            raise invalid("Release", "missing_field", "tag_name")
        self._check_tag(edit.tag, exclude=None)
        release = Release(
            id=self.next_id(),
            tag=edit.tag,
            target=edit.target or self.default_branch,
            name=edit.name or "",
            body=edit.body or "",
            is_draft=True,
            is_prerelease=bool(edit.is_prerelease),
            created_at=now,
        )
        if not edit.is_draft:
            self._publish(release, edit.make_latest, now)
        self.releases[release.id] = release
        return release

    def update(self, release: Release, edit: ReleaseEdit, now: datetime) -> None:
        """Change a release; `is_draft=False` publishes a draft. Raises: ForgeRefusedError."""
        if release.is_immutable and (edit.is_draft or edit.tag not in {None, release.tag} or edit.target):
            raise invalid("Release", "custom", "tag_name", "tag_name cannot be changed on an immutable release")
        if edit.tag is not None and edit.tag != release.tag:
            self._check_tag(edit.tag, exclude=release)
        publishes = release.is_draft and edit.is_draft is False
        if publishes:
            self._check_tag(edit.tag or release.tag, exclude=release)
        release.tag = edit.tag or release.tag
        release.target = edit.target or release.target
        release.name = release.name if edit.name is None else edit.name
        release.body = release.body if edit.body is None else edit.body
        release.is_prerelease = release.is_prerelease if edit.is_prerelease is None else edit.is_prerelease
        if publishes:
            self._publish(release, edit.make_latest, now)
        elif edit.is_draft:
            release.is_draft = True

    def _publish(self, release: Release, make_latest: str, now: datetime) -> None:
        if release.tag not in self.tags:  # GitHub makes a lightweight tag of the target
            commit = self.branches.get(release.target, release.target)
            if not _COMMIT.fullmatch(commit):
                raise invalid("Release", "invalid", "target_commitish")
            self.tags[release.tag] = TagRef(sha=commit, kind="commit")
        release.is_draft = False
        release.published_at = now
        release.is_immutable = self.immutable
        if make_latest != "false" and not release.is_prerelease:
            self.latest = release.id

    def _check_tag(self, tag: str, *, exclude: Release | None) -> None:
        if tag in self.burnt_tags:
            raise invalid("Release", "custom", "tag_name", "tag_name was used by an immutable release")
        other = self.published(tag)
        if other is not None and other is not exclude:
            raise invalid("Release", "already_exists", "tag_name")

    def delete(self, release: Release) -> None:
        """Delete a release and its assets; the tag stays, and is burnt when the release was immutable."""
        del self.releases[release.id]
        if release.is_immutable:
            self.burnt_tags.add(release.tag)
        if self.latest == release.id:
            self.latest = None

    def add_asset(self, release: Release, asset: Asset) -> None:
        """Add an asset. Raises: ForgeRefusedError, also when a cut-off upload of that name was not deleted."""
        if release.is_immutable:
            raise ForgeRefusedError(422, _IMMUTABLE_UPLOAD)
        if any(other.name == asset.name for other in release.assets):
            raise invalid("ReleaseAsset", "already_exists", "name")
        if len(release.assets) >= MAX_ASSETS:
            raise invalid("ReleaseAsset", "custom", "release", f"file_count limited to {MAX_ASSETS} assets per release")
        release.assets.append(asset)

    def delete_asset(self, release: Release, asset: Asset) -> None:
        """Delete an asset. Raises: ForgeRefusedError."""
        if release.is_immutable:
            raise ForgeRefusedError(422, _IMMUTABLE_DELETE)
        release.assets.remove(asset)


def asset_name(name: str) -> str:
    """Return the name GitHub gives an uploaded file: other characters become dots, none at the ends."""
    return re.sub(r"[^A-Za-z0-9._+@-]+", ".", name).strip(".") or "default"
