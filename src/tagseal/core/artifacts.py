"""The two kinds of file a release has, told apart by name; reading either; and their content digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from tagseal.core.archive import Limits, Member
from tagseal.core.archive_tar import read_sdist
from tagseal.core.archive_zip import read_wheel
from tagseal.core.facts import Artifact
from tagseal.errors import Code, ExitCode, TagsealError

ARTIFACT_NAME_INVALID: Final = Code(
    id="artifact-name-invalid",
    exit_code=ExitCode.FAIL,
    why="Installers and the index take name, version and platform from the file's name alone.",
    fix="Publish only what a current build backend makes: one `name-version.tar.gz` and wheels (`.whl`).",
)

MAX_READ_BYTES: Final = 512 * 2**20
"""How much of one file a step reads; the index's own limit is lower and judged by `inspect`."""

_DIGEST_HEADER: Final = "tagseal content digest v1\n"


def measure(name: str, data: bytes) -> tuple[Artifact, tuple[Member, ...]]:
    """Return what is true of a file's bytes, and its members (read once, for the caller to look at).

    Raises:
        TagsealError: `artifact-name-invalid`, any `archive-*` code.
    """
    members = read_artifact(name, data)
    artifact = Artifact(
        name=name,
        kind=kind_of(name),
        size_bytes=len(data),
        sha256="sha256:" + hashlib.sha256(data).hexdigest(),
        content_digest=content_digest(members),
    )
    return artifact, members


def kind_of(name: str) -> str:
    """Return `sdist` or `wheel`.

    Raises:
        TagsealError: `artifact-name-invalid`.
    """
    if name.endswith(".tar.gz"):
        return "sdist"
    if name.endswith(".whl"):
        return "wheel"
    raise TagsealError(ARTIFACT_NAME_INVALID, f"{name!a} is neither an sdist (.tar.gz) nor a wheel (.whl).")


def read_artifact(name: str, data: bytes, limits: Limits | None = None) -> tuple[Member, ...]:
    """Return the files of an sdist or wheel, in the archive's order.

    Raises:
        TagsealError: `artifact-name-invalid`, any `archive-*` code.
    """
    return read_sdist(name, data, limits) if kind_of(name) == "sdist" else read_wheel(data, limits)


def content_digest(members: Iterable[Member]) -> str:
    """Return `sha256:<hex>` over path, executable bit and content of all files: independent of any compressor.

    The digested text is described in docs/reference/formats.md, "Content digest".
    """
    lines = [
        f"{'100755' if member.is_executable else '100644'} {hashlib.sha256(member.data).hexdigest()} {member.path}\n"
        for member in sorted(members, key=by_path)
    ]
    return "sha256:" + hashlib.sha256((_DIGEST_HEADER + "".join(lines)).encode("utf-8")).hexdigest()


def by_path(member: Member) -> bytes:
    """Sort key: the path's UTF-8 bytes, the same order everywhere."""
    return member.path.encode("utf-8")
