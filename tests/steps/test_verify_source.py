"""The step through its runner, with the real adapters, on real repositories; compared with stock `git verify-tag`."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import support_git
from tagseal.adapters.trust_config import production
from tagseal.adapters.wiring import LazyAdapters
from tagseal.commands.run_step import run_step
from tagseal.context import Run
from tagseal.core.checks import Verdict
from tagseal.core.facts import SourceFacts
from tagseal.core.policy import parse_policy
from tagseal.core.source import TreeFile, parse_tree
from tagseal.errors import TagsealError
from tagseal.steps.verify_source import Params

PYPROJECT = '[project]\nname = "engine"\nversion = "1.0.0"\n'
LOCK = 'lock-version = "1.0"\ncreated-by = "tagseal"\n'


class Silent:
    def say(self, text: str) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository ready to be released, and where its release goes."""

    repo: support_git.Repo
    key: support_git.SshKey
    release: Path

    def verify(self, tag: str = "v1.0.0", *, repository: str | None = "ada/engine", **given: object) -> SourceFacts:
        """Run the step; return its facts or raise its error, verdicts of FAIL included."""
        is_rehearsal = bool(given.pop("is_rehearsal", False))
        done = run_step(
            "verify-source",
            leg="",
            params=Params(tag=tag, **given),  # type: ignore[arg-type]
            release_dir=self.release,
            project=self.repo.path,
            run=Run(id="local/1", attempt=1, repository=repository, is_actions=False, is_rehearsal=is_rehearsal),
            adapters=LazyAdapters(
                config=production(), project=self.repo.path, environment={}, repository=repository, forge_token=None
            ),
            progress=Silent(),
        )
        if done.error is not None:
            raise done.error
        assert isinstance(done.result, SourceFacts)
        return done.result

    def refused(self, tag: str = "v1.0.0", **given: object) -> tuple[str, int]:
        """Run the step, which must fail; return code and exit code. None of its outputs may be there."""
        with pytest.raises(TagsealError) as caught:
            self.verify(tag, **given)  # type: ignore[arg-type]
        for name in ("tree.json", "policy.json", "pylock.build.toml"):
            assert not (self.release / "steps/verify-source" / name).exists()
        assert "\n" not in caught.value.what
        return caught.value.code.id, int(caught.value.exit_code)

    def policy(self, text: str) -> None:
        """Commit a policy file to the branch that is checked out."""
        self.repo.commit({".github/tagseal.yml": text})


def policy_text(*signers: str) -> str:
    return "\n".join(["version: 1", "signers:", *(f"  - {signer}" for signer in signers), ""])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    key = support_git.make_ssh_key(tmp_path / "key")
    files = {
        "pyproject.toml": PYPROJECT,
        "pylock.build.toml": LOCK,
        ".github/tagseal.yml": policy_text(f"{{name: ada, ssh: '{key.public}'}}"),
    }
    repo = support_git.make_repository(tmp_path / "engine", files)
    repo.tag_ssh("v1.0.0", key)
    return Place(repo, key, tmp_path / "release")


