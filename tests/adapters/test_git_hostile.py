"""Repositories made to harm: whatever they say in .git/config or in their trees, nothing runs and nothing escapes."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

import pytest

import support_git
from tagseal.adapters.git import GitCli
from tagseal.errors import TagsealError


@pytest.fixture
def repo(tmp_path: Path) -> support_git.Repo:
    return support_git.make_repository(tmp_path / "r", {"a.txt": "a\n", "sub/b.txt": "b\n"})


def exercise(repo: support_git.Repo, dest: Path) -> None:
    """Call everything that starts git."""
    git = GitCli(repo.path)
    head = git.state().head
    git.read_tag("v1.0")
    git.commit_time_s(head)
    git.is_ancestor(head, "refs/heads/main")
    git.default_branch()
    git.blobs(head, ["a.txt"])
    git.blob_digests(head)
    git.remote_repository()
    git.export(head, dest)


def test_a_hostile_configuration_runs_nothing(repo: support_git.Repo, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = tmp_path / "evil"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {shlex.quote(str(trace))}\ncat\n', encoding="ascii")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "post-checkout", "fsmonitor-watchman", "reference-transaction"):
        (hooks / name).symlink_to(program)
    repo.commit({".gitattributes": "*.txt filter=evil diff=evil\n*.md filter=a=b\n", "c.md": "c\n"})
    repo.tag_unsigned("v1.0")
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.alternateRefsCommand",
        "core.gitProxy",
        "gpg.program",
        "gpg.ssh.program",
        "gpg.x509.program",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "filter.a=b.clean",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "pager.status",
        "pager.ls-tree",
        "alias.status",
    ]:
        subsection, _, last = key.rpartition(".")
        section, dot, name = subsection.partition(".")
        head = f'[{section} "{name}"]' if dot else f"[{section}]"
        with (repo.path / ".git/config").open("a", encoding="ascii") as config:
            config.write(f"{head}\n\t{last} = {program}\n")
    for key, value in (
        ("core.hooksPath", str(hooks)),
        ("filter.evil.required", "true"),
        ("status.submoduleSummary", "true"),
        ("core.attributesFile", str(tmp_path / "attributes")),
    ):
        repo.git("config", key, value)
    later = time.time() + 5
    for name in ("a.txt", "sub/b.txt", "c.md"):  # same content, other time: git must read (and would filter) it
        os.utime(repo.path / name, (later, later))
    exercise(repo, tmp_path / "out")
    assert not trace.exists(), trace.read_text(encoding="utf-8")
    assert (tmp_path / "out/a.txt").read_bytes() == b"a\n"


def test_the_configuration_above_is_harmful_to_plain_git(repo: support_git.Repo, tmp_path: Path) -> None:
    """The control: without our precautions the same kind of filter does run."""
    repo.commit({".gitattributes": "*.txt filter=evil\n"})
    repo.git("config", "filter.evil.clean", f"touch {shlex.quote(str(tmp_path / 'ran'))}; cat")
    later = time.time() + 5
    os.utime(repo.path / "a.txt", (later, later))
    repo.git("status")
    assert (tmp_path / "ran").exists()


def test_a_partial_clone_fetches_nothing(repo: support_git.Repo, tmp_path: Path) -> None:
    trace = tmp_path / "fetched"
    blob = repo.git("rev-parse", "HEAD:a.txt")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::sh -c 'touch {trace}'"),
        ("remote.origin.uploadpack", f"touch {trace};"),
        ("protocol.ext.allow", "always"),
    ):
        repo.git("config", key, value)
    with pytest.raises(TagsealError) as caught:
        GitCli(repo.path).blob_digests(repo.git("rev-parse", "HEAD"))
    assert caught.value.code.id == "git-failed"
    assert not trace.exists()


def test_replace_objects_and_grafts_are_not_followed(repo: support_git.Repo) -> None:
    good = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "--orphan", "evil")
    evil = repo.commit({"a.txt": "evil\n"}, when_s=1_700_009_000)
    repo.git("replace", good, evil)
    (repo.path / ".git/info").mkdir(exist_ok=True)
    (repo.path / ".git/info/grafts").write_text(f"{good} {evil}\n", encoding="ascii")
    git = GitCli(repo.path)
    assert git.blobs(good, ["a.txt"]) == {"a.txt": b"a\n"}
    assert git.commit_time_s(good) == 1_700_000_000
    assert git.is_ancestor(evil, "refs/heads/main") is False


def test_another_working_tree_cannot_stand_in(repo: support_git.Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "clean"))
    repo.write({"a.txt": "changed\n"})
    repo.git("config", "core.worktree", str(tmp_path / "clean"))
    assert "a.txt" in GitCli(repo.path).state().dirty_paths


def raw_tree(repo: support_git.Repo, *entries: tuple[str, str, str]) -> str:
    """Make a commit of a tree that git's own tools would refuse to make."""
    data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries)
    tree = repo.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", data=data)
    return repo.git("commit-tree", tree, "-m", "x")


