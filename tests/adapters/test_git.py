from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

import support_git
from tagseal.adapters.git import GitCli
from tagseal.errors import TagsealError

FILES = {"pyproject.toml": b"[project]\n", "src/a.py": b"A = 1\n", "tool.sh": b"#!/bin/sh\n"}


@pytest.fixture
def repo(tmp_path: Path) -> support_git.Repo:
    made = support_git.make_repository(tmp_path / "r", FILES)
    (made.path / "tool.sh").chmod(0o755)
    (made.path / "link").symlink_to("src/a.py")
    made.commit()
    return made


def code_of(caught: pytest.ExceptionInfo[TagsealError]) -> tuple[str, int]:
    return caught.value.code.id, int(caught.value.exit_code)


def test_state_of_a_clean_checkout(repo: support_git.Repo) -> None:
    state = GitCli(repo.path).state()
    assert state.head == repo.git("rev-parse", "HEAD")
    assert state.is_shallow is False
    assert state.dirty_paths == ()


def test_dirty_paths_of_every_kind(repo: support_git.Repo) -> None:
    repo.write({"src/a.py": "A = 2\n", "new name.txt": "x", "staged": "x"})
    repo.git("add", "staged")
    (repo.path / "tool.sh").unlink()
    assert GitCli(repo.path).state().dirty_paths == ("new name.txt", "src/a.py", "staged", "tool.sh")


def test_ignored_files_are_not_dirty(repo: support_git.Repo) -> None:
    repo.commit({".gitignore": "*.log\n"})
    repo.write({"x.log": "x"})
    assert GitCli(repo.path).state().dirty_paths == ()


def test_only_untracked_files_of_the_ignored_folder_are_left_out(repo: support_git.Repo) -> None:
    repo.write({"release/steps/x": "x", "release2": "x", "src/new.py": "x", "src/a.py": "A = 2\n"})
    git = GitCli(repo.path)
    assert git.state(ignoring=repo.path / "release").dirty_paths == ("release2", "src/a.py", "src/new.py")
    assert git.state(ignoring=repo.path / "src").dirty_paths == ("release/steps/x", "release2", "src/a.py")
    for other in (repo.path, repo.path.parent / "elsewhere"):
        assert len(git.state(ignoring=other).dirty_paths) == 4


def test_not_a_repository(tmp_path: Path) -> None:
    with pytest.raises(TagsealError) as caught:
        GitCli(tmp_path).state()
    assert code_of(caught) == ("not-a-repository", 2)


def test_a_folder_inside_a_repository_is_not_its_top(repo: support_git.Repo) -> None:
    with pytest.raises(TagsealError) as caught:
        GitCli(repo.path / "src").state()
    assert code_of(caught) == ("not-a-repository", 2)
    assert f"though {repo.path} is one" in caught.value.what


def test_no_commits(tmp_path: Path) -> None:
    support_git.Repo(tmp_path).git("init", "--quiet")
    with pytest.raises(TagsealError) as caught:
        GitCli(tmp_path).state()
    assert code_of(caught) == ("no-commits", 2)


def test_shallow_clone(repo: support_git.Repo, tmp_path: Path) -> None:
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.path}", str(tmp_path / "c"))
    assert GitCli(tmp_path / "c").state().is_shallow is True


def test_damaged_object_is_found(repo: support_git.Repo) -> None:
    """Git itself does not compare a packed object with its id when it reads it; a swapped loose one shows the same."""
    commit = repo.git("rev-parse", "HEAD")
    victim, other = (repo.git("rev-parse", f"HEAD:{name}") for name in ("src/a.py", "tool.sh"))
    paths = [repo.path / ".git/objects" / oid[:2] / oid[2:] for oid in (victim, other)]
    paths[0].chmod(0o644)
    paths[0].write_bytes(paths[1].read_bytes())
    with pytest.raises(TagsealError) as caught:
        GitCli(repo.path).blob_digests(commit)
    assert code_of(caught) == ("git-failed", 1)


