"""Core metadata of a built file (PKG-INFO, METADATA), parsed strictly by `packaging`, and the WHEEL file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from typing import Final

from packaging.metadata import Metadata, parse_email
from packaging.tags import parse_tag

from tagseal.errors import Code, ExitCode, TagsealError

METADATA_INVALID: Final = Code(
    id="metadata-invalid",
    exit_code=ExitCode.FAIL,
    why="The index refuses a file whose metadata it cannot read, and installers differ in what they make of it.",
    fix="Correct the named field in pyproject.toml (or update the build backend) and build again.",
)

_MAX_BYTES: Final = 4 * 2**20
_MAX_ERRORS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """What one file says about itself."""

    name: str
    version: str
    """In canonical form."""
    license_expression: str
    """SPDX; empty when there is none."""
    license_files: tuple[str, ...]
    description: str
    description_content_type: str
    """For example `text/markdown`; empty when the file does not say."""
    dynamic: frozenset[str]
    """Lower-case field names that the sdist leaves open for the wheel."""
    fields: Mapping[str, str]
    """Every field as comparable text, by its lower-case name."""


def read_metadata(where: str, data: bytes) -> CoreMetadata:
    """Parse core metadata; unknown, doubled or badly formed fields are refused. `where` names the file in errors.

    Raises:
        TagsealError: `metadata-invalid`.
    """
    if len(data) > _MAX_BYTES:
        raise TagsealError(METADATA_INVALID, f"The metadata in {where} is over {_MAX_BYTES} bytes long.")
    raw, unparsed = parse_email(data)
    if unparsed:
        raise TagsealError(METADATA_INVALID, f"The metadata in {where} has the unreadable field {min(unparsed)!a}.")
    try:
        found = Metadata.from_raw(raw, validate=True)
    except ExceptionGroup as group:
        causes = "; ".join(str(error) for error in group.exceptions[:_MAX_ERRORS])
        raise TagsealError(METADATA_INVALID, f"The metadata in {where} is not valid: {causes}.") from group
    return CoreMetadata(
        name=found.name,
        version=str(found.version),
        license_expression=found.license_expression or "",
        license_files=tuple(found.license_files or ()),
        description=found.description or "",
        description_content_type=(found.description_content_type or "").partition(";")[0].strip().lower(),
        dynamic=frozenset(field.lower() for field in found.dynamic or ()),
        fields={str(key).replace("_", "-"): _comparable(value) for key, value in raw.items()},
    )


def differing_fields(sdist: CoreMetadata, wheel: CoreMetadata) -> tuple[str, ...]:
    """Return the fields in which a wheel differs from its sdist although the sdist does not call them dynamic."""
    names = sdist.fields.keys() | wheel.fields.keys()
    ignored = {"dynamic", "metadata-version"} | {_RAW_NAMES.get(name, name) for name in sdist.dynamic}
    return tuple(sorted(n for n in names - ignored if sdist.fields.get(n) != wheel.fields.get(n)))


_RAW_NAMES: Final[Mapping[str, str]] = {
    "classifier": "classifiers",
    "license-file": "license-files",
    "platform": "platforms",
    "project-url": "project-urls",
    "supported-platform": "supported-platforms",
}
"""Fields that `packaging` calls by their plural."""


def wheel_tags(where: str, data: bytes) -> frozenset[str]:
    """Return the tags of a WHEEL file, each as `python-abi-platform`.

    Raises:
        TagsealError: `metadata-invalid`, also for another major Wheel-Version than 1.
    """
    message = message_from_bytes(data)
    versions = message.get_all("Wheel-Version", [])
    if len(versions) != 1 or str(versions[0]).partition(".")[0] != "1":
        raise TagsealError(METADATA_INVALID, f"{where} does not say that it is of Wheel-Version 1.x.")
    try:
        return frozenset(str(tag) for line in message.get_all("Tag", []) for tag in parse_tag(str(line)))
    except ValueError as error:
        raise TagsealError(METADATA_INVALID, f"{where} has a tag that is none: {error}.") from error


def _comparable(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(sorted(str(item) for item in value))
    if isinstance(value, Mapping):
        return "\n".join(sorted(f"{key}={item}" for key, item in value.items()))
    return str(value).strip()
