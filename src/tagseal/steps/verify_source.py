"""Verify the source: a signed tag, by a listed signer, of a commit on the release branch, in a clean checkout.

Does: judges the checkout, the tag object, its signature (at this moment, never at the tag's own date) and its
    place on the release branch; then fixes every trusted input of the release. Runs nothing of the project's.
Reads: the git repository; .github/tagseal.yml of the default branch, never of the tagged tree.
Writes: tree.json (path, mode, SHA-256 of every file), policy.json (what holds), pylock.build.toml (from the tag).
Needs: a clone with its whole history and the tag's own object; git, and ssh-keygen or gpgv.
Spec: PEP 440; git-tag(1) and gitformat-signature(5); OpenSSH PROTOCOL.sshsig; RFC 9580
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from tagseal import policy_file
from tagseal.context import Context
from tagseal.core import source_rules, tag_rules, tagobject
from tagseal.core.checks import Check
from tagseal.core.facts import Signer, SourceFacts
from tagseal.core.lock import LOCK_NAME, MAX_LOCK_BYTES
from tagseal.core.policy import Policy, PolicySigner, dump_policy, end_of, is_over
from tagseal.core.record import digest
from tagseal.core.source import Tree, TreeFile, dump_tree
from tagseal.core.tagobject import TagObject
from tagseal.core.version import version_of_tag
from tagseal.ports import Git, SignatureChecker, TrustedKey
from tagseal.step import Step, option


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Inputs of `verify-source`."""

    tag: str = field(metadata=option("Tag to release: `v` plus the version, for example v1.2.3."))
    release_branch: str = field(
        default="", metadata=option("One more branch that must hold the commit; the policy's always must.")
    )
    repository: str = field(default="", metadata=option("owner/name; empty: the run's, or the origin remote's."))
    policy: Path | None = field(
        default=None, metadata=option("Policy file in place of the project's own; in a rehearsal only.")
    )
    lock: Path | None = field(
        default=None, metadata=option("Build lock to use when none is committed; in a rehearsal only.")
    )


def run(ctx: Context, params: Params) -> SourceFacts:
    """Verify the source and write what later steps trust.

    Raises:
        TagsealError: the first rule that does not hold; see docs/reference/steps/verify-source.md.
    """
    if not ctx.run.is_rehearsal:
        source_rules.refuse_overrides({"--policy": params.policy, "--lock": params.lock})
    tag, git = params.tag, ctx.adapters.git
    state = git.state(ignoring=ctx.release_dir)
    version = version_of_tag(tag)
    repository = source_rules.repository_of(params.repository, ctx.run.repository, git.remote_repository)
    checks = [source_rules.whole_history(state.is_shallow), source_rules.clean(state.dirty_paths)]
    now = ctx.adapters.clock.now()
    tag_id, parsed, tag_checks = _tag(git, tag, now)
    policy, policy_place = _policy(ctx, params)
    checks += [*tag_checks, source_rules.some_signers(len(policy.signers), policy_place)]
    signer, signature_check = _signature(ctx.adapters.signatures, tag, parsed, policy, now)
    checks += [signature_check, source_rules.at_head(tag, parsed.object_id, state.head)]
    branch, branch_checks = _branches(ctx, params, policy, parsed.object_id)
    lock, lock_path = _lock(ctx, params, parsed.object_id)
    tree = _write(ctx, f"{ctx.me}/tree.json", dump_tree(_tree(git, parsed.object_id)))
    return SourceFacts(
        repository=repository,
        tag=tag,
        version=version.version,
        commit=parsed.object_id,
        tag_object=tag_id,
        commit_time_s=git.commit_time_s(parsed.object_id),
        signer=signer,
        release_branch=branch,
        release_type=version.release_type,
        tree_digest=tree,
        lock_digest=_write(ctx, f"{ctx.me}/{LOCK_NAME}", lock),
        lock_path=lock_path,
        policy_digest=_write(ctx, f"{ctx.me}/policy.json", dump_policy(policy)),
        checks=(*checks, *branch_checks, source_rules.locked(lock_path, digest(lock))),
    )


