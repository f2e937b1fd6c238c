"""What one built file must be: RECORD true, metadata valid and for this version, accepted by the index, no secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from packaging.utils import canonicalize_name, parse_wheel_filename

from tagseal.core import index_rules, secret_scan
from tagseal.core.archive import Member
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact
from tagseal.core.metadata import METADATA_INVALID, CoreMetadata, differing_fields, read_metadata, wheel_tags
from tagseal.core.wheel_record import check_record, dist_info
from tagseal.errors import Code, ExitCode, TagsealError

VERSION_MISMATCH: Final = Code(
    id="version-mismatch",
    exit_code=ExitCode.FAIL,
    why="A file with another version than its tag can never be traced back to its source.",
    fix="Set the project's version to the tag's (or tag the right commit), then build again.",
)
NAME_MISMATCH: Final = Code(
    id="name-mismatch",
    exit_code=ExitCode.FAIL,
    why="All files of a release belong to one project on the index.",
    fix="Give all files one project name.",
)
METADATA_DIFFERS: Final = Code(
    id="metadata-differs",
    exit_code=ExitCode.FAIL,
    why="The index shows one file's metadata for the whole release; installers see what the other files say.",
    fix="Build all files from one source in one run; a field that must differ belongs under `dynamic`.",
)
WHEEL_TAGS_DIFFER: Final = Code(
    id="wheel-tags-differ",
    exit_code=ExitCode.FAIL,
    why="Installers choose a wheel by the tags in its name and trust that they are those it was built for.",
    fix="Build the wheel again instead of renaming it (or use `wheel tags`, which changes both).",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """One file with its metadata."""

    artifact: Artifact
    metadata: CoreMetadata


def inspect_file(
    artifact: Artifact, members: tuple[Member, ...], *, version: str, holds_known: Callable[[str], bool]
) -> tuple[Inspected, tuple[Check, ...]]:
    """Judge one file by itself; `version` is the tag's.

    Raises:
        TagsealError: `wheel-layout`, `wheel-record-untrue`, `metadata-invalid`, `artifact-name-invalid`.
    """
    name = artifact.name
    top = name.removesuffix(".tar.gz") if artifact.kind == "sdist" else dist_info(name, members)
    metadata = read_metadata(name, _content(members, f"{top}/{'PKG-INFO' if artifact.kind == 'sdist' else 'METADATA'}"))
    licenses = f"{top}/" if artifact.kind == "sdist" else f"{top}/licenses/"
    license_paths = frozenset(m.path.removeprefix(licenses) for m in members if m.path.startswith(licenses))
    checks = [
        _archive_safe(artifact, len(members)),
        index_rules.check_size(artifact),
        index_rules.check_name(artifact, metadata),
        _version(name, metadata, version),
        index_rules.check_description(name, metadata),
        *index_rules.check_license(name, metadata, license_paths),
        *_secrets(name, members, holds_known),
    ]
    if artifact.kind == "wheel":
        check_record(name, members)
        wheel = _content(members, f"{top}/WHEEL")
        checks += [index_rules.check_platform(name), _tags(name, wheel)]
    return Inspected(artifact=artifact, metadata=metadata), tuple(checks)


def check_release(files: tuple[Inspected, ...]) -> tuple[Check, ...]:
    """Judge the files of one release together: one project, one sdist, agreeing metadata."""
    names = sorted({canonicalize_name(file.metadata.name) for file in files})
    checks = [index_rules.check_sdist_count([file.artifact for file in files])]
    if len(names) == 1:
        message = f"All {len(files)} files belong to {names[0]}."
        checks.append(Check(code="one-project", verdict=Verdict.PASS, subject=names[0], message=message))
    else:
        message = f"The files name {len(names)} projects: {', '.join(names)}."
        checks.append(Check(code=NAME_MISMATCH.id, verdict=Verdict.FAIL, subject=", ".join(names), message=message))
    sdist = next((file for file in files if file.artifact.kind == "sdist"), None)
    if sdist is not None:
        checks += [_agreement(sdist, file) for file in files if file is not sdist]
    return tuple(checks)


def _content(members: tuple[Member, ...], path: str) -> bytes:
    for member in members:
        if member.path == path:
            return member.data
    raise TagsealError(METADATA_INVALID, f"There is no {path}.")


def _archive_safe(artifact: Artifact, count: int) -> Check:
    message = f"All {count} members are regular files with safe names; nothing in the archive can be read in two ways."
    return Check(
        code="archive-safe", verdict=Verdict.PASS, subject=artifact.name, message=message, evidence=artifact.sha256
    )


def _version(name: str, metadata: CoreMetadata, version: str) -> Check:
    if metadata.version != version:
        message = f"{name} has the version {metadata.version}; the tag says {version}."
        return Check(code=VERSION_MISMATCH.id, verdict=Verdict.FAIL, subject=name, message=message)
    return Check(code="version-as-tag", verdict=Verdict.PASS, subject=name, message=f"The version is {version}.")


def _tags(name: str, wheel: bytes) -> Check:
    inside, outside = wheel_tags(f"WHEEL in {name}", wheel), frozenset(map(str, parse_wheel_filename(name)[3]))
    if inside != outside:
        message = f"{name} says {', '.join(sorted(inside)) or 'no tag'} inside."
        return Check(code=WHEEL_TAGS_DIFFER.id, verdict=Verdict.FAIL, subject=name, message=message)
    return Check(
        code="wheel-tags", verdict=Verdict.PASS, subject=name, message="WHEEL has the tags of the file's name."
    )


def _secrets(name: str, members: tuple[Member, ...], holds_known: Callable[[str], bool]) -> tuple[Check, ...]:
    checks = tuple(
        Check(
            code=secret_scan.SECRET_IN_ARTIFACT.id,
            verdict=Verdict.FAIL,
            subject=f"{name}:{found.path}",
            message=f"{found.path} {found.what}" + (f" in line {found.line}." if found.line else "."),
        )
        for found in secret_scan.scan(members, holds_known=holds_known)
    )
    if checks:
        return checks
    message = f"No known kind of secret was found in {len(members)} members."
    return (Check(code="no-secrets", verdict=Verdict.PASS, subject=name, message=message),)


def _agreement(sdist: Inspected, wheel: Inspected) -> Check:
    name = wheel.artifact.name
    if different := differing_fields(sdist.metadata, wheel.metadata):
        message = f"{name} and {sdist.artifact.name} differ in {', '.join(different)}."
        return Check(code=METADATA_DIFFERS.id, verdict=Verdict.FAIL, subject=name, message=message)
    return Check(code="metadata-agrees", verdict=Verdict.PASS, subject=name, message="The metadata is the sdist's.")