@pytest.fixture
def gpg_home() -> Iterator[Path]:
    """A short path: gpg's agent puts a socket there."""
    with tempfile.TemporaryDirectory(prefix="tsg", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.mark.promise("R9")
def test_a_good_tag_fixes_every_trusted_input(place: Place) -> None:
    facts = place.verify()
    assert place.repo.stock_verify_tag("v1.0.0", ssh=[place.key])
    head = place.repo.git("rev-parse", "HEAD")
    assert facts.repository == "ada/engine"
    assert (facts.tag, facts.version, facts.release_type) == ("v1.0.0", "1.0.0", "final")
    assert (facts.commit, facts.tag_object) == (head, place.repo.tag_id("v1.0.0"))
    assert facts.commit_time_s == 1_700_000_000
    assert (facts.signer.kind, facts.signer.name) == ("ssh", "ada")
    assert facts.signer.fingerprint.startswith("SHA256:")
    assert (facts.release_branch, facts.lock_path) == ("main", "pylock.build.toml")
    assert {check.verdict for check in facts.checks} == {Verdict.PASS}
    assert [check.code for check in facts.checks] == [
        "source-history",
        "source-clean",
        "tag-annotated",
        "tag-name",
        "tag-target",
        "tag-name-unique",
        "tag-signed",
        "tag-date",
        "policy-signers",
        "tag-signature",
        "source-head",
        "source-branch",
        "build-lock",
    ]


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_what_it_writes_is_what_it_names(place: Place) -> None:
    facts = place.verify()
    folder = place.release / "steps/verify-source"
    tree, policy, lock = ((folder / name).read_bytes() for name in ("tree.json", "policy.json", "pylock.build.toml"))
    assert (facts.tree_digest, facts.policy_digest, facts.lock_digest) == (digest(tree), digest(policy), digest(lock))
    assert lock == LOCK.encode()
    read = parse_tree(tree)
    assert read.commit == facts.commit
    assert [file.path for file in read.files] == [".github/tagseal.yml", "pylock.build.toml", "pyproject.toml"]
    assert read.files[2] == TreeFile(path="pyproject.toml", mode="100644", sha256=digest(PYPROJECT.encode()))
    assert [signer.name for signer in parse_policy(policy).signers] == ["ada"]
    result = json.loads((folder / "result.json").read_bytes())
    assert result["schema"] == "https://github.com/tagseal/tagseal/docs/reference/schemas/verify-source.v1.json"
    assert result["commit"] == facts.commit


def test_running_it_twice_gives_the_same_bytes(place: Place) -> None:
    place.verify()
    names = ("tree.json", "policy.json", "pylock.build.toml", "result.json")
    folder = place.release / "steps/verify-source"
    first = [(folder / name).read_bytes() for name in names]
    place.verify()
    assert [(folder / name).read_bytes() for name in names] == first


def test_a_gpg_signed_tag(place: Place, gpg_home: Path) -> None:
    key = support_git.make_gpg_key(gpg_home / "k")
    block = "\n".join(f"      {line}" for line in key.public.splitlines())
    place.policy(f"version: 1\nsigners:\n  - name: bob\n    gpg: |\n{block}\n")
    place.repo.tag_gpg("v1.1.0", key)
    facts = place.verify("v1.1.0")
    assert (facts.signer.kind, facts.signer.name, facts.signer.fingerprint) == ("gpg", "bob", key.fingerprint)
    assert place.repo.stock_verify_tag("v1.1.0", gpg=key)
    key.revoke()
    block = "\n".join(f"      {line}" for line in key.public.splitlines())
    place.policy(f"version: 1\nsigners:\n  - name: bob\n    gpg: |\n{block}\n")
    place.repo.tag_ssh("v1.2.0", place.key)
    place.repo.git("checkout", "--quiet", "v1.1.0")
    assert place.refused("v1.1.0") == ("key-revoked", 1)
    key.close()


def test_an_expired_gpg_key_and_a_back_dated_tag(place: Place, gpg_home: Path) -> None:
    key = support_git.make_gpg_key(gpg_home / "k", expires="seconds=1")
    place.repo.tag_gpg("v1.1.0", key, when_s=1_600_000_000)
    block = "\n".join(f"      {line}" for line in key.public.splitlines())
    place.policy(f"version: 1\nsigners:\n  - name: bob\n    gpg: |\n{block}\n")
    place.repo.git("checkout", "--quiet", "v1.1.0")
    time.sleep(2)
    assert place.refused("v1.1.0") == ("key-expired", 1)
    key.close()


def test_a_release_directory_in_the_checkout_does_not_make_it_dirty(place: Place) -> None:
    inside = Place(place.repo, place.key, place.repo.path / "release")
    inside.verify()
    assert inside.verify().version == "1.0.0"


# --- the checkout ---------------------------------------------------------------------------------


def test_not_a_repository_and_no_commits(place: Place, tmp_path: Path) -> None:
    empty = Place(support_git.Repo(tmp_path / "none"), place.key, tmp_path / "r2")
    empty.repo.path.mkdir()
    assert empty.refused() == ("not-a-repository", 2)
    empty.repo.git("init", "--quiet")
    assert empty.refused() == ("no-commits", 2)


def test_dirty_tree_names_five_paths(place: Place) -> None:
    place.repo.write({f"new{number}": "x" for number in range(7)})
    with pytest.raises(TagsealError) as caught:
        place.verify()
    assert caught.value.code.id == "dirty-tree"
    assert caught.value.what == ("The working tree has changes: 'new0', 'new1', 'new2', 'new3', 'new4' and 2 more.")


def test_shallow_clone(place: Place, tmp_path: Path) -> None:
    place.repo.commit({"a": "a"})
    place.repo.tag_ssh("v1.1.0", place.key)
    place.repo.git("clone", "--quiet", "--depth=1", f"file://{place.repo.path}", str(tmp_path / "c"))
    clone = Place(support_git.Repo(tmp_path / "c"), place.key, tmp_path / "r2")
    assert clone.refused("v1.1.0") == ("shallow-clone", 1)


def test_another_commit_is_checked_out(place: Place) -> None:
    place.repo.commit({"a": "a"})
    assert place.refused() == ("tag-not-head", 1)


def test_repository_name(place: Place) -> None:
    assert place.refused(repository=None) == ("repository-unknown", 2)
    assert place.refused(repository="not a name") == ("repository-unknown", 2)
    place.repo.git("remote", "add", "origin", "git@github.com:bob/engine.git")
    assert place.verify(repository=None).repository == "bob/engine"
    with pytest.raises(TagsealError) as caught:
        run_with_repository(place, named="eve/engine")
    assert (caught.value.code.id, caught.value.exit_code) == ("repository-mismatch", 2)


def run_with_repository(place: Place, *, named: str) -> None:
    run_step(
        "verify-source",
        leg="",
        params=Params(tag="v1.0.0", repository=named),
        release_dir=place.release,
        project=place.repo.path,
        run=Run(id="local/1", attempt=1, repository="ada/engine", is_actions=False, is_rehearsal=False),
        adapters=LazyAdapters(
            config=production(), project=place.repo.path, environment={}, repository=None, forge_token=None
        ),
        progress=Silent(),
    )


# --- the tag --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tag", ["1.0.0", "v01.0", "v1.0.0-1", "v1.0\n", "v\u0661.0", "v1.0+local", "vv1", "-x", "$(id)", ""]
)
def test_names_that_are_no_version(place: Place, tag: str) -> None:
    assert place.refused(tag) == ("tag-not-a-version", 1)


