"""One git repository, read through the stock `git` program with its own configuration switched off."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from tagseal.adapters import git_tree
from tagseal.adapters.git_process import GitObject, GitProcess, failed
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import GitState, RefRead, TreeEntry

NOT_A_REPOSITORY: Final = Code(
    id="not-a-repository",
    exit_code=ExitCode.USAGE,
    why="A release is made from a signed tag in a git repository; nothing else says what its source is.",
    fix="Give the top folder of a git checkout with --project, or run `git init` and commit the project first.",
)
NO_COMMITS: Final = Code(
    id="no-commits",
    exit_code=ExitCode.USAGE,
    why="A tag names a commit, and there is none yet.",
    fix="Commit the project's files: `git add . && git commit`.",
)

MAX_DIRTY_PATHS: Final = 1000
_MAX_TAG_BYTES: Final = 1 << 20
_MAX_COMMIT_BYTES: Final = 1 << 20
_MAX_BLOB_BYTES: Final = 16 * 2**20
_COMMITTER: Final = re.compile(rb"^committer [^\n]*> ([0-9]{1,12}) [+-][0-9]{4}$", re.MULTILINE)
_GITHUB_URL: Final = re.compile(
    r"(?:https://(?:[^/@]+@)?github\.com/|(?:ssh://)?git@github\.com[:/])"
    r"([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?"
)


class _Ref(NamedTuple):
    object_id: str
    symref: str
    is_current: bool


class GitCli:
    """Implements `ports.Git`.

    The refs are read once, at the first question: all answers of one instance speak of the same moment.
    """

    def __init__(self, project: Path) -> None:
        """`project` is the checkout's top folder."""
        self._git = GitProcess(project)
        self._trees: dict[str, tuple[TreeEntry, ...]] = {}
        self._commits: dict[str, bytes] = {}

    def state(self, *, ignoring: Path | None = None) -> GitState:
        """Leave submodules and ignored files out of account. Raises: not-a-repository, no-commits, git-failed."""
        read = self._git.run("rev-parse", "--is-shallow-repository", "HEAD")
        lines = read.stdout.decode("ascii", "replace").split()
        if not lines:
            raise TagsealError(NOT_A_REPOSITORY, self._not_a_repository())
        if read.exit_code != 0:
            raise TagsealError(NO_COMMITS, f"The git repository {self._git.project} has no commits.")
        return GitState(head=lines[1], is_shallow=lines[0] == "true", dirty_paths=self._dirty_paths(ignoring))

    def _not_a_repository(self) -> str:
        project = self._git.project
        above = next((folder for folder in project.parents if (folder / ".git").exists()), None)
        hint = f", though {above} is one" if above else ""
        return f"{project} is not the top folder of a git checkout{hint}."

    def _dirty_paths(self, ignoring: Path | None) -> tuple[str, ...]:
        # `status` runs the clean filters of files whose time stamps changed: name each filter, then empty it.
        listed = self._git.run("config", "--null", "--name-only", "--get-regexp", r"^filter\.").stdout
        drivers = {key.rpartition(".")[0] for key in listed.decode("utf-8", "surrogateescape").split("\0")} - {""}
        silenced = [(f"{driver}.{key}", "") for driver in sorted(drivers) for key in ("clean", "smudge", "process")]
        optional = [(f"{driver}.required", "false") for driver in sorted(drivers)]
        output = self._git.output(
            "status",
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignore-submodules=all",
            config=[*silenced, *optional],
        )
        ours = self._untracked_prefix(ignoring)
        entries = [entry for entry in output.split(b"\0") if entry and not (ours and entry.startswith(ours))]
        paths = {entry[3:].decode("utf-8", "backslashreplace") for entry in entries}
        return tuple(sorted(paths)[:MAX_DIRTY_PATHS])

    def _untracked_prefix(self, folder: Path | None) -> bytes:
        """Return how `status` begins the line of an untracked file below `folder`; empty for one outside."""
        resolved = folder.resolve() if folder else self._git.project
        if resolved == self._git.project or not resolved.is_relative_to(self._git.project):
            return b""
        return b"?? " + os.fsencode(resolved.relative_to(self._git.project)) + b"/"

    @cached_property
    def _refs(self) -> Mapping[str, _Ref]:
        form = "%(refname)%00%(objectname)%00%(symref)%00%(HEAD)"
        lines = self._git.output("for-each-ref", f"--format={form}").decode("utf-8", "replace").split("\n")
        fields = [line.split("\0") for line in lines if line]
        return {name: _Ref(object_id, symref, mark == "*") for name, object_id, symref, mark in fields}

    def read_tag(self, tag: str) -> RefRead | None:
        """Look the exact ref up (git would guess), then read its object. Raises: git-failed."""
        ref = self._refs.get(f"refs/tags/{tag}")
        if ref is None:
            return None
        # The commit comes along in the same process: it is wanted next.
        target, commit = self._git.objects(
            [ref.object_id, f"{ref.object_id}^{{commit}}"], content_bytes=_MAX_TAG_BYTES + _MAX_COMMIT_BYTES
        )
        if target is None:
            raise failed("cat-file", f"the object of tag {tag} is missing".encode())
        if commit is not None:
            self._commits[commit.id] = commit.content
        content = target.content if target.type == "tag" else b""
        return RefRead(object_id=target.id, object_type=target.type, content=content)

    def commit_time_s(self, commit: str) -> int:
        """Read the committer line of the commit itself. Raises: git-failed."""
        if commit not in self._commits:
            self._commits[commit] = self._object(commit, "commit").content
        found = _COMMITTER.findall(self._commits[commit].partition(b"\n\n")[0])
        if len(found) != 1:
            raise failed("cat-file", f"commit {commit} has no single committer line".encode())
        return int(found[0])

    def _object(self, object_id: str, kind: str) -> GitObject:
        item = self._git.objects([object_id], content_bytes=_MAX_COMMIT_BYTES)[0]
        if item is None or item.type != kind or item.id != object_id:
            raise failed("cat-file", f"{object_id} is not a {kind} here".encode())
        return item

    def is_ancestor(self, commit: str, ref: str) -> bool:
        """Walk the commits, not a commit graph file; False when there is no such ref. Raises: git-failed."""
        tip = self.resolve(ref)
        if tip is None or tip == commit:
            return tip == commit
        done = self._git.run("merge-base", "--is-ancestor", commit, tip)
        if done.exit_code not in {0, 1}:
            raise failed("merge-base", done.stderr)
        return done.exit_code == 0

    def resolve(self, ref: str) -> str | None:
        """Look the exact full ref name up."""
        found = self._refs.get(ref)
        if found is None or ref.startswith(("refs/heads/", "refs/remotes/")):  # these are commits by git's own rule
            return found.object_id if found else None
        item = self._git.objects([f"{found.object_id}^{{commit}}"], content_bytes=_MAX_COMMIT_BYTES)[0]
        return item.id if item else None

    def default_branch(self) -> str | None:
        """Return where `origin/HEAD` points; without it the only local branch, else the current one, else None."""
        prefix = "refs/remotes/origin/"
        remote = self._refs.get(f"{prefix}HEAD")
        if remote is not None and remote.symref.startswith(prefix):
            return remote.symref.removeprefix(prefix)
        branches = {
            name.removeprefix("refs/heads/"): ref for name, ref in self._refs.items() if name.startswith("refs/heads/")
        }
        current = [name for name, ref in branches.items() if ref.is_current]
        if len(branches) == 1:
            return next(iter(branches))
        return current[0] if current else None

    def tree(self, commit: str) -> tuple[TreeEntry, ...]:
        """Return the files, judged safe. Raises: tree-unsafe, tree-unsupported, tree-too-large, git-failed."""
        if commit not in self._trees:
            self._trees[commit] = git_tree.list_tree(self._git, commit)
        return self._trees[commit]

    def blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Read a few files, 16 MiB together at most. Raises: git-failed, tool-output-too-large."""
        objects = self._git.objects([f"{commit}:{path}" for path in paths], content_bytes=_MAX_BLOB_BYTES)
        return {path: item.content for path, item in zip(paths, objects, strict=True) if item and item.type == "blob"}

    def blob_digests(self, commit: str) -> Mapping[str, str]:
        """Hash every file as it is read, some 64 MiB at a time. Raises: what `tree` does."""
        files = git_tree.read_files(self._git, self.tree(commit))
        return {entry.path: f"sha256:{hashlib.sha256(content).hexdigest()}" for entry, content in files}

    def export(self, commit: str, dest: Path) -> None:
        """Write to `dest`, which must be empty or not exist; no file goes through a link. Raises: what `tree` does."""
        git_tree.write_tree(self._git, self.tree(commit), dest)

    def remote_repository(self) -> str | None:
        """Read the address of `origin` as it is written, without `insteadOf`."""
        url = self._git.run("config", "--get", "remote.origin.url").stdout.decode("utf-8", "replace").strip()
        match = _GITHUB_URL.fullmatch(url)
        return match[1] if match else None
