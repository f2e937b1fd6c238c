"""Why two builds of one file differ: by member, with the likely cause.

A cause is a guess made from the bytes; what it is based on stands in `detail`. The causes and their remedies
are explained in docs/explanation/reproducible-builds.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, zip_longest
from typing import Final

from tagseal.core.archive import Member
from tagseal.core.artifacts import kind_of, read_artifact

_MAX_DIFFERENCES: Final = 50
_MAX_DETAIL_CHARS: Final = 160
_MAX_LINES: Final = 200  # differing line pairs looked at
_CONTEXT_BYTES: Final = 128  # around a difference in a binary file
_GZIP_HEADER_BYTES: Final = 10

_MONTHS: Final = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d|\d\d:\d\d(?::\d\d(?:\.\d+)?)?|\b[12]\d{9}(?:\.\d+)?\b"
    rf"|\b\d{{1,2}} (?:{_MONTHS})[a-z]* \d{{4}}\b"
    rf"|\b(?:{_MONTHS})[a-z]* +\d{{1,2}}\b|\b(?:19|20)\d{{6}}(?:T?\d{{4,6}})?\b"
)
_PATH: Final = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}[/\\]?")
_RANDOM_FOLDER: Final = re.compile(r"(?:\.mesonpy-|build-env-|build-via-sdist-|tmp)[\w-]{6,10}")
_VERSION: Final = re.compile(r"(?:Version: |__version__|version\b).*\d")
_PRINTABLE_RUN: Final = re.compile(rb"[\x20-\x7e]{4,}")


class Cause(StrEnum):
    """Classes of differences, each with its own remedy."""

    ONLY_IN_FIRST = "only-in-first"
    ONLY_IN_SECOND = "only-in-second"
    MODE = "mode"
    MEMBER_TIME = "member-time"
    MEMBER_ORDER = "member-order"
    GZIP_HEADER = "gzip-header"
    COMPRESSION = "compression"
    """The content is equal; the container or the compressor is not."""
    BYTECODE = "bytecode"
    VERSION = "version-from-clock"
    LINE_ORDER = "line-order"
    """The same lines or words in another order: a set or a folder listing was written without sorting."""
    EMBEDDED_PATH = "embedded-path"
    EMBEDDED_TIME = "embedded-time"
    CONTENT = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference between two archives."""

    member: str
    """Path in the archive; empty when it concerns the archive itself."""
    cause: Cause
    detail: str
    """Printable ASCII, at most 400 characters: the first place that differs, as in both."""


def explain(name: str, a: bytes, b: bytes) -> tuple[Difference, ...]:
    """Return how the two archives called `name` differ, at most 50 entries; empty only for equal bytes.

    Raises:
        TagsealError: `artifact-name-invalid`, any `archive-*` code.
    """
    if a == b:
        return ()
    first, second = read_artifact(name, a), read_artifact(name, b)
    found = tuple(islice(_members(first, second), _MAX_DIFFERENCES))
    if found:
        return _without_consequences(found)
    if [member.path for member in first] != [member.path for member in second]:
        return (Difference(member="", cause=Cause.MEMBER_ORDER, detail="the members stand in another order"),)
    if kind_of(name) == "sdist" and a[:_GZIP_HEADER_BYTES] != b[:_GZIP_HEADER_BYTES]:
        detail = f"{a[:_GZIP_HEADER_BYTES].hex()} against {b[:_GZIP_HEADER_BYTES].hex()}"
        return (Difference(member="", cause=Cause.GZIP_HEADER, detail=detail),)
    offset = _first_difference(a, b)
    return (Difference(member="", cause=Cause.COMPRESSION, detail=f"equal content, other bytes from offset {offset}"),)


