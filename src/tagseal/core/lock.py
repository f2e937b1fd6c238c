"""The build lock: `pylock.build.toml`, PEP 751 with stricter rules of our own.

Wheels only, each with a SHA-256; no name twice; no address that is not https. A lock may name its wheels by
file name alone (`path`) instead of by address: bytes are pinned by their digest, so any index that has them will do.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NoReturn, TypeAlias

from packaging.pylock import Package, PackageWheel, Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.specifiers import SpecifierSet

from tagseal.errors import Code, ExitCode, TagsealError

LOCK_NAME: Final = "pylock.build.toml"
MAX_LOCK_BYTES: Final = 4 * 2**20
MAX_PACKAGES: Final = 500

LOCK_INVALID: Final = Code(
    id="lock-invalid",
    exit_code=ExitCode.USAGE,
    why="A build is only as trustworthy as its requirements: each must be pinned to bytes that cannot change.",
    fix="Run `tagseal lock` and commit the pylock.build.toml that it writes.",
)
LOCK_UNFIT: Final = Code(
    id="lock-wrong-python",
    exit_code=ExitCode.USAGE,
    why="Requirements resolved for another Python or platform may miss some that this build needs.",
    fix="Run `tagseal lock` with the sandbox that the release uses, or choose a sandbox with a Python that fits.",
)

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FILENAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}\.whl")

_TomlValue: TypeAlias = "str | int | float | bool | list[_TomlValue] | dict[str, _TomlValue]"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedWheel:
    """One wheel that may be used."""

    filename: str
    sha256: str
    """`sha256:<hex>`."""
    url: str | None
    """https, or None when the lock names the file alone."""
    size_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One build requirement at one version."""

    name: str
    """Normalised."""
    version: str
    wheels: tuple[LockedWheel, ...]
    """At least one, sorted by file name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildLock:
    """A checked build lock."""

    packages: tuple[LockedPackage, ...]
    """Sorted by name."""
    requires_python: str
    """A version specifier; empty when the lock sets none."""
    digest: str
    """`sha256:<hex>` of the lock's bytes."""


def parse_lock(data: bytes) -> BuildLock:
    """Check and read a build lock.

    Raises:
        TagsealError: `lock-invalid`, saying which package breaks which rule.
    """
    return _parse(data, strict=True)


def parse_resolved(data: bytes) -> BuildLock:
    """Read a resolver's fresh output for one target: like `parse_lock`, but addresses that are not https and
    conditions (they hold for the target) are dropped, not refused.

    Raises:
        TagsealError: `lock-invalid`.
    """
    return _parse(data, strict=False)


def check_python(lock: BuildLock, python_version: str) -> None:
    """Refuse a lock that was not made for this Python (`3.11`).

    Raises:
        TagsealError: `lock-wrong-python`.
    """
    # A lock says `>=3.11`; compared are feature versions, for the micro version of a sandbox is of no interest.
    if lock.requires_python and not SpecifierSet(lock.requires_python).contains(f"{python_version}.999"):
        raise TagsealError(
            LOCK_UNFIT, f"The build lock is for Python {lock.requires_python}; the sandbox has Python {python_version}."
        )


def _refuse(what: str) -> NoReturn:
    raise TagsealError(LOCK_INVALID, what, file=LOCK_NAME)


def _parse(data: bytes, *, strict: bool) -> BuildLock:
    pylock = _read(data)
    if len(pylock.packages) > MAX_PACKAGES:
        _refuse(f"The build lock names {len(pylock.packages)} packages; at most {MAX_PACKAGES} are read.")
    if pylock.environments:
        _refuse("The build lock is limited to certain environments; make it for the one that the sandbox has.")
    packages = sorted((_package(package, strict=strict) for package in pylock.packages), key=lambda item: item.name)
    for first, second in pairwise(packages):
        if first.name == second.name:
            _refuse(f"The build lock names {first.name} twice; which one is used must not depend on the machine.")
    return BuildLock(
        packages=tuple(packages),
        requires_python=str(pylock.requires_python or ""),
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
    )


def _read(data: bytes) -> Pylock:
    if len(data) > MAX_LOCK_BYTES:
        _refuse(f"The build lock has {len(data)} bytes; at most {MAX_LOCK_BYTES} are read.")
    try:
        document: Mapping[str, _TomlValue] = tomllib.loads(data.decode("utf-8"))
        pylock = Pylock.from_dict(document)
        pylock.validate()
    except (ValueError, RecursionError, PylockValidationError, PylockUnsupportedVersionError) as error:
        raise TagsealError(LOCK_INVALID, f"The build lock is not valid: {error}.", file=LOCK_NAME) from error
    return pylock


def _package(package: Package, *, strict: bool) -> LockedPackage:
    name = str(package.name)
    if package.vcs or package.directory or package.archive:
        _refuse(f"The build lock takes {name} from a repository, directory or archive; only wheels are used.")
    if package.version is None or not package.wheels:
        _refuse(f"The build lock has no version or no wheel for {name}; only wheels are used.")
    if strict and package.marker is not None:  # a resolver lists only what its one target needs
        _refuse(f"The build lock has {name} only under a condition ({package.marker}); make it for one environment.")
    wheels = sorted((_wheel(w, strict=strict) for w in package.wheels), key=lambda w: w.filename)
    return LockedPackage(name=name, version=str(package.version), wheels=tuple(wheels))


def _wheel(wheel: PackageWheel, *, strict: bool) -> LockedWheel:
    filename = wheel.filename  # `validate` compared its name and version with the package's
    if not _FILENAME.fullmatch(filename):
        _refuse(f"The build lock lists the file name {filename!a}.")
    sha256 = wheel.hashes.get("sha256", "")
    if not _SHA256.fullmatch(sha256):
        _refuse(f"{filename} has no SHA-256 in the build lock (64 lower-case hex digits).")
    if wheel.size is not None and wheel.size < 0:
        _refuse(f"{filename} has a negative size in the build lock.")
    url = _url(filename, wheel.url, strict=strict)
    return LockedWheel(filename=filename, sha256=f"sha256:{sha256}", url=url, size_bytes=wheel.size)


def _url(filename: str, url: str | None, *, strict: bool) -> str | None:
    if url is None or re.fullmatch(r"https://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", url):
        return url
    if strict:
        _refuse(f"The build lock takes {filename} from {url!r}; only https addresses are used.")
    return None
