"""What the package index will refuse, found before anything is uploaded (facts from its upload code, 2026).

Each rule takes the files' names or metadata and returns findings; none needs the network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from tagseal.core.artifacts import ARTIFACT_NAME_INVALID
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact
from tagseal.core.metadata import CoreMetadata
from tagseal.errors import Code, ExitCode

ARTIFACT_TOO_LARGE: Final = Code(
    id="artifact-too-large",
    exit_code=ExitCode.FAIL,
    why="The index refuses files over 100 MB; the release would stop half-way.",
    fix="Leave large data out of the archive, or ask the index for a higher limit for the project.",
)
PLATFORM_TAG_REFUSED: Final = Code(
    id="platform-tag-refused",
    exit_code=ExitCode.FAIL,
    why="The index refuses wheels for plain `linux_*`, because they do not say which systems they run on.",
    fix="Repair the wheel with auditwheel, or build it in a manylinux or musllinux image.",
)
SDIST_COUNT: Final = Code(
    id="sdist-count",
    exit_code=ExitCode.FAIL,
    why="The index takes one sdist for a version, and the source gate compares that one with the tag.",
    fix="Build exactly one sdist.",
)
DESCRIPTION_TYPE: Final = Code(
    id="description-type-refused",
    exit_code=ExitCode.FAIL,
    why="The index shows a description only as plain text, reStructuredText or Markdown.",
    fix="Set the README's content type in pyproject.toml to text/markdown, text/x-rst or text/plain.",
)
LICENSE_FILE_MISSING: Final = Code(
    id="license-file-missing",
    exit_code=ExitCode.FAIL,
    why="The index refuses a file whose metadata names a licence file that is not in it (PEP 639).",
    fix="Correct `license-files` in pyproject.toml, or include the named file.",
)

MAX_FILE_BYTES: Final = 100 * 10**6
_DESCRIPTION_TYPES: Final = frozenset({"text/plain", "text/x-rst", "text/markdown"})
_PLATFORMS: Final = re.compile(
    r"any|win32|win_(?:amd64|arm64)|(?:macosx|manylinux|musllinux|android|ios|pyodide|pyemscripten)_?\d\w*"
)


def check_size(artifact: Artifact) -> Check:
    """Refuse a file over the index's limit."""
    if artifact.size_bytes > MAX_FILE_BYTES:
        message = f"{artifact.name} has {artifact.size_bytes} bytes; the index takes {MAX_FILE_BYTES}."
        return Check(code=ARTIFACT_TOO_LARGE.id, verdict=Verdict.FAIL, subject=artifact.name, message=message)
    message = f"{artifact.size_bytes} bytes are within the index's limit."
    return Check(code="artifact-size", verdict=Verdict.PASS, subject=artifact.name, message=message)


def check_sdist_count(artifacts: Sequence[Artifact]) -> Check:
    """Insist on exactly one sdist."""
    sdists = [artifact.name for artifact in artifacts if artifact.kind == "sdist"]
    if len(sdists) != 1:
        message = f"The release has {len(sdists)} sdists instead of one."
        return Check(code=SDIST_COUNT.id, verdict=Verdict.FAIL, subject=", ".join(sdists) or "dist", message=message)
    return Check(code="one-sdist", verdict=Verdict.PASS, subject=sdists[0], message="There is exactly one sdist.")


def check_name(artifact: Artifact, metadata: CoreMetadata) -> Check:
    """The name must be the one that PEP 625 and the wheel specification give for this metadata, to the letter."""
    stem = f"{canonicalize_name(metadata.name).replace('-', '_')}-{metadata.version}"
    if artifact.kind == "sdist":
        is_right = artifact.name == f"{stem}.tar.gz"
    else:
        is_right = artifact.name.startswith(f"{stem}-") and _is_wheel_name(artifact.name)
    if is_right:
        message = "The file's name fits its metadata and is in canonical form."
        return Check(code="artifact-name", verdict=Verdict.PASS, subject=artifact.name, message=message)
    message = f"{artifact.name} should start with {stem}: name and version in canonical form, as in its metadata."
    return Check(code=ARTIFACT_NAME_INVALID.id, verdict=Verdict.FAIL, subject=artifact.name, message=message)


def check_platform(name: str) -> Check:
    """Refuse a wheel for a platform that the index does not take; `name` is a valid wheel name."""
    platforms = name.removesuffix(".whl").rpartition("-")[2].split(".")
    if refused := [platform for platform in platforms if not _PLATFORMS.fullmatch(platform)]:
        message = f"The index takes no wheel for {refused[0]}."
        return Check(code=PLATFORM_TAG_REFUSED.id, verdict=Verdict.FAIL, subject=name, message=message)
    message = f"The index takes wheels for {', '.join(platforms)}."
    return Check(code="platform-tag", verdict=Verdict.PASS, subject=name, message=message)


def check_description(name: str, metadata: CoreMetadata) -> Check:
    """A description needs a content type the index renders; without one it guesses: UNKNOWN."""
    code, kind = "description-type", metadata.description_content_type
    if not metadata.description.strip():
        message = "There is no long description."
        return Check(code=code, verdict=Verdict.NOT_APPLICABLE, subject=name, message=message)
    if not kind:
        message = "The description does not say its content type; the index guesses reStructuredText."
        return Check(code=code, verdict=Verdict.UNKNOWN, subject=name, message=message)
    if kind not in _DESCRIPTION_TYPES:
        message = f"The index does not show descriptions of type {kind!a}."
        return Check(code=DESCRIPTION_TYPE.id, verdict=Verdict.FAIL, subject=name, message=message)
    return Check(code=code, verdict=Verdict.PASS, subject=name, message=f"The description is declared as {kind}.")


def check_license(name: str, metadata: CoreMetadata, paths: frozenset[str]) -> tuple[Check, ...]:
    """Judge the licence expression, and that each licence file is where PEP 639 puts it; `paths`: those places."""
    code = "license-expression"
    if metadata.license_expression:
        # Its grammar was checked with the metadata.
        message = f"The licence is {metadata.license_expression}."
        expression = Check(code=code, verdict=Verdict.PASS, subject=name, message=message)
    else:
        message = "The metadata has no License-Expression (PEP 639), so the licence cannot be decided by a program."
        expression = Check(code=code, verdict=Verdict.UNKNOWN, subject=name, message=message)
    missing = [file for file in metadata.license_files if file not in paths]
    return (
        expression,
        *(
            Check(
                code=LICENSE_FILE_MISSING.id,
                verdict=Verdict.FAIL,
                subject=f"{name}:{file}",
                message=f"The metadata names the licence file {file!a}, which the archive does not hold.",
            )
            for file in missing
        ),
    )


def _is_wheel_name(name: str) -> bool:
    try:
        parse_wheel_filename(name)
    except InvalidWheelFilename:
        return False
    return True
