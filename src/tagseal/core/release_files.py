"""Which of a project's files on an index belong to one release: by their names."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version


def of_release(names: Iterable[str], version: str) -> frozenset[str]:
    """Return the names that say they are of `version` (PEP 440); a name nobody can read belongs to no release."""
    wanted = Version(version)
    return frozenset(name for name in names if version_of(name) == wanted)


def version_of(name: str) -> Version | None:
    """Return the version in the name of a wheel or sdist (`.tar.gz`, `.zip`), or None."""
    try:
        if name.endswith(".whl"):
            return parse_wheel_filename(name)[1]
        return parse_sdist_filename(name)[1]
    except (InvalidSdistFilename, InvalidWheelFilename, InvalidVersion):
        return None
