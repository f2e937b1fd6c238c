"""The records of the rehearsal forge: releases, assets, tags, and a refusal in GitHub's words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tagseal.core.canonical import Json


class ForgeRefusedError(Exception):
    """A request the forge refuses, with GitHub's status and texts."""

    def __init__(self, status: int, message: str, errors: tuple[Mapping[str, Json], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors


@dataclass(slots=True, kw_only=True)
class Asset:
    """One file of a release."""

    id: int
    name: str
    label: str
    content_type: str
    created_at: datetime
    data: bytes
    is_complete: bool
    """False: the upload was cut off; GitHub lists it with the state `starter`."""
    downloads: int = 0

    @property
    def sha256(self) -> str:
        """`sha256:<hex>` of the content."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"


@dataclass(slots=True, kw_only=True)
class Release:
    """One release."""

    id: int
    tag: str
    target: str
    """`target_commitish`: a branch or a commit."""
    name: str
    body: str
    is_draft: bool
    is_prerelease: bool
    created_at: datetime
    published_at: datetime | None = None
    is_immutable: bool = False
    assets: list[Asset] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRef:
    """What `refs/tags/<name>` points at."""

    sha: str
    kind: str
    """`tag` (annotated) or `commit`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEdit:
    """The fields of a create or update request; None leaves the field as it is."""

    tag: str | None = None
    target: str | None = None
    name: str | None = None
    body: str | None = None
    is_draft: bool | None = None
    is_prerelease: bool | None = None
    make_latest: str = "true"


def invalid(resource: str, code: str, name: str, message: str = "") -> ForgeRefusedError:
    """Return a 422 with one entry in `errors`, as GitHub words failed validations."""
    error: dict[str, Json] = {"resource": resource, "code": code, "field": name}
    if message:
        error["message"] = message
    return ForgeRefusedError(422, "Validation Failed", (error,))
