"""Compare the two builds byte for byte, and the built files with the tagged source.

Does: holds both legs' files and claims against each other and the source facts; explains every difference by
member and cause; then lets no sdist member pass that is neither a file of the tag nor a known generated file.
Reads: dist/*, steps/build.b/dist/*, both legs' result.json, and verify-source's result, tree and policy.
Writes: nothing but its result.
Needs: the checkout, only when a backend rewrote a tagged file (setup.cfg): its content is read from git.
Spec: docs/explanation/reproducible-builds.md; PEP 517, PEP 625, PEP 643 for what an sdist holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.context import Context
from tagseal.core import leg_claims, reproducible
from tagseal.core.archive import Member
from tagseal.core.artifacts import MAX_READ_BYTES, measure
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact, BuildFacts, SourceFacts
from tagseal.core.generated_files import LEGACY_SETUPTOOLS, read_declared
from tagseal.core.index_rules import check_sdist_count
from tagseal.core.policy import parse_policy
from tagseal.core.sdist_gate import Source, check_sdist
from tagseal.core.source import parse_tree
from tagseal.core.wheel_record import dist_info
from tagseal.core.wheel_source import check_wheel
from tagseal.step import NoParams, Step

_A: Final = "dist"
_B: Final = "steps/build.b/dist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was compared and found."""

    artifacts: tuple[Artifact, ...]
    """Build a's files as measured here, sorted by name."""
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """Both legs' files as measured, build a's members, and what comparing the bytes found."""

    a: tuple[Artifact, ...]
    b: tuple[Artifact, ...]
    members: Mapping[str, tuple[Member, ...]]
    checks: tuple[Check, ...]


def run(ctx: Context, _: NoParams) -> Result:
    """Compare; every finding is a check.

    Raises:
        TagsealError: any `archive-*` code, `wheel-layout`, `pyproject-invalid`.
    """
    source = ctx.result(SourceFacts, "verify-source")
    leg_a, leg_b = ctx.result(BuildFacts, "build.a"), ctx.result(BuildFacts, "build.b")
    built = _read_and_compare(ctx)
    checks = [
        *built.checks,
        *leg_claims.check_artifacts(leg_a, built.a),
        *leg_claims.check_artifacts(leg_b, built.b),
        *leg_claims.check_inputs(leg_a, source),
        *leg_claims.check_inputs(leg_b, source),
        leg_claims.check_environments(leg_a, leg_b),
        leg_claims.check_variations(leg_a, leg_b),
        *_source_checks(ctx, source, built),
    ]
    failed = sum(check.verdict is Verdict.FAIL for check in checks)
    ctx.progress.say(
        f"compare: {len(built.a)} files, {failed} findings" if failed else "compare: both builds are equal"
    )
    return Result(artifacts=built.a, checks=tuple(checks))


def _read_and_compare(ctx: Context) -> _Built:
    names_a, names_b = ctx.files.names(_A), ctx.files.names(_B)
    checks = list(reproducible.check_names(names_a, names_b))
    measured_a: list[Artifact] = []
    measured_b: list[Artifact] = []
    members: dict[str, tuple[Member, ...]] = {}
    for name in sorted({*names_a, *names_b}):
        a = ctx.files.read(f"{_A}/{name}", max_bytes=MAX_READ_BYTES) if name in names_a else None
        b = ctx.files.read(f"{_B}/{name}", max_bytes=MAX_READ_BYTES) if name in names_b else None
        if a is not None:
            artifact, members[name] = measure(name, a)
            measured_a.append(artifact)
            if b is not None:
                checks += reproducible.check_bytes(artifact, a, b)
        if b is not None:
            measured_b.append(measured_a[-1] if a == b else measure(name, b)[0])
    return _Built(a=tuple(measured_a), b=tuple(measured_b), members=members, checks=tuple(checks))


def _source_checks(ctx: Context, facts: SourceFacts, built: _Built) -> tuple[Check, ...]:
    """Hold the sdist against the tag, and each wheel against the sdist."""
    count = check_sdist_count(built.a)
    if count.verdict is Verdict.FAIL:
        return (count,)
    sdist = built.members[count.subject]
    wheels = {artifact.name: built.members[artifact.name] for artifact in built.a if artifact.kind == "wheel"}
    source = _source(ctx, facts, count.subject, sdist)
    checks = list(check_sdist(count.subject, sdist, source, _metadata(wheels)))
    for name, members in wheels.items():
        checks += check_wheel(name, members, sdist, source)
    return tuple(checks)


def _source(ctx: Context, facts: SourceFacts, sdist_name: str, sdist: tuple[Member, ...]) -> Source:
    tree = {file.path: file.sha256 for file in parse_tree(ctx.files.read("steps/verify-source/tree.json")).files}
    policy = parse_policy(ctx.files.read("steps/verify-source/policy.json"))
    in_sdist = {member.path.partition("/")[2]: member.data for member in sdist}
    pyproject = _tagged(ctx, facts.commit, "pyproject.toml", tree, in_sdist)
    return Source(
        package=sdist_name.rpartition("-")[0],
        version=facts.version,
        tree=tree,
        declared=LEGACY_SETUPTOOLS if pyproject is None else read_declared(pyproject),
        setup_cfg=_tagged(ctx, facts.commit, "setup.cfg", tree, in_sdist),
        generated={entry.path: entry.reason for entry in policy.generated},
    )


def _tagged(
    ctx: Context, commit: str, path: str, tree: Mapping[str, str], in_sdist: Mapping[str, bytes]
) -> bytes | None:
    """Return a file of the tag: the sdist's copy when its digest is the tag's, otherwise from git; None: not tagged."""
    if path not in tree:
        return None
    data = in_sdist.get(path)
    if data is not None and "sha256:" + hashlib.sha256(data).hexdigest() == tree[path]:
        return data
    return ctx.adapters.git.blobs(commit, (path,))[path]


def _metadata(wheels: Mapping[str, tuple[Member, ...]]) -> bytes:
    """Return the first wheel's METADATA (`inspect` insists that all of them agree); nothing without a wheel."""
    for name, members in wheels.items():
        path = f"{dist_info(name, members)}/METADATA"
        return next(member.data for member in members if member.path == path)
    return b""


STEP: Final = Step(
    name="compare",
    summary="Compare the two builds byte by byte, and the sdist with the tag's tree.",
    params=NoParams,
    result=Result,
    run=run,
    reads=(
        "dist/*",
        "steps/build.b/dist/*",
        "steps/build.a/result.json",
        "steps/build.b/result.json",
        "steps/verify-source/result.json",
        "steps/verify-source/tree.json",
        "steps/verify-source/policy.json",
    ),
    needs="a release directory in which both build legs have run; the checkout, when a backend rewrote setup.cfg",
    example="tagseal compare --release-dir release",
)
