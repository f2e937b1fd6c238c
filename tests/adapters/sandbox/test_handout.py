"""What comes out of a sandbox is hostile until it was read: archives that no honest launcher writes."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from pathlib import Path

import pytest

import support_sandbox
from tagseal.adapters.sandbox import handout

OUTCOME: dict[str, object] = {
    "ended": "exit",
    "exit_code": 0,
    "milliseconds": 5,
    "log": "",
    "clock_is_shifted": False,
    "probe": [{"what": "network", "met": ""}],
}
LIMITS = dataclasses.replace(support_sandbox.SMALL, output_bytes=1000)


def archive(*members: tuple[str, bytes, bytes], outcome: dict[str, object] | list[object] = OUTCOME) -> bytes:
    """Return a tar stream with an outcome and `members` (name, tar type, content)."""
    out = io.BytesIO()
    if isinstance(outcome, dict):
        outcome = {**outcome, "files": [name for name, _, _ in members]}
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, content in (("outcome.json", tarfile.REGTYPE, json.dumps(outcome).encode()), *members):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(content), "/etc/passwd"
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_an_honest_stream_is_read(tmp_path: Path) -> None:
    data = archive(("a.whl", tarfile.REGTYPE, b"a"), ("b.tar.gz", tarfile.REGTYPE, b"bb"))
    outcome = handout.receive(io.BytesIO(data), LIMITS, tmp_path / "dist")
    assert (outcome.ended, outcome.exit_code, outcome.milliseconds) == ("exit", 0, 5)
    assert {path.name: path.read_bytes() for path in (tmp_path / "dist").iterdir()} == {
        "a.whl": b"a",
        "b.tar.gz": b"bb",
    }


HOSTILE = {
    "traversal": archive(("../evil", tarfile.REGTYPE, b"x")),
    "absolute": archive(("/etc/evil", tarfile.REGTYPE, b"x")),
    "folder": archive(("a/b", tarfile.REGTYPE, b"x")),
    "dots": archive(("..", tarfile.REGTYPE, b"x")),
    "new line": archive(("a\nb", tarfile.REGTYPE, b"x")),
    "symlink": archive(("link", tarfile.SYMTYPE, b"")),
    "hard link": archive(("link", tarfile.LNKTYPE, b"")),
    "device": archive(("null", tarfile.CHRTYPE, b"")),
    "twice": archive(("a", tarfile.REGTYPE, b"x"), ("a", tarfile.REGTYPE, b"y")),
    "too big": archive(("a", tarfile.REGTYPE, bytes(1001))),
    "too many": archive(*((f"f{n}", tarfile.REGTYPE, b"") for n in range(1001))),
    "cut in a header": archive(("a", tarfile.REGTYPE, bytes(900)))[:1400],
    "cut between members": archive(("a", tarfile.REGTYPE, bytes(900)))[:1024],
    "cut in a file": archive(("a", tarfile.REGTYPE, bytes(900)))[:1800],
    "empty": b"",
    "no tar": b"x" * 2000,
    "no outcome": archive(outcome=[]),
    "more in the outcome": archive(outcome={**OUTCOME, "verdict": "PASS"}),
    "wrong type": archive(outcome={**OUTCOME, "exit_code": "0"}),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_stream_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    with pytest.raises(handout.BrokenStreamError):
        handout.receive(io.BytesIO(HOSTILE[name]), LIMITS, tmp_path / "dist")
    assert list(tmp_path.iterdir()) == []


class Endless(io.RawIOBase):
    """The header of a huge outcome, then zeros for ever."""

    def __init__(self) -> None:
        member = tarfile.TarInfo("outcome.json")
        member.size = 1 << 32
        self._head = member.tobuf()
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        self.taken += size
        return head or bytes(size)


def test_a_stream_without_end_is_bounded(tmp_path: Path) -> None:
    stream = Endless()
    with pytest.raises(handout.BrokenStreamError):
        handout.receive(stream, LIMITS, tmp_path / "dist")  # type: ignore[arg-type]
    assert stream.taken < 10_000_000