def _tag(git: Git, tag: str, now: datetime) -> tuple[str, TagObject, list[Check]]:
    """Return the tag's object id, its parts, and everything that can be said before its signature is judged."""
    found = git.read_tag(tag)
    if found is None:
        raise tag_rules.missing(tag)
    checks = [tag_rules.annotated(tag, found.object_type)]
    parsed = tagobject.parse(found.content)
    checks += [
        tag_rules.same_name(tag, parsed),
        tag_rules.names_commit(tag, parsed),
        source_rules.no_branch_named(tag, exists=git.resolve(f"refs/heads/{tag}") is not None),
        tag_rules.signed(tag, parsed),
        tag_rules.dated(tag, parsed, now),
    ]
    return found.object_id, parsed, checks


def _policy(ctx: Context, params: Params) -> tuple[Policy, str]:
    """Return the policy that holds and where it was read; a default branch without the file has the defaults."""
    if params.policy is not None:
        given = policy_file.read_override(params.policy)
        return policy_file.parse(given, file=str(params.policy)), "the rehearsal's policy"
    git = ctx.adapters.git
    branch = source_rules.known_default_branch(git.default_branch())
    tip = git.resolve(_branch_ref(git, branch))
    found = git.blobs(tip, [policy_file.POLICY_PATH]) if tip else {}
    policy = policy_file.parse(found[policy_file.POLICY_PATH]) if found else Policy()
    return policy, f"{policy_file.POLICY_PATH} on {branch}"


def _signature(
    checker: SignatureChecker, tag: str, parsed: TagObject, policy: Policy, now: datetime
) -> tuple[Signer, Check]:
    read = checker.check(parsed.payload, parsed.signature, [_trusted(signer) for signer in policy.signers], at=now)
    listed = next((signer for signer in policy.signers if signer.name == read.name), None)
    check = tag_rules.by_listed_signer(
        tag,
        name=read.name,
        fingerprint=read.fingerprint,
        reason=read.reason,
        listed_until=listed.until if listed is not None and is_over(listed.until, now) else "",
    )
    return Signer(kind=parsed.signature_kind, name=read.name, fingerprint=read.fingerprint), check


def _trusted(signer: PolicySigner) -> TrustedKey:
    end_s = int(end_of(signer.until).timestamp()) if signer.until else None
    return TrustedKey(name=signer.name, kind=signer.kind, key=signer.key, not_after_s=end_s)


def _branches(ctx: Context, params: Params, policy: Policy, commit: str) -> tuple[str, list[Check]]:
    """Return the release branch, and one check for it and for the one more that the inputs may name.

    An input can add a branch, never replace the policy's: the tag's own workflow sets the inputs.
    """
    git = ctx.adapters.git
    in_rehearsal = params.release_branch if ctx.run.is_rehearsal else ""
    branch = policy.release_branch or in_rehearsal or source_rules.known_default_branch(git.default_branch())
    names = dict.fromkeys(name for name in (branch, params.release_branch) if name)
    return branch, [
        source_rules.on_branch(commit, name, is_reachable=git.is_ancestor(commit, _branch_ref(git, name)))
        for name in names
    ]


def _branch_ref(git: Git, branch: str) -> str:
    """Return the remote's state of a branch where there is one: a local branch can hold what nobody has reviewed."""
    remote = f"refs/remotes/origin/{branch}"
    return remote if git.resolve(remote) is not None else f"refs/heads/{branch}"


def _lock(ctx: Context, params: Params, commit: str) -> tuple[bytes, str]:
    """Return the build lock and where it came from; a committed one always wins."""
    found = ctx.adapters.git.blobs(commit, [LOCK_NAME])
    given = policy_file.read_override(params.lock, max_bytes=MAX_LOCK_BYTES) if params.lock else None
    return source_rules.lock_in(found, given), LOCK_NAME if found else f"{ctx.me}/{LOCK_NAME}"


def _tree(git: Git, commit: str) -> Tree:
    digests = git.blob_digests(commit)
    files = (TreeFile(path=item.path, mode=item.mode, sha256=digests[item.path]) for item in git.tree(commit))
    return Tree(commit=commit, files=tuple(files))


def _write(ctx: Context, path: str, data: bytes) -> str:
    ctx.files.write(path, data)
    return digest(data)


STEP: Final = Step(
    name="verify-source",
    summary="Verify the tag's signature, its commit and its place on the release branch.",
    params=Params,
    result=SourceFacts,
    run=run,
    writes=("{me}/tree.json", "{me}/policy.json", f"{{me}}/{LOCK_NAME}"),
    permissions={"contents: read": "to clone the repository"},
    needs="a clone with its whole history and the tag's own object; git, and ssh-keygen or gpgv",
    example="tagseal verify-source --tag v1.2.3",
)
