"""The source of a rehearsal: a private clone of the project with a tag signed by a throw-away key.

The user's repository is only read: objects are borrowed (`git clone --shared`), tags are made in the clone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagseal.adapters import process
from tagseal.errors import Code, ExitCode, TagsealError

GIT_FAILED: Final = Code(
    id="rehearsal-clone-failed",
    exit_code=ExitCode.USAGE,
    why="A rehearsal works on a private clone so that your repository stays as it is.",
    fix="Look at git's message; `git fsck` and `git fetch --unshallow` mend most repositories.",
)

EXAMPLE_REPOSITORY: Final = "acme/example-widget"
DETACHED_BRANCH: Final = "rehearsal"
_GIT_TIMEOUT_S: Final = 300.0
_EXAMPLE_TIME: Final = "1767225600 +0000"  # fixed, so that two rehearsals of the example build the same bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A private clone to release from."""

    path: Path
    branch: str
    """The branch the release is judged by: the one that is checked out."""
    head: str
    key: Path
    """Throw-away private key; its public half is beside it, `.pub`."""

    @property
    def public_key(self) -> str:
        """The `ssh-ed25519 AAAA…` line."""
        return " ".join(Path(f"{self.key}.pub").read_text().split()[:2])


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return git's environment: no user or system configuration, no prompts, any owner's repository."""
    return process.clean_environment(
        {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "core.hooksPath",
            "GIT_CONFIG_VALUE_1": "/dev/null",
            "GIT_CONFIG_KEY_2": "advice.detachedHead",
            "GIT_CONFIG_VALUE_2": "false",
            **(extra or {}),
        }
    )


def git(folder: Path, *words: str, extra: Mapping[str, str] | None = None) -> str:
    """Run git in `folder` and return what it printed, stripped.

    Raises:
        TagsealError: `rehearsal-clone-failed` with git's message; `tool-missing`, `tool-timeout`.
    """
    done = process.run(
        ["git", *words], cwd=folder, env=environment(extra), timeout_s=_GIT_TIMEOUT_S, max_output_bytes=16 * 2**20
    )
    if done.exit_code != 0:
        message = done.stderr.decode(errors="replace").strip().splitlines()
        raise TagsealError(GIT_FAILED, f"git {words[0]} failed: {message[-1] if message else done.exit_code}.")
    return done.stdout.decode(errors="replace").strip()


def example_project(dest: Path) -> Path:
    """Make a git repository of the bundled example in `dest`; return it."""
    shutil.copytree(Path(__file__).parent / "example", dest, ignore=shutil.ignore_patterns("__pycache__"))
    who = {
        "GIT_AUTHOR_NAME": "Example",
        "GIT_AUTHOR_EMAIL": "example@example.com",
        "GIT_AUTHOR_DATE": _EXAMPLE_TIME,
        "GIT_COMMITTER_NAME": "Example",
        "GIT_COMMITTER_EMAIL": "example@example.com",
        "GIT_COMMITTER_DATE": _EXAMPLE_TIME,
    }
    git(dest, "init", "--quiet", "--initial-branch=main")
    git(dest, "add", "--all")
    git(dest, "commit", "--quiet", "--message=Example widget", extra=who)
    return dest


def clone(project: Path, work: Path, *, tag: str | None) -> Clone:
    """Clone `project` into `work` at its HEAD, or at the commit of `tag` when the project has that tag.

    Raises:
        TagsealError: `rehearsal-clone-failed`.
    """
    path = work / "checkout"
    git(work, "clone", "--quiet", "--shared", str(project), str(path))
    branch = git(path, "branch", "--show-current")
    if tag and git(path, "tag", "--list", tag):
        git(path, "checkout", "--quiet", "--detach", f"refs/tags/{tag}^{{commit}}")
    head = git(path, "rev-parse", "HEAD")
    if not branch:
        branch = DETACHED_BRANCH
        git(path, "update-ref", f"refs/remotes/origin/{branch}", head)
    return Clone(path=path, branch=branch, head=head, key=_throw_away_key(work))


def clone_as_released(project: Path, work: Path, *, head: str, default_branch: str | None) -> Path:
    """Clone `project` into `work` as a release job would see it: its remote's branches, `head` checked out.

    A project that was never pushed lends its local branches.

    Raises:
        TagsealError: `rehearsal-clone-failed`.
    """
    path = work / "as-released"
    remote = "refs/remotes/origin"
    git(work, "clone", "--quiet", "--shared", "--no-checkout", str(project), str(path))
    if git(project, "for-each-ref", "--count=1", f"{remote}/"):
        git(path, "fetch", "--quiet", "--prune", "--no-tags", "origin", f"+{remote}/*:{remote}/*")
    if default_branch:
        git(path, "symbolic-ref", f"{remote}/HEAD", f"{remote}/{default_branch}")
    git(path, "checkout", "--quiet", "--detach", head)
    return path


def _throw_away_key(work: Path) -> Path:
    key = work / "throw-away-key"
    done = process.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throw-away rehearsal key", "-f", str(key)],
        env=process.clean_environment(),
        timeout_s=30,
        max_output_bytes=2**16,
    )
    if done.exit_code != 0:
        raise TagsealError(GIT_FAILED, f"ssh-keygen failed: {done.stderr.decode(errors='replace').strip()}.")
    return key


def sign_tag(source: Clone, tag: str) -> None:
    """Make the annotated tag `tag` at the clone's HEAD, signed with its throw-away key; replaces one of that name.

    Raises:
        TagsealError: `rehearsal-clone-failed`.
    """
    configuration: Sequence[str] = (
        "-c",
        "gpg.format=ssh",
        "-c",
        f"user.signingkey={source.key}",
        "-c",
        "user.name=Rehearsal",
        "-c",
        "user.email=rehearsal@example.com",
    )
    git(source.path, *configuration, "tag", "--force", "--sign", "--message", f"Rehearsal of {tag}", tag, source.head)