def test_tag_missing(place: Place) -> None:
    assert place.refused("v9.9") == ("tag-missing", 1)


@pytest.mark.promise("R9")
def test_lightweight_and_unsigned_tags(place: Place) -> None:
    place.repo.git("tag", "v1.0.1")
    assert place.refused("v1.0.1") == ("tag-lightweight", 1)
    place.repo.tag_unsigned("v1.0.2")
    assert place.refused("v1.0.2") == ("tag-unsigned", 1)


def test_a_lightweight_tag_is_explained_as_the_checkout_action_leaves_it(place: Place) -> None:
    place.repo.git("update-ref", "refs/tags/v1.0.0", "HEAD")
    with pytest.raises(TagsealError) as caught:
        place.verify()
    assert "`git fetch --force origin refs/tags/v1.0.0:refs/tags/v1.0.0`" in caught.value.fix


@pytest.mark.promise("R9")
def test_an_old_tag_object_under_a_new_name(place: Place) -> None:
    place.repo.git("update-ref", "refs/tags/v2.0.0", place.repo.tag_id("v1.0.0"))
    assert place.repo.stock_verify_tag("v2.0.0", ssh=[place.key])  # git accepts the replay
    assert place.refused("v2.0.0") == ("tag-name-mismatch", 1)


@pytest.mark.parametrize("target", ["refs/tags/v1.0.0", "HEAD:pyproject.toml", "HEAD^{tree}"])
def test_a_signed_tag_of_something_else_than_a_commit(place: Place, target: str) -> None:
    place.repo.tag_ssh("v2.0.0", place.key, target=target)
    assert place.repo.stock_verify_tag("v2.0.0", ssh=[place.key])  # git accepts it
    assert place.refused("v2.0.0") == ("tag-nested", 1)


def forge_tag(place: Place, data: bytes, name: str = "v1.0.0") -> None:
    made = place.repo.git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", data=data)
    place.repo.git("update-ref", f"refs/tags/{name}", made)


def raw_tag(place: Place) -> bytes:
    return place.repo.git("cat-file", "tag", "v1.0.0").encode() + b"\n"


