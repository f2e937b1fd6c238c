"""What a build's environment is made of: the fixed paths and variables, and what the second leg varies.

Leg `a` is the plain one, and its files are published. Leg `b` differs in everything that must not matter
(umask, HOME, time zone, locale, hash seed, wall clock): what then still differs is not reproducible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from packaging import tags
from packaging.utils import parse_wheel_filename

from tagseal.core.lock import BuildLock, LockedPackage, LockedWheel
from tagseal.errors import Code, ExitCode, TagsealError

REQUIREMENT_UNFIT: Final = Code(
    id="requirement-unfit",
    exit_code=ExitCode.USAGE,
    why="Only wheels are used, for building a requirement from source would run code that nothing pins.",
    fix="Run `tagseal lock` with the sandbox that the release uses, or choose a sandbox for which there is a wheel.",
)

CLOCK_SHIFT_S: Final = 34_567_890
"""About 400 days: year, month, weekday and hour all differ."""
CLOCK_DELAY_S: Final = 3
"""More than the two-second steps of a zip time stamp."""

_PATH: Final = "/build/tmp/env/bin:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSettings:
    """How one leg is built."""

    environment: Mapping[str, str]
    """The whole environment of the job."""
    umask: int
    clock_shift_s: int
    """0: the wall clock is left alone."""


def leg_settings(leg: str, *, epoch_s: int, version: str) -> LegSettings:
    """Return the settings of leg `a` (plain) or any other (hostile). `epoch_s` becomes SOURCE_DATE_EPOCH."""
    common = {
        "PATH": _PATH,
        "TMPDIR": "/build/tmp",
        "VIRTUAL_ENV": "/build/tmp/env",
        "SOURCE_DATE_EPOCH": str(epoch_s),
        "SETUPTOOLS_SCM_PRETEND_VERSION": version,
        # A stray .pyc in the source tree ends up in sdists and differs from run to run.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if leg == "a":
        plain = {"HOME": "/build/home", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
        return LegSettings(environment={**common, **plain}, umask=0o022, clock_shift_s=0)
    # `C` is in every image; POSIX time zones need no zone files (Auckland's rule, written out).
    hostile = {
        "HOME": "/build/tmp/other-home",
        "TZ": "NZST-12NZDT,M9.5.0,M4.1.0/3",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "4242",
    }
    return LegSettings(environment={**common, **hostile}, umask=0o077, clock_shift_s=CLOCK_SHIFT_S)


def variations(settings: LegSettings, *, clock_is_shifted: bool) -> dict[str, str]:
    """Return what a leg was built with, for people and for the comparison of legs."""
    clock = "unchanged"
    if settings.clock_shift_s:
        clock = f"libfaketime +{settings.clock_shift_s}s" if clock_is_shifted else f"started {CLOCK_DELAY_S} s later"
    named = {name: settings.environment[name] for name in ("HOME", "TZ", "LC_ALL", "PYTHONHASHSEED")}
    return {"umask": f"{settings.umask:03o}", **named, "clock": clock}


def select_wheels(lock: BuildLock, supported: Sequence[tags.Tag]) -> tuple[tuple[LockedPackage, LockedWheel], ...]:
    """Return for each package the wheel that an installer would take; `supported` is in order of preference.

    Raises:
        TagsealError: `requirement-unfit` when a package has no wheel for this Python and platform.
    """
    rank = {tag: index for index, tag in enumerate(supported)}
    return tuple((package, _best(package, rank)) for package in lock.packages)


def _best(package: LockedPackage, rank: Mapping[tags.Tag, int]) -> LockedWheel:
    ranked = [
        (min(rank[tag] for tag in fitting), wheel.filename, wheel)
        for wheel in package.wheels
        if (fitting := parse_wheel_filename(wheel.filename)[3] & rank.keys())
    ]
    if not ranked:
        names = ", ".join(wheel.filename for wheel in package.wheels[:3])
        raise TagsealError(
            REQUIREMENT_UNFIT,
            f"The build lock has no wheel of {package.name} {package.version} for this Python and platform ({names}).",
        )
    return min(ranked)[2]


def supported_tags(python_version: str) -> tuple[tags.Tag, ...]:
    """Return the wheel tags that CPython `python_version` (`3.13`) supports on this machine's platform."""
    major, minor = python_version.split(".")[:2]
    version = (int(major), int(minor))
    platforms = list(tags.platform_tags())
    return (
        *tags.cpython_tags(version, platforms=platforms),
        *tags.compatible_tags(version, interpreter=f"cp{major}{minor}", platforms=platforms),
    )


def feature_version(interpreter: str) -> str:
    """Return `3.13` of a sandbox's `CPython 3.13.5 x86_64`."""
    return ".".join(interpreter.split()[1].split(".")[:2])
