"""What a build job came to: the cause of a failure in words, and the rules for the files of a good one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from tagseal.errors import Code, ExitCode, TagsealError

# Exit codes of adapters/sandbox_scripts/make_dists.py: claims, used to word an error and nothing else.
LOCK_STALE_EXIT: Final = 81
SDIST_UNREADABLE_EXIT: Final = 83
_STAGES: Final = {82: "building the sdist", 84: "building the wheel from the sdist"}

_LOG_CHARS: Final = 1500
_WANTS_NETWORK: Final = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable|getaddrinfo failed"
    r"|NewConnectionError|Failed to establish a new connection|Could not resolve host|ENETUNREACH"
    r"|\[Errno (101|-2|-3|-5)\]|nodename nor servname"
)
_NO_SPACE: Final = re.compile(r"No space left on device|\[Errno 28\]")


def _code(name: str, why: str, fix: str, exit_code: ExitCode = ExitCode.FAIL) -> Code:
    return Code(id=name, exit_code=exit_code, why=why, fix=fix)


BUILD_FAILED: Final = _code(
    "build-failed",
    "Without a build there is nothing to release.",
    "Read the end of the build's log above; `python -m build` in a clean clone of the tag often shows the same.",
)
BUILD_WANTS_NETWORK: Final = _code(
    "build-wants-network",
    "What a build downloads is neither locked nor in the provenance, so the build gets no network.",
    "Put what it downloads into the repository, or make it a build requirement and run `tagseal lock`.",
)
BUILD_TIMEOUT: Final = _code(
    "build-timeout",
    "A build that does not end would hold up the release for ever; it was stopped with all it had started.",
    "Find out what the build waits for: the sandbox has no network, no terminal and no input.",
)
BUILD_MEMORY: Final = _code(
    "build-memory",
    "A build may not take the memory of the machine it shares with the steps that check it.",
    "Let the build use less memory, for example fewer compilers at a time.",
)
BUILD_DISK_FULL: Final = _code(
    "build-disk-full",
    "A build may not fill the disk of the machine it shares with the steps that check it.",
    "Find out what the build writes; source, environment and output must fit into its scratch space together.",
)
BUILD_OUTPUT_LIMIT: Final = _code(
    "build-output-limit",
    "Files without limit would fill the disk of every step after this one.",
    "Make the distributions smaller: leave test data and generated files out of them.",
)
BUILD_NO_OUTPUT: Final = _code(
    "build-no-output",
    "A release has exactly one sdist and at least one wheel; installers and rebuilders rely on both.",
    "Make sure that `python -m build` in a clean clone of the tag gives one .tar.gz and one .whl.",
)
BUILD_UNEXPECTED_FILE: Final = _code(
    "build-unexpected-file",
    "Everything in the output folder would be published, so nothing may be there that is not understood.",
    "Have the backend write nothing but the sdist and the wheel into the output folder.",
)
BUILD_SEVERAL_VERSIONS: Final = _code(
    "build-several-versions",
    "Files of different projects or versions in one release would be published under one tag.",
    "Make the version come from one place, and check that building from the sdist gives the same version.",
)
LOCK_STALE: Final = _code(
    "lock-stale",
    "The project asks for build requirements that its lock does not have; nothing is installed unlocked.",
    "Run `tagseal lock`, commit pylock.build.toml, and tag that commit.",
    ExitCode.USAGE,
)

_ENDINGS: Final = {
    "timeout": (BUILD_TIMEOUT, "The build did not end within its time and was stopped."),
    "memory": (BUILD_MEMORY, "The build needed more memory than it may use."),
    "disk-full": (BUILD_DISK_FULL, "The build filled its scratch space."),
    "output-limit": (BUILD_OUTPUT_LIMIT, "The build left more output than is collected."),
    "killed": (BUILD_FAILED, "The build was killed."),
}


def failure(*, ended: str, exit_code: int | None, log: str) -> TagsealError | None:
    """Return the error for a build job, or None when it ended well.

    `ended` and `exit_code` are the sandbox outcome's; `log` is untrusted text, already masked and printable.
    """
    if ended == "exit" and exit_code == 0:
        return None
    tail = log_tail(log)
    if ended in _ENDINGS:
        code, what = _ENDINGS[ended]
        return TagsealError(code, f"{what}{tail}")
    if exit_code == LOCK_STALE_EXIT:
        missing = re.findall(r"^not in the build lock: (.{1,300})$", log, re.MULTILINE)
        return TagsealError(LOCK_STALE, f"The build lock lacks {missing[-1] if missing else 'a requirement'}.")
    if _NO_SPACE.search(log):
        return TagsealError(BUILD_DISK_FULL, f"The build filled its scratch space.{tail}")
    stage = _STAGES.get(exit_code or 0, "the build")
    if _WANTS_NETWORK.search(log):
        return TagsealError(BUILD_WANTS_NETWORK, f"The project wants the network while {stage} runs.{tail}")
    return TagsealError(BUILD_FAILED, f"The backend failed: {stage} ended with exit code {exit_code}.{tail}")


def log_tail(log: str) -> str:
    """Return the end of a log as an indented paragraph to put behind a sentence; empty for an empty log."""
    text = log.strip()[-_LOG_CHARS:]
    return "".join(f"\n    {line}" for line in ("The log ends:", *text.splitlines())) if text else ""


def check_output(names: Sequence[str]) -> None:
    """Refuse anything but one sdist and at least one wheel, all of one project and version.

    Raises:
        TagsealError: `build-no-output`, `build-unexpected-file`, `build-several-versions`.
    """
    found = {name: _identity(name) for name in names}
    sdists = [name for name in names if name.endswith(".tar.gz")]
    if not sdists or len(sdists) == len(names):
        there = ", ".join(names) or "nothing"
        raise TagsealError(BUILD_NO_OUTPUT, f"The build ended well but left {there} instead of an sdist and a wheel.")
    if len(set(found.values())) > 1:
        raise TagsealError(BUILD_SEVERAL_VERSIONS, f"The build made files of several versions: {', '.join(names)}.")
    if len(sdists) > 1:
        raise TagsealError(BUILD_UNEXPECTED_FILE, f"The build made more than one sdist: {', '.join(sdists)}.")


def _identity(name: str) -> tuple[str, str]:
    try:
        if name.endswith(".whl"):
            wheel_name, version, _, _ = parse_wheel_filename(name)
            return canonicalize_name(wheel_name), str(version)
        if name.endswith(".tar.gz"):
            sdist_name, version = parse_sdist_filename(name)
            return canonicalize_name(sdist_name), str(version)
    except (InvalidSdistFilename, InvalidWheelFilename) as error:
        raise TagsealError(BUILD_UNEXPECTED_FILE, f"The build made a file with an invalid name: {error}.") from error
    raise TagsealError(BUILD_UNEXPECTED_FILE, f"The build made {name!a}, which is neither an sdist nor a wheel.")