@pytest.mark.promise("R9")
def test_a_tag_moved_to_another_commit(place: Place) -> None:
    old = place.repo.git("rev-parse", "HEAD")
    new = place.repo.commit({"evil": "x"})
    forge_tag(place, raw_tag(place).replace(old.encode(), new.encode()))
    assert place.refused() == ("tag-signature-bad", 1)


def test_signature_pasted_from_another_tag(place: Place) -> None:
    signature = raw_tag(place).partition(b"-----BEGIN")
    place.repo.tag_unsigned("v1.0.1")
    body = place.repo.git("cat-file", "tag", "v1.0.1").encode() + b"\n"
    forge_tag(place, body + signature[1] + signature[2], "v1.0.1")
    assert place.refused("v1.0.1") == ("tag-signature-bad", 1)


def test_malformed_and_foreign_signatures(place: Place) -> None:
    raw = raw_tag(place)
    forge_tag(place, raw + raw[raw.index(b"-----BEGIN") :])
    assert place.refused() == ("tag-malformed", 1)
    x509 = b"-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n"
    forge_tag(place, raw[: raw.index(b"-----BEGIN")] + x509)
    assert place.refused() == ("tag-signature-unsupported", 1)


def test_a_tag_from_the_future(place: Place) -> None:
    place.repo.tag_ssh("v1.0.0", place.key, when_s=int(time.time()) + 200_000)
    assert place.refused() == ("tag-date-in-future", 1)


def test_a_branch_of_the_same_name(place: Place) -> None:
    place.repo.git("branch", "v1.0.0")
    assert place.refused() == ("branch-with-tag-name", 1)


# --- signer and policy ----------------------------------------------------------------------------


@pytest.mark.promise("R9")
def test_a_stranger_signed(place: Place, tmp_path: Path) -> None:
    place.repo.tag_ssh("v1.0.0", support_git.make_ssh_key(tmp_path / "stranger"))
    assert place.refused() == ("tag-signer-unknown", 1)


def test_a_key_listed_only_in_the_tagged_tree(place: Place, tmp_path: Path) -> None:
    stranger = support_git.make_ssh_key(tmp_path / "stranger")
    place.repo.git("clone", "--quiet", str(place.repo.path), str(tmp_path / "c"))
    clone = support_git.make_repository(
        tmp_path / "c", {".github/tagseal.yml": policy_text(f"{{name: eve, ssh: '{stranger.public}'}}")}
    )
    clone.tag_ssh("v1.1.0", stranger)
    assert Place(clone, place.key, tmp_path / "r2").refused("v1.1.0") == ("tag-signer-unknown", 1)


def test_a_signer_listed_until_yesterday_with_a_back_dated_tag(place: Place) -> None:
    place.policy(policy_text(f"{{name: ada, ssh: '{place.key.public}', until: 2024-01-01}}"))
    place.repo.tag_ssh("v1.0.0", place.key, when_s=1_600_000_000)
    assert place.repo.stock_verify_tag("v1.0.0", ssh=[place.key])
    assert place.refused() == ("tag-signer-expired", 1)


def test_no_policy_means_nobody_may_sign(place: Place) -> None:
    place.repo.git("rm", "--quiet", ".github/tagseal.yml")
    place.repo.commit()
    place.repo.tag_ssh("v1.0.0", place.key)
    assert place.refused() == ("no-signers", 1)


def test_an_invalid_policy_stops_with_its_line(place: Place) -> None:
    place.policy("version: 1\nsigner: []\n")
    with pytest.raises(TagsealError) as caught:
        place.verify()
    assert (caught.value.code.id, caught.value.file, caught.value.line) == ("policy-invalid", ".github/tagseal.yml", 2)


def test_the_default_branch_must_be_known(place: Place) -> None:
    place.repo.git("branch", "other")
    place.repo.git("checkout", "--quiet", "--detach")
    assert place.refused() == ("default-branch-unknown", 2)


# --- branches -------------------------------------------------------------------------------------


def test_a_commit_that_is_not_on_the_release_branch(place: Place, tmp_path: Path) -> None:
    place.repo.git("clone", "--quiet", str(place.repo.path), str(tmp_path / "c"))
    clone = support_git.make_repository(tmp_path / "c", {"unreviewed": "x"})
    clone.tag_ssh("v1.1.0", place.key)
    mine = Place(clone, place.key, tmp_path / "r2")
    assert mine.refused("v1.1.0") == ("commit-not-on-release-branch", 1)  # local main has it, origin's has not
    clone.git("branch", "evil")
    assert mine.refused("v1.1.0", release_branch="evil") == ("commit-not-on-release-branch", 1)


