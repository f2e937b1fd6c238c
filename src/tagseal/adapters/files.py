"""The release directory on disk: atomic writes, digests, locks; `step_files.py` has what one step may touch.

A step writes into `.staging/<node>/`; when it has ended well everything is moved into place and `record.json`
comes last. Whatever interrupts it before that, the directory is as it was or lacks this step's record.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tagseal.errors import Code, ExitCode, TagsealError

RELEASE_FILE_MISSING: Final = Code(
    id="release-file-missing",
    exit_code=ExitCode.FAIL,
    why="A step works only on what the steps before it wrote.",
    fix="Run the step that writes it, with the same --release-dir.",
)
RELEASE_FILE_TOO_LARGE: Final = Code(
    id="release-file-too-large",
    exit_code=ExitCode.FAIL,
    why="A file without limit could use up the memory of a step that holds a token.",
    fix="Look at what wrote the file; such files are small.",
)
RELEASE_DIR_UNUSABLE: Final = Code(
    id="release-dir-unusable",
    exit_code=ExitCode.USAGE,
    why="The release directory is the only channel between steps.",
    fix="Name a folder that can be written, with --release-dir.",
)
STEP_BUSY: Final = Code(
    id="step-busy",
    exit_code=ExitCode.USAGE,
    why="Two processes writing the same part of a release would leave a mixture.",
    fix="Wait for the other process, or stop it, and run the step again.",
)

_CHUNK_BYTES: Final = 4 * 2**20


def sha256_of(path: Path) -> str:
    """Return `sha256:<hex>` of a file, read in chunks (the interpreter lock is free while hashing)."""
    state = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            state.update(buffer[:count])
    return f"sha256:{state.hexdigest()}"


def sha256_of_all(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the digests of many files, hashed side by side; in the order given."""
    if len(paths) < 2:  # noqa: PLR2004 - a pool for one file is slower than the file
        return tuple(sha256_of(path) for path in paths)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(len(paths), os.cpu_count() or 1)) as pool:
        return tuple(pool.map(sha256_of, paths))


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`: temporary file in the same folder, fsync, rename."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def writing(root: Path) -> Iterator[None]:
    """Run a block that writes below `root`; a full, read-only or failing disk is no bug of ours.

    Raises:
        TagsealError: `release-dir-unusable`.
    """
    try:
        yield
    except OSError as error:
        raise TagsealError(RELEASE_DIR_UNUSABLE, f"{root} cannot be written: {error.strerror}.") from error


class ReleaseDir:
    """A release directory as a whole: for the runner and the auditor, not for steps."""

    def __init__(self, root: Path) -> None:
        """Create the folder when it is not there."""
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TagsealError(RELEASE_DIR_UNUSABLE, f"{root} cannot be used: {error.strerror}.") from error

    def read(self, path: str, *, max_bytes: int = 64 * 2**20) -> bytes | None:
        """Return a file's bytes, or None when it is not there.

        Raises:
            TagsealError: `release-file-too-large`; a symbolic link anywhere below the root counts as missing.
        """
        if not self.is_plain(path):
            return None
        with (self.root / path).open("rb") as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise TagsealError(RELEASE_FILE_TOO_LARGE, f"{path} has more than {max_bytes} bytes.")
        return data

    def is_plain(self, path: str) -> bool:
        """Tell whether `path` is a regular file that no symbolic link below the root leads to."""
        full = self.root / path
        parts = [full, *full.parents]
        below = parts[: parts.index(self.root)]
        return full.is_file() and not any(part.is_symlink() for part in below)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the sorted base names in a folder, of files of any kind but folders."""
        full = self.root / folder
        if not full.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in os.scandir(full) if not entry.is_dir(follow_symlinks=False)))

    def step_folders(self) -> tuple[str, ...]:
        """Return the sorted names of the folders below `steps/`."""
        full = self.root / "steps"
        return tuple(sorted(entry.name for entry in os.scandir(full))) if full.is_dir() else ()

    def walk(self) -> Iterator[str]:
        """Yield the path of everything that is not a folder, `.staging` excepted, sorted within each folder."""
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not (folder == str(self.root) and name == ".staging"))
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            for name in sorted([*files, *links]):
                yield (Path(folder) / name).relative_to(self.root).as_posix()

    @contextlib.contextmanager
    def lock(self, node: str) -> Iterator[Path]:
        """Hold one node's lock (on its own folder) and give its empty staging folder, removed afterwards.

        Raises:
            TagsealError: `step-busy`, `release-dir-unusable`.
        """
        own, staging = self.root / "steps" / node, self.root / ".staging"
        try:
            own.mkdir(parents=True, exist_ok=True)
            handle = os.open(own, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise TagsealError(RELEASE_DIR_UNUSABLE, f"{own} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise TagsealError(STEP_BUSY, f"Another process is running {node} in {self.root}.") from error
        try:
            _remove(staging / node)
            with writing(self.root):
                (staging / node).mkdir(parents=True)
            yield staging / node
        finally:
            _remove(staging / node)
            os.close(handle)
            for folder in (staging, own, own.parent):
                with contextlib.suppress(OSError):  # still in use, or holds a step's files
                    folder.rmdir()

    def commit(self, staged: Path, record_path: str, old_outputs: Sequence[str]) -> None:
        """Move everything from `staged` into place; the record goes away first and comes back last."""
        (self.root / record_path).unlink(missing_ok=True)
        for path in old_outputs:
            if self._inside(path):
                (self.root / path).unlink(missing_ok=True)
        files = sorted(entry for entry in staged.rglob("*") if entry.is_file())
        record = staged / record_path
        for file in [*(entry for entry in files if entry != record), record]:
            target = self.root / file.relative_to(staged)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        _sync_folder((self.root / record_path).parent)

    def _inside(self, path: str) -> bool:
        full = self.root / path
        return ".." not in Path(path).parts and full.is_relative_to(self.root)


def _remove(folder: Path) -> None:
    """Remove a folder of ours and all in it; an empty or missing one without importing what that takes."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