def refused(repo: support_git.Repo, commit: str, dest: Path) -> str:
    with pytest.raises(TagsealError) as caught:
        GitCli(repo.path).export(commit, dest)
    assert caught.value.exit_code == 1
    assert not dest.exists() or not any(path.is_file() or path.is_symlink() for path in dest.rglob("*"))
    return caught.value.code.id


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "git~1", "a\nb", "a\x1bb", "a\\b", "\x7f"])
def test_unsafe_names(repo: support_git.Repo, tmp_path: Path, name: str) -> None:
    blob = repo.git("rev-parse", "HEAD:a.txt")
    inner = raw_tree(repo, ("100644", name, blob))
    assert refused(repo, inner, tmp_path / "out") == "tree-unsafe"
    outer = raw_tree(repo, ("40000", "x", repo.git("rev-parse", f"{inner}^{{tree}}")))
    assert refused(repo, outer, tmp_path / "out2") == "tree-unsafe"
    assert sorted(path.name for path in tmp_path.iterdir()) in (["r"], ["out", "r"], ["out", "out2", "r"])


def test_a_name_that_is_not_utf8(repo: support_git.Repo, tmp_path: Path) -> None:
    (repo.path / os.fsdecode(b"\xff.txt")).write_bytes(b"x")
    assert refused(repo, repo.commit(), tmp_path / "out") == "tree-unsafe"


def test_a_link_that_is_also_a_folder(repo: support_git.Repo, tmp_path: Path) -> None:
    link = repo.git("hash-object", "-w", "--stdin", data=str(tmp_path).encode())
    folder = repo.git("rev-parse", "HEAD:sub")
    commit = raw_tree(repo, ("120000", "sub", link), ("40000", "sub", folder))
    assert refused(repo, commit, tmp_path / "out") == "tree-unsafe"
    assert not (tmp_path / "b.txt").exists()


def test_a_file_that_is_there_twice(repo: support_git.Repo, tmp_path: Path) -> None:
    blob = repo.git("rev-parse", "HEAD:a.txt")
    commit = raw_tree(repo, ("100644", "a", blob), ("100644", "a", blob))
    assert refused(repo, commit, tmp_path / "out") == "tree-unsafe"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "a/../../x", ".."])
def test_links_that_leave_the_tree(repo: support_git.Repo, tmp_path: Path, target: str) -> None:
    link = repo.git("hash-object", "-w", "--stdin", data=target.encode())
    assert refused(repo, raw_tree(repo, ("120000", "link", link)), tmp_path / "out") == "tree-unsafe"


def test_submodules_and_lfs_pointers_are_refused(repo: support_git.Repo, tmp_path: Path) -> None:
    head = repo.git("rev-parse", "HEAD")
    assert refused(repo, raw_tree(repo, ("160000", "module", head)), tmp_path / "out") == "tree-unsupported"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 3\n"
    assert refused(repo, repo.commit({"0.bin": pointer}), tmp_path / "out2") == "tree-unsupported"


def test_a_tree_with_too_many_files(repo: support_git.Repo) -> None:
    blob = repo.git("rev-parse", "HEAD:a.txt")
    commit = raw_tree(repo, *(("100644", f"{number:06}", blob) for number in range(100_001)))
    with pytest.raises(TagsealError) as caught:
        GitCli(repo.path).tree(commit)
    assert (caught.value.code.id, caught.value.exit_code) == ("tree-too-large", 1)