def _members(first: tuple[Member, ...], second: tuple[Member, ...]) -> Iterator[Difference]:
    others = {member.path: member for member in second}
    names = {member.path for member in first}
    for member in first:
        other = others.get(member.path)
        if other is None:
            yield Difference(member=member.path, cause=Cause.ONLY_IN_FIRST, detail=f"{len(member.data)} bytes")
        elif member.data != other.data:
            yield _content(member.path, member.data, other.data)
        elif member.mode != other.mode:
            yield Difference(member=member.path, cause=Cause.MODE, detail=f"{member.mode:04o} against {other.mode:04o}")
        elif member.mtime_s != other.mtime_s:
            detail = f"{member.mtime_s} against {other.mtime_s} seconds since the epoch"
            yield Difference(member=member.path, cause=Cause.MEMBER_TIME, detail=detail)
    for member in second:
        if member.path not in names:
            yield Difference(member=member.path, cause=Cause.ONLY_IN_SECOND, detail=f"{len(member.data)} bytes")


def _without_consequences(found: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Drop a wheel's RECORD when something else differs: it only repeats that."""
    causes = tuple(entry for entry in found if not entry.member.endswith(".dist-info/RECORD"))
    return causes or found


def _content(path: str, a: bytes, b: bytes) -> Difference:
    if path.endswith((".pyc", ".pyo")):
        return Difference(member=path, cause=Cause.BYTECODE, detail=f"from offset {_first_difference(a, b)}")
    try:
        return _text(path, a.decode("utf-8").splitlines(), b.decode("utf-8").splitlines())
    except UnicodeDecodeError:
        return _binary(path, a, b)


def _text(path: str, a: list[str], b: list[str]) -> Difference:
    pairs = [(number, x, y) for number, (x, y) in enumerate(zip_longest(a, b, fillvalue=""), start=1) if x != y][
        :_MAX_LINES
    ]
    if not pairs:
        return Difference(member=path, cause=Cause.CONTENT, detail="only the line endings differ")
    number, x, y = pairs[0]
    return Difference(
        member=path,
        cause=_text_cause(a, b, [(x, y) for _, x, y in pairs]),
        detail=f"line {number}: {_show(x)} against {_show(y)}",
    )


def _text_cause(a: list[str], b: list[str], pairs: list[tuple[str, str]]) -> Cause:
    def same(change: Callable[[str], object]) -> bool:
        return all(change(x) == change(y) for x, y in pairs)

    if sorted(a) == sorted(b) or same(lambda line: sorted(re.findall(r"\w+", line))):
        return Cause.LINE_ORDER
    if same(lambda line: _RANDOM_FOLDER.sub("", line)) or same(lambda line: _PATH.sub("", line)):
        return Cause.EMBEDDED_PATH
    if _VERSION.match(pairs[0][0].lstrip()) and _VERSION.match(pairs[0][1].lstrip()):
        return Cause.VERSION
    return Cause.EMBEDDED_TIME if same(lambda line: _TIME.sub("", line)) else Cause.CONTENT


def _binary(path: str, a: bytes, b: bytes) -> Difference:
    offset = _first_difference(a, b)
    x, y = _run_at(a, offset), _run_at(b, offset)
    if not (x and y):
        return Difference(member=path, cause=Cause.CONTENT, detail=f"offset {offset} of {len(a)} and {len(b)} bytes")
    detail = f"offset {offset}: {_show(x)} against {_show(y)}"
    return Difference(member=path, cause=_text_cause([x], [y], [(x, y)]), detail=detail)


def _run_at(data: bytes, offset: int) -> str:
    """Return the printable text around `offset`, or nothing."""
    start = max(0, offset - _CONTEXT_BYTES)
    for match in _PRINTABLE_RUN.finditer(data[start : offset + _CONTEXT_BYTES]):
        if match.start() <= offset - start < match.end():
            return match.group().decode("ascii")
    return ""


def _first_difference(a: bytes, b: bytes) -> int:
    """Return the first offset where two different byte strings differ, by halving: no loop over the bytes."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _show(text: str) -> str:
    return ascii(text[:_MAX_DETAIL_CHARS])[: _MAX_DETAIL_CHARS + 2]
