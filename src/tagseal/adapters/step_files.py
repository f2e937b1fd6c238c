"""`ports.Files`: the part of the release directory that one step may touch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tagseal.adapters.files import RELEASE_FILE_MISSING, ReleaseDir, sha256_of_all, write_atomically, writing
from tagseal.core.graph import FILE_ADDED, FILE_CHANGED
from tagseal.core.record import digest
from tagseal.errors import TagsealError


class StepFiles:
    """`ports.Files`: one leg's window on the release directory.

    What it reads is compared with what the records before it say was written: a file that was changed or added
    in between is refused when it is opened.
    """

    def __init__(
        self,
        release: ReleaseDir,
        *,
        staged: Path,
        reads: Sequence[str],
        writes: Sequence[str],
        recorded: Mapping[str, str],
    ) -> None:
        """`reads` and `writes` are path patterns with `*` for one part; `recorded` is path -> digest of what the
        records of this leg's ancestors name, their own `record.json` included.
        """
        self._release = release
        self._staged = staged
        self._reads = _pattern(reads)
        self._writes = _pattern(writes)
        self._recorded = recorded
        self.inputs: dict[str, str] = {}
        """What was opened: path -> digest."""

    def names(self, folder: str) -> tuple[str, ...]:
        """See `ports.Files`; a file that no record names, and a recorded one that is gone, are refused."""
        found = self._release.names(folder)
        for name in found:
            self._declared(f"{folder}/{name}")
            if f"{folder}/{name}" not in self._recorded:
                raise TagsealError(FILE_ADDED, f"No record says who wrote {folder}/{name}.")
        gone = [p for p in self._recorded if p.rpartition("/")[0] == folder and p.rpartition("/")[2] not in found]
        if gone:
            raise TagsealError(RELEASE_FILE_MISSING, f"{min(gone)} is not there.")
        return found

    def read(self, path: str, *, max_bytes: int = 64 * 2**20) -> bytes:
        """See `ports.Files`."""
        self._declared(path)
        data = self._release.read(path, max_bytes=max_bytes)
        if data is None:
            raise TagsealError(RELEASE_FILE_MISSING, f"{path} is not there.")
        self._note(path, digest(data))
        return data

    def path(self, path: str) -> Path:
        """See `ports.Files`."""
        self.digests((path,))
        return self._release.root / path

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        """See `ports.Files`."""
        missing = [path for path in paths if path not in self.inputs]
        for path in missing:
            self._declared(path)
            if not self._release.is_plain(path):
                raise TagsealError(RELEASE_FILE_MISSING, f"{path} is not there.")
        for path, value in zip(missing, sha256_of_all([self._release.root / p for p in missing]), strict=True):
            self._note(path, value)
        return {path: self.inputs[path] for path in paths}

    def exists(self, path: str) -> bool:
        """See `ports.Files`."""
        self._declared(path)
        return self._release.is_plain(path)

    def write(self, path: str, data: bytes) -> None:
        """See `ports.Files`."""
        full = self.output(path)
        with writing(self._release.root):
            write_atomically(full, data)

    def output(self, path: str) -> Path:
        """See `ports.Files`."""
        if not self._writes.fullmatch(path):
            raise ValueError(f"the step does not declare that it writes {path}")
        full = self._staged / path
        with writing(self._release.root):
            full.parent.mkdir(parents=True, exist_ok=True)
        return full

    def _declared(self, path: str) -> None:
        if not self._reads.fullmatch(path):
            raise ValueError(f"the step does not declare that it reads {path}")

    def _note(self, path: str, found: str) -> None:
        recorded = self._recorded.get(path)
        if recorded is None:
            raise TagsealError(FILE_ADDED, f"No record of a step before this one says who wrote {path}.")
        if recorded != found:
            raise TagsealError(FILE_CHANGED, f"{path} was changed after it was written.")
        self.inputs[path] = found


def _pattern(globs: Sequence[str]) -> re.Pattern[str]:
    """`*` stands for any one name; `.` and `..` are no names."""
    name = r"(?!\.\.?(?:/|\Z))[^/]+"
    return re.compile("|".join(re.escape(glob).replace(r"\*", name) for glob in globs) or r"(?!)")
