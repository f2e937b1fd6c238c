"""A commit's tree: listed, judged for safety, read in batches, written out.

Everything in a tree is hostile until judged: its names become paths on this machine.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tagseal.adapters.git_process import GitProcess, failed
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import TreeEntry

TREE_UNSAFE: Final = Code(
    id="tree-unsafe",
    exit_code=ExitCode.FAIL,
    why="Such a name or link would let the tree write or read outside the folder it is copied to.",
    fix="Rename or remove the entry, commit, and tag again.",
)
TREE_UNSUPPORTED: Final = Code(
    id="tree-unsupported",
    exit_code=ExitCode.FAIL,
    why="The content stands elsewhere than in the tagged commit, so the commit alone does not say what is built.",
    fix="Put the files themselves into the repository, commit, and tag again.",
)
TREE_TOO_LARGE: Final = Code(
    id="tree-too-large",
    exit_code=ExitCode.FAIL,
    why="A tree without a limit would fill this machine's memory and disk.",
    fix="Remove what does not belong to the source from the repository, commit, and tag again.",
)

MAX_FILES: Final = 100_000
MAX_TREE_BYTES: Final = 2 * 2**30
_BATCH_BYTES: Final = 64 * 2**20
_FILE_MODES: Final = {"100644": 0o644, "100755": 0o755}
_LINK: Final = "120000"
_LINE: Final = re.compile(rb"([0-7]{6}) (blob|commit) ([0-9a-f]{40}|[0-9a-f]{64}) +([0-9]{1,15}|-)\t(.+)", re.DOTALL)
_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_MAX_LFS_POINTER_BYTES: Final = 1024
_PRINTABLE: Final = re.compile(r"[^\x00-\x1f\x7f\\]+")
_GIT_FOLDERS: Final = frozenset({".git", "git~1"})


def list_tree(git: GitProcess, commit: str) -> tuple[TreeEntry, ...]:
    """Return every file of the tree, sorted by path, judged safe to write out.

    Raises: tree-unsafe, tree-unsupported, tree-too-large, git-failed.
    """
    lines = git.output("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0")[:-1]
    entries = tuple(sorted((_entry(line) for line in lines), key=lambda entry: entry.path))
    total = sum(entry.size_bytes for entry in entries)
    if len(entries) > MAX_FILES or total > MAX_TREE_BYTES:
        raise TagsealError(TREE_TOO_LARGE, f"The tree has {len(entries)} files and {total} bytes.")
    _refuse_collisions(entries)
    return entries


def _entry(line: bytes) -> TreeEntry:
    match = _LINE.fullmatch(line)
    if match is None:
        raise failed("ls-tree", b"a line of unknown form")
    try:
        path = match[5].decode("utf-8")
    except UnicodeDecodeError:
        raise TagsealError(TREE_UNSAFE, f"The tree holds a name that is not UTF-8: {match[5]!r}.") from None
    if not _is_safe(path):
        raise TagsealError(TREE_UNSAFE, f"The tree holds the name {path!r}.")
    mode = match[1].decode()
    if mode not in _FILE_MODES and mode != _LINK:
        raise TagsealError(TREE_UNSUPPORTED, f"The tree holds {path} as a submodule or with unknown mode {mode}.")
    return TreeEntry(path=path, mode=mode, blob=match[3].decode(), size_bytes=int(match[4]))


def _is_safe(path: str) -> bool:
    parts = path.split("/")
    return _PRINTABLE.fullmatch(path) is not None and not any(
        part in {"", ".", ".."} or part.lower() in _GIT_FOLDERS for part in parts
    )


def _refuse_collisions(entries: Sequence[TreeEntry]) -> None:
    """Refuse a path that is there twice, or both a file (or link) and a folder: git's own tools never write it."""
    paths = {entry.path for entry in entries}
    if len(paths) != len(entries):
        raise TagsealError(TREE_UNSAFE, "The tree holds one path twice.")
    for folder in {parent for path in paths for parent in _parents(path)}:
        if folder in paths:
            raise TagsealError(TREE_UNSAFE, f"The tree holds {folder} both as a file and as a folder.")


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def read_files(git: GitProcess, entries: Sequence[TreeEntry]) -> Iterator[tuple[TreeEntry, bytes]]:
    """Yield each file with its raw content, in order: one process and some 64 MiB of memory at a time.

    Raises: tree-unsafe for a link that leaves the tree, tree-unsupported for a Git LFS pointer, git-failed.
    """
    for batch in _batches(entries):
        objects = git.objects([entry.blob for entry in batch], content_bytes=sum(entry.size_bytes for entry in batch))
        for entry, item in zip(batch, objects, strict=True):
            if item is None or item.type != "blob":
                raise failed("cat-file", f"the content of {entry.path} is missing".encode())
            _judge(entry, item.content)
            yield entry, item.content


def _batches(entries: Sequence[TreeEntry]) -> Iterator[list[TreeEntry]]:
    batch: list[TreeEntry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.size_bytes > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size_bytes
    if batch:
        yield batch


def _judge(entry: TreeEntry, content: bytes) -> None:
    if entry.mode == _LINK:
        target = content.decode("utf-8", "replace")
        reached = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
        if target.startswith("/") or reached == ".." or reached.startswith("../") or not _PRINTABLE.fullmatch(target):
            raise TagsealError(TREE_UNSAFE, f"The link {entry.path} leaves the tree: {target!r}.")
    elif len(content) <= _MAX_LFS_POINTER_BYTES and content.startswith(_LFS_POINTER):
        raise TagsealError(TREE_UNSUPPORTED, f"{entry.path} is a Git LFS pointer, not the file itself.")


def write_tree(git: GitProcess, entries: Sequence[TreeEntry], dest: Path) -> None:
    """Write the files to `dest`, which must be empty or not exist: modes 644 and 755, links as links.

    Links are made after all files, so that no file is ever written through one.
    Raises: what `read_files` raises.
    """
    dest.mkdir(parents=True, exist_ok=True)
    if any(dest.iterdir()):
        raise FileExistsError(f"{dest} is not empty")  # our own bug, not a person's
    for folder in sorted({parent for entry in entries for parent in _parents(entry.path)}):
        (dest / folder).mkdir(mode=0o755)
    links: list[tuple[Path, bytes]] = []
    for entry, content in read_files(git, entries):
        if entry.mode == _LINK:
            links.append((dest / entry.path, content))
        else:
            _write(dest / entry.path, content, _FILE_MODES[entry.mode])
    for path, target in links:
        path.symlink_to(os.fsdecode(target))


def _write(path: Path, content: bytes, mode: int) -> None:
    with open(path, "xb", opener=_no_follow) as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)  # whatever the umask says


def _no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
