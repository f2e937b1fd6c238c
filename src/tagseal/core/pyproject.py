"""What pyproject.toml says about building: requirements, and name and version when they are static."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement

from tagseal.errors import Code, ExitCode, TagsealError

PYPROJECT_INVALID: Final = Code(
    id="pyproject-invalid",
    exit_code=ExitCode.USAGE,
    why="pyproject.toml decides what runs during a build; a guess at its meaning is not good enough.",
    fix="Correct pyproject.toml; the packaging user guide describes its [build-system] and [project] tables.",
)
REQUIREMENT_INVALID: Final = Code(
    id="requirement-invalid",
    exit_code=ExitCode.USAGE,
    why="A build requirement must be a name with versions, so that an index can be asked and a wheel be locked.",
    fix="Write it as `name>=version`; an address, a path or a pip option cannot be locked.",
)

DEFAULT_REQUIRES: Final = ("setuptools>=40.8.0",)
"""What PEP 517 and PEP 518 take when pyproject.toml has no [build-system]."""
_MAX_BYTES: Final = 2**20
_MAX_REQUIREMENTS: Final = 200

_Toml: TypeAlias = "str | int | float | bool | list[_Toml] | dict[str, _Toml]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """A project's name and version as it states them: claims, until a tag and the built files agree."""

    name: str
    version: str


def build_requires(data: bytes | None) -> tuple[str, ...]:
    """Return [build-system].requires, normalised; the standard's default without the table (or the file: None).

    Raises:
        TagsealError: `pyproject-invalid`, `requirement-invalid`.
    """
    table = _table(_read(data or b""), "build-system")
    if table is None:
        return DEFAULT_REQUIRES
    requires = table.get("requires")
    if not isinstance(requires, list):
        raise _invalid("[build-system] has no list `requires`")
    return check_requirements(str(item) for item in requires)


def static_facts(data: bytes | None) -> ProjectFacts | None:
    """Return name and version when [project] states both; None when only the backend knows.

    Raises:
        TagsealError: `pyproject-invalid`.
    """
    table = _table(_read(data or b""), "project") or {}
    name, version = table.get("name"), table.get("version")
    if isinstance(name, str) and isinstance(version, str):
        return ProjectFacts(name=name, version=version)
    return None


def check_requirements(lines: Iterable[str]) -> tuple[str, ...]:
    """Return requirements in normal form, in order, without repeats. They come from the project: untrusted.

    What is not a plain requirement (an option, a path, an address) would steer the resolver.

    Raises:
        TagsealError: `requirement-invalid`.
    """
    found: dict[str, None] = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise TagsealError(REQUIREMENT_INVALID, f"{line!a:.200} is not a valid build requirement.") from error
        if requirement.url is not None:
            raise TagsealError(REQUIREMENT_INVALID, f"The build requirement {requirement.name} is an address.")
        found[str(requirement)] = None
    if len(found) > _MAX_REQUIREMENTS:
        raise TagsealError(
            REQUIREMENT_INVALID, f"There are {len(found)} build requirements; {_MAX_REQUIREMENTS} at most."
        )
    return tuple(found)


def _read(data: bytes) -> Mapping[str, _Toml]:
    if len(data) > _MAX_BYTES:
        raise _invalid(f"it has {len(data)} bytes; at most {_MAX_BYTES} are read")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _invalid(str(error)) from error


def _table(document: Mapping[str, _Toml], name: str) -> Mapping[str, _Toml] | None:
    table = document.get(name)
    if table is None or isinstance(table, dict):
        return table
    raise _invalid(f"`{name}` is not a table")


def _invalid(what: str) -> TagsealError:
    return TagsealError(PYPROJECT_INVALID, f"pyproject.toml cannot be used: {what}.", file="pyproject.toml")
