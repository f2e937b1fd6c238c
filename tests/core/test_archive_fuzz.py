"""Whatever the bytes: the readers and the repacker answer, or refuse with a TagsealError; nothing else comes out."""

from __future__ import annotations

import contextlib
import gzip

from hypothesis import given, settings
from hypothesis import strategies as st

from support_archives import SDIST_NAME, WHEEL_NAME, sdist, wheel
from tagseal.core.archive import Member
from tagseal.core.artifacts import content_digest, read_artifact
from tagseal.core.repack import repack
from tagseal.errors import TagsealError

SDIST, WHEEL = sdist(), wheel()
TAR = gzip.decompress(SDIST)

EDITS = st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=0, max_size=6), st.integers(0, 8)), max_size=6)


def mutated(data: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    """Replace, insert and delete at places taken modulo the length."""
    for place, new, removed in edits:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + removed :]
    return data


def no_crash(name: str, data: bytes) -> None:
    with contextlib.suppress(TagsealError):
        repack(name, data, epoch_s=0)


@settings(max_examples=300, deadline=None)
@given(EDITS)
def test_mutated_wheels(edits: list[tuple[int, bytes, int]]) -> None:
    no_crash(WHEEL_NAME, mutated(WHEEL, edits))


@settings(max_examples=200, deadline=None)
@given(EDITS)
def test_mutated_sdists(edits: list[tuple[int, bytes, int]]) -> None:
    no_crash(SDIST_NAME, mutated(SDIST, edits))


@settings(max_examples=300, deadline=None)
@given(EDITS)
def test_mutated_tars_in_a_good_gzip(edits: list[tuple[int, bytes, int]]) -> None:
    no_crash(SDIST_NAME, gzip.compress(mutated(TAR, edits)))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    no_crash(SDIST_NAME, data)
    no_crash(WHEEL_NAME, data)
    no_crash(SDIST_NAME, gzip.compress(data))


NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "Mn")), min_size=1, max_size=40)
FILES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=2000), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(FILES, st.integers(0, 2**32))
def test_what_was_written_reads_back(files: dict[str, tuple[bytes, bool]], epoch_s: int) -> None:
    folded = {path.casefold() for path in files}
    with contextlib.suppress(TagsealError):  # names that one file system takes for the same are refused
        once = repack(SDIST_NAME, sdist({path: data for path, (data, _) in files.items()}), epoch_s=epoch_s)
        again = repack(SDIST_NAME, once.data, epoch_s=epoch_s)
        members = read_artifact(SDIST_NAME, once.data)
        assert once == again
        assert {m.path: m.data for m in members} == {f"demo-1.0/{path}": data for path, (data, _) in files.items()}
        assert len(folded) <= len(members)


@settings(max_examples=50, deadline=None)
@given(st.permutations(["a", "b", "c/d"]))
def test_content_digest_does_not_depend_on_order_or_time(order: list[str]) -> None:
    members = [Member(path=path, mode=0o600, mtime_s=len(order), data=path.encode()) for path in order]
    assert content_digest(members) == "sha256:fc3a1c223b2bce6c7c868aec16e7ae99bbe3cfec5eab23fd780e82ec3e8c8e6e"