def test_an_input_can_only_add_a_branch(place: Place) -> None:
    place.repo.git("branch", "stable")
    assert place.verify(release_branch="stable").release_branch == "main"
    place.repo.commit({"a": "a"})
    place.repo.tag_ssh("v1.1.0", place.key)
    assert place.verify("v1.1.0").release_branch == "main"
    with pytest.raises(TagsealError) as caught:
        place.verify("v1.1.0", release_branch="stable")
    assert caught.value.code.id == "commit-not-on-release-branch"


def test_the_policy_names_the_release_branch(place: Place) -> None:
    text = policy_text(f"{{name: ada, ssh: '{place.key.public}'}}")
    place.policy(text + "release-branch: stable\n")
    place.repo.tag_ssh("v1.1.0", place.key)
    assert place.refused("v1.1.0") == ("commit-not-on-release-branch", 1)
    place.repo.git("branch", "stable")
    assert place.verify("v1.1.0").release_branch == "stable"


def test_replace_objects_do_not_move_a_branch(place: Place) -> None:
    """An unreviewed commit is grafted under the branch's tip; plain git then calls it an ancestor."""
    tip = place.repo.git("rev-parse", "HEAD")
    place.repo.git("checkout", "--quiet", "--detach")
    evil = place.repo.commit({"evil": "x"})
    place.repo.tag_ssh("v1.1.0", place.key)
    place.repo.git("replace", "--graft", tip, evil)
    assert place.repo.git("merge-base", "--is-ancestor", evil, "main") == ""
    assert place.refused("v1.1.0") == ("commit-not-on-release-branch", 1)


# --- the lock, and a rehearsal's overrides --------------------------------------------------------


def test_lock_missing(place: Place) -> None:
    place.repo.git("rm", "--quiet", "pylock.build.toml")
    place.repo.commit()
    place.repo.tag_ssh("v1.0.0", place.key)
    assert place.refused() == ("lock-missing", 2)


def test_overrides_are_for_rehearsals_alone(place: Place, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.write_text("version: 1\n", encoding="utf-8")
    assert place.refused(policy=extra) == ("policy-override-refused", 2)
    assert place.refused(lock=extra) == ("policy-override-refused", 2)
    assert place.refused(policy=tmp_path / "none", is_rehearsal=True) == ("override-unreadable", 2)


def test_a_rehearsal_brings_signer_and_lock(place: Place, tmp_path: Path) -> None:
    place.repo.git("rm", "--quiet", "pylock.build.toml", ".github/tagseal.yml")
    place.repo.commit()
    throw_away = support_git.make_ssh_key(tmp_path / "throw-away")
    place.repo.tag_ssh("v1.1.0", throw_away)
    policy, lock = tmp_path / "policy.yml", tmp_path / "made.toml"
    policy.write_text(policy_text(f"{{name: rehearsal, ssh: '{throw_away.public}'}}"), encoding="utf-8")
    lock.write_text(LOCK + "# made\n", encoding="utf-8")
    facts = place.verify("v1.1.0", policy=policy, lock=lock, is_rehearsal=True)
    assert facts.signer.name == "rehearsal"
    assert facts.lock_path == "steps/verify-source/pylock.build.toml"
    assert (place.release / facts.lock_path).read_text(encoding="utf-8") == LOCK + "# made\n"


def test_a_rehearsals_policy_stands_in_for_the_projects_but_a_committed_lock_wins(place: Place, tmp_path: Path) -> None:
    policy, lock = tmp_path / "policy.yml", tmp_path / "made.toml"
    policy.write_text("version: 1\nsandbox: {kind: process}\n", encoding="utf-8")
    lock.write_text("other", encoding="utf-8")
    assert place.refused(policy=policy, is_rehearsal=True) == ("no-signers", 1)
    policy.write_text(policy_text(f"{{name: eve, ssh: '{place.key.public}'}}"), encoding="utf-8")
    facts = place.verify(policy=policy, lock=lock, is_rehearsal=True)
    assert (facts.signer.name, facts.lock_path) == ("eve", "pylock.build.toml")
