r"""SHA256SUMS: GNU coreutils' text format, base names, sorted, LF.

A line is 64 lower-case hex digits, two spaces, the name. Names that the format would have to escape (`\`, line
breaks) or that a shell or a path could misread never get in.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Final

from tagseal.errors import Code, ExitCode, TagsealError

MAX_FILES: Final = 100_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}")
_LINE: Final = re.compile(r"(?P<hex>[0-9a-f]{64})  (?P<name>.+)")

SUMS_INVALID: Final = Code(
    id="sums-invalid",
    exit_code=ExitCode.FAIL,
    why="Two tools that read a malformed SHA256SUMS differently would check different files.",
    fix="Get SHA256SUMS again from the release, or run `tagseal hash` again.",
)


def render(digests: Mapping[str, str]) -> bytes:
    """Return the file for name -> `sha256:<hex>`.

    Raises:
        TagsealError: `sums-invalid` for a name or digest that has no place in it.
    """
    data = "".join(f"{digest.removeprefix('sha256:')}  {name}\n" for name, digest in sorted(digests.items())).encode()
    parse(data)
    return data


def parse(data: bytes) -> Mapping[str, str]:
    """Return name -> `sha256:<hex>` of a file in exactly the form `render` writes.

    Raises:
        TagsealError: `sums-invalid`.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise TagsealError(SUMS_INVALID, "SHA256SUMS holds bytes that are not ASCII.") from error
    lines = text.split("\n")
    if lines.pop() or not lines or len(lines) > MAX_FILES:
        raise TagsealError(SUMS_INVALID, "SHA256SUMS is empty, too long, or its last line is not complete.")
    found = dict(_line(number, line) for number, line in enumerate(lines, 1))
    if list(found) != sorted(found) or len(found) != len(lines):
        raise TagsealError(SUMS_INVALID, "SHA256SUMS is not sorted, or names a file twice.")
    return found


def _line(number: int, line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None or not _NAME.fullmatch(match["name"]):
        raise TagsealError(SUMS_INVALID, f"Line {number} of SHA256SUMS is not a digest and a plain file name.")
    return match["name"], f"sha256:{match['hex']}"


def subjects_b64(sums: bytes) -> bytes:
    """Return SHA256SUMS as the SLSA GitHub Generator takes it in `base64-subjects`: one line, no final LF."""
    return base64.b64encode(sums)


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, ...]:
    """Return one phrase for each name whose digest differs or that only one side has; empty when equal."""
    return tuple(_difference(name, expected, found) for name in _differing(expected, found))


def _differing(expected: Mapping[str, str], found: Mapping[str, str]) -> Iterable[str]:
    return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))


def _difference(name: str, expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    if name not in found:
        return f"{name} is missing"
    if name not in expected:
        return f"{name} was added"
    return f"{name} has {found[name]}, expected {expected[name]}"
