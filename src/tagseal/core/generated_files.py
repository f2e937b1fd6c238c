"""Which files of an sdist its build backend makes: exact paths, from the tagged pyproject.toml alone.

The lists were taken from the backends' own sources and from real sdists; a backend that is not named here makes
PKG-INFO and nothing else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

from tagseal.core.pyproject import PYPROJECT_INVALID
from tagseal.errors import TagsealError

Toml: TypeAlias = Mapping[str, object]

_LEGACY: Final = "setuptools.build_meta:__legacy__"  # PEP 517's default
_EGG_INFO_FILES: Final = frozenset(
    {
        "PKG-INFO",
        "SOURCES.txt",
        "dependency_links.txt",
        "entry_points.txt",
        "namespace_packages.txt",
        "not-zip-safe",
        "requires.txt",
        "top_level.txt",
        "zip-safe",
    }
)
_SCM_EGG_INFO_FILES: Final = frozenset({"scm_file_list.json", "scm_version.json"})

_VERSION_FILE_KEYS: Final = (
    ("setuptools_scm", "version_file"),
    ("setuptools_scm", "write_to"),
    ("hatch", "build", "hooks", "vcs", "version-file"),
    ("hatch", "build", "hooks", "version", "path"),
    ("hatch", "build", "targets", "sdist", "hooks", "vcs", "version-file"),
    ("hatch", "build", "targets", "wheel", "hooks", "vcs", "version-file"),
    ("pdm", "version", "write_to"),
    ("versioningit", "write", "file"),
)
"""Below `[tool]`: where each version tool is told which file to write, relative to the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the tagged pyproject.toml says about generated files."""

    uses_setuptools: bool
    uses_scm: bool
    version_files: tuple[str, ...]
    """Paths relative to the project, sorted."""


NOTHING_DECLARED: Final = Declared(uses_setuptools=False, uses_scm=False, version_files=())
LEGACY_SETUPTOOLS: Final = Declared(uses_setuptools=True, uses_scm=False, version_files=())
"""A project without pyproject.toml (PEP 517: built by setuptools)."""


def read_declared(pyproject: bytes) -> Declared:
    """Read the tagged pyproject.toml.

    Raises:
        TagsealError: `pyproject-invalid`.
    """
    try:
        document: Toml = tomllib.loads(pyproject.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise TagsealError(PYPROJECT_INVALID, f"pyproject.toml is not valid TOML: {error}.") from error
    system = _table(document, "build-system")
    backend = system.get("build-backend", _LEGACY)
    requires = system.get("requires", [])
    names = (
        {re.split(r"[^\w.-]", str(item), maxsplit=1)[0].lower() for item in requires} if _is_list(requires) else set()
    )
    names = {name.replace("_", "-") for name in names}
    is_in_tree = "backend-path" in system  # a wrapper: it makes what the backend it wraps makes
    return Declared(
        uses_setuptools=str(backend).startswith("setuptools.") or (is_in_tree and "setuptools" in names),
        uses_scm="setuptools-scm" in names,
        version_files=tuple(sorted(_version_files(_table(document, "tool")))),
    )


def is_egg_info(declared: Declared, path: str, package: str) -> bool:
    """Tell whether setuptools makes `path` (relative to the project) for the project called `package`.

    The folder stands at the top or one level down (`src/`, where packages are); its name keeps the project's
    case and dots in ways that changed over the years, so it is compared normalised.
    """
    match = re.fullmatch(r"(?:[^/]+/)?([^/]+)\.egg-info/([^/]+)", path)
    if not declared.uses_setuptools or match is None:
        return False
    allowed = _EGG_INFO_FILES | (_SCM_EGG_INFO_FILES if declared.uses_scm else frozenset())
    return _canonical(match.group(1)) == _canonical(package) and match.group(2) in allowed


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version_files(tool: Toml) -> set[str]:
    found = {_at(tool, keys) for keys in _VERSION_FILE_KEYS}
    scikit = _table(tool, "scikit-build").get("generate", [])
    if _is_list(scikit):
        found |= {str(entry.get("path", "")) for entry in scikit if isinstance(entry, dict)}
    pdm = _at(tool, ("pdm", "version", "write_to"))
    package_dir = _at(tool, ("pdm", "build", "package-dir"))
    if pdm and package_dir:
        found.add(f"{package_dir}/{pdm}")
    return found - {""}


def _at(table: Toml, keys: tuple[str, ...]) -> str:
    for key in keys[:-1]:
        table = _table(table, key)
    value = table.get(keys[-1], "")
    return value.removeprefix("./") if isinstance(value, str) else ""


def _table(table: Toml, key: str) -> Toml:
    value = table.get(key, {})
    return value if isinstance(value, dict) else {}


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