def test_tags_branches_and_ancestry(repo: support_git.Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    tag_object = repo.tag_unsigned("v1.0")
    repo.git("tag", "light")
    repo.git("checkout", "--quiet", "-b", "side")
    second = repo.commit({"b": "b"}, when_s=1_700_000_500)
    git = GitCli(repo.path)
    tag = git.read_tag("v1.0")
    assert tag is not None
    assert (tag.object_id, tag.object_type) == (tag_object, "tag")
    assert tag.content.startswith(f"object {first}\ntype commit\ntag v1.0\n".encode())
    light = git.read_tag("light")
    assert light is not None
    assert (light.object_id, light.object_type, light.content) == (first, "commit", b"")
    assert git.read_tag("v2.0") is None
    assert git.resolve("refs/heads/side") == second
    assert git.resolve("refs/tags/v1.0") == first
    assert git.resolve("side") is None
    assert git.is_ancestor(first, "refs/heads/side")
    assert git.is_ancestor(second, "refs/heads/side")
    assert not git.is_ancestor(second, "refs/heads/main")
    assert not git.is_ancestor(first, "refs/heads/none")
    assert git.default_branch() == "side"
    assert (git.commit_time_s(first), git.commit_time_s(second)) == (1_700_000_000, 1_700_000_500)


def test_a_name_that_git_would_guess_is_not_a_tag(repo: support_git.Repo) -> None:
    repo.git("update-ref", "refs/heads/refs/tags/v1.0", "HEAD")
    assert GitCli(repo.path).read_tag("v1.0") is None


def test_default_branch_is_the_remotes(repo: support_git.Repo, tmp_path: Path) -> None:
    repo.git("clone", "--quiet", str(repo.path), str(tmp_path / "c"))
    clone = support_git.Repo(tmp_path / "c")
    clone.git("checkout", "--quiet", "-b", "mine")
    assert GitCli(clone.path).default_branch() == "main"


def test_default_branch_is_unknown_when_nothing_says_it(repo: support_git.Repo) -> None:
    repo.git("branch", "other")
    repo.git("checkout", "--quiet", "--detach")
    assert GitCli(repo.path).default_branch() is None


def test_tree_digests_and_blobs(repo: support_git.Repo) -> None:
    commit = repo.git("rev-parse", "HEAD")
    git = GitCli(repo.path)
    assert [(e.path, e.mode, e.size_bytes) for e in git.tree(commit)] == [
        ("link", "120000", 8),
        ("pyproject.toml", "100644", 10),
        ("src/a.py", "100644", 6),
        ("tool.sh", "100755", 10),
    ]
    digests = git.blob_digests(commit)
    assert digests["src/a.py"] == "sha256:" + hashlib.sha256(b"A = 1\n").hexdigest()
    assert digests["link"] == "sha256:" + hashlib.sha256(b"src/a.py").hexdigest()
    assert git.blobs(commit, ["src/a.py", "none", "src"]) == {"src/a.py": b"A = 1\n"}


def test_export_writes_raw_blobs_and_modes(repo: support_git.Repo, tmp_path: Path) -> None:
    attributes = "*.txt text eol=crlf\nhidden export-ignore\na.id ident\n"
    commit = repo.commit({".gitattributes": attributes, "x.txt": "a\nb\n", "hidden": "h", "a.id": "$Id$"})
    dest = tmp_path / "out"
    GitCli(repo.path).export(commit, dest)
    assert (dest / "x.txt").read_bytes() == b"a\nb\n"
    assert (dest / "a.id").read_bytes() == b"$Id$"
    assert (dest / "hidden").read_bytes() == b"h"
    assert (dest / "link").readlink() == Path("src/a.py")
    assert stat.S_IMODE((dest / "tool.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((dest / "src/a.py").stat().st_mode) == 0o644
    assert not (dest / ".git").exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/ada/engine.git", "ada/engine"),
        ("https://github.com/ada/engine", "ada/engine"),
        ("git@github.com:ada/engine.git", "ada/engine"),
        ("ssh://git@github.com/ada/engine.py.git", "ada/engine.py"),
        ("https://example.org/github.com/ada/engine", None),
        ("https://github.com.example.org/ada/engine", None),
    ],
)
def test_remote_repository(repo: support_git.Repo, url: str, expected: str | None) -> None:
    repo.git("remote", "add", "origin", url)
    assert GitCli(repo.path).remote_repository() == expected


def test_no_remote(repo: support_git.Repo) -> None:
    assert GitCli(repo.path).remote_repository() is None


def test_a_linked_worktree_and_a_repository_with_sha256(repo: support_git.Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    assert GitCli(tmp_path / "linked").state().dirty_paths == ()
    (tmp_path / "linked" / "tool.sh").unlink()
    assert GitCli(tmp_path / "linked").state().dirty_paths == ("tool.sh",)

    other = support_git.Repo(tmp_path / "s")
    other.path.mkdir()
    other.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    other.git("config", "user.name", "Ada")
    other.git("config", "user.email", "ada@example.org")
    commit = other.commit({"a": "a"})
    git = GitCli(other.path)
    assert (len(commit), git.state().head) == (64, commit)
    assert git.blob_digests(commit) == {"a": "sha256:" + hashlib.sha256(b"a").hexdigest()}
    assert git.commit_time_s(commit) == 1_700_000_000
