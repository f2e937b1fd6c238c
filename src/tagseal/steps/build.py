"""Build the sdist, and the wheel from the sdist, in a sandbox without network; repack both deterministically.

Does: exports the tagged commit, fetches the locked build requirements by hash, runs one sandbox job that makes
    the environment and calls the backend, and repacks what comes out. Leg `b` varies what must not matter.
Reads: steps/verify-source/{result.json,pylock.build.toml,policy.json}.
Writes: dist/* (leg a) or its own dist/* (leg b), and the build's log.
Needs: a clone with the tagged commit; network for requirements that are not in the cache; no token.
Spec: PEP 517, PEP 751, https://reproducible-builds.org/specs/source-date-epoch/
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tagseal.context import Context
from tagseal.core.build_result import SDIST_UNREADABLE_EXIT, check_output, failure
from tagseal.core.buildenv import LegSettings, feature_version, leg_settings, variations
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact, BuildFacts, Requirement, SourceFacts
from tagseal.core.lock import LOCK_NAME
from tagseal.core.policy import parse_policy
from tagseal.core.record import digest
from tagseal.core.repack import repack
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import Sandbox, SandboxInput, SandboxJob, SandboxLimits, SandboxOutcome
from tagseal.step import Step, option

SCRIPTS: Final = Path(__file__).parent.parent / "adapters" / "sandbox_scripts"
"""Shown to the sandbox as files; nothing here imports them."""

LOCK_DIGEST_MISMATCH: Final = Code(
    id="lock-digest-mismatch",
    exit_code=ExitCode.FAIL,
    why="The build must use exactly the lock that verify-source took from the tagged commit.",
    fix="Start the release again from verify-source; do not edit files in the release directory.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Inputs of `build`."""

    sandbox: str = field(
        default="auto",
        metadata=option("docker, namespaces or process; auto: the best that works here. The policy file's wins."),
    )
    image: str = field(
        default="", metadata=option("Image for the docker sandbox, name@sha256:digest. The policy file's wins.")
    )
    timeout_s: int = field(default=1800, metadata=option("Seconds after which the build is stopped."))


def run(ctx: Context, params: Params) -> BuildFacts:
    """Build one leg.

    Raises:
        TagsealError: `build-*`, `lock-*`, `requirement-*`, `archive-*`, `sandbox-*`, `index-unreachable`.
    """
    source = ctx.result(SourceFacts, "verify-source")
    lock = ctx.files.read(f"steps/verify-source/{LOCK_NAME}")
    if digest(lock) != source.lock_digest:
        raise TagsealError(LOCK_DIGEST_MISMATCH, f"{LOCK_NAME} is not the lock that verify-source saw.")
    sandbox = _sandbox(ctx, params)
    settings = leg_settings(ctx.leg, epoch_s=source.commit_time_s, version=source.version)
    with tempfile.TemporaryDirectory(prefix="tagseal-build-") as name:
        folder = Path(name)
        ctx.adapters.git.export(source.commit, folder / "src")
        ctx.progress.say("fetching the locked build requirements")
        python = feature_version(sandbox.interpreter())
        requirements = ctx.adapters.requirements.fetch(lock, folder / "wheels", python_version=python)
        ctx.progress.say(f"building leg {ctx.leg} in the {sandbox.kind} sandbox")
        start_s = ctx.adapters.clock.now().timestamp() if settings.clock_shift_s else 0
        outcome = sandbox.run(_job(folder, settings, int(start_s), params.timeout_s), folder / "out")
        artifacts = _collect(ctx, outcome, folder / "out", epoch_s=source.commit_time_s)
    ctx.files.write(f"{ctx.me}/build.log", outcome.log.encode("utf-8"))
    return _facts(ctx, source, sandbox, settings, outcome, requirements=requirements, artifacts=artifacts)


def _sandbox(ctx: Context, params: Params) -> Sandbox:
    """The policy file comes from the protected branch, the parameters from the tag's own workflow: it wins."""
    policy = parse_policy(ctx.files.read("steps/verify-source/policy.json"))
    kind = params.sandbox if policy.sandbox.kind == "auto" else policy.sandbox.kind
    return ctx.adapters.sandbox(kind=kind, image=policy.sandbox.image or params.image)


def _job(folder: Path, settings: LegSettings, start_s: int, timeout_s: int) -> SandboxJob:
    return SandboxJob(
        command=("{python}", "-S", "-B", "/build/in/scripts/make_dists.py", str(start_s)),
        environment=settings.environment,
        inputs=(
            SandboxInput(host=folder / "src", inside="/build/src", writable_copy=True),
            SandboxInput(host=folder / "wheels", inside="/build/in/wheels"),
            SandboxInput(host=SCRIPTS, inside="/build/in/scripts"),
        ),
        collect="/build/out",
        umask=settings.umask,
        limits=SandboxLimits(wall_s=timeout_s),
        fake_time_offset_s=settings.clock_shift_s,
    )


def _collect(ctx: Context, outcome: SandboxOutcome, out: Path, *, epoch_s: int) -> tuple[Artifact, ...]:
    """Judge the job, then check, repack and write its files."""
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    error = failure(ended=outcome.ended, exit_code=outcome.exit_code, log=outcome.log)
    if error is not None:
        if outcome.exit_code == SDIST_UNREADABLE_EXIT:  # our own reader names the cause better than the log does
            for name in names:
                repack(name, (out / name).read_bytes(), epoch_s=epoch_s)
        raise error
    check_output(names)
    folder = "dist" if ctx.leg == "a" else f"{ctx.me}/dist"
    artifacts = []
    for name in names:
        repacked = repack(name, (out / name).read_bytes(), epoch_s=epoch_s)
        ctx.files.write(f"{folder}/{name}", repacked.data)
        artifacts.append(
            Artifact(
                name=name,
                kind="wheel" if name.endswith(".whl") else "sdist",
                size_bytes=len(repacked.data),
                sha256=digest(repacked.data),
                content_digest=repacked.content_digest,
            )
        )
    return tuple(artifacts)


def _facts(
    ctx: Context,
    source: SourceFacts,
    sandbox: Sandbox,
    settings: LegSettings,
    outcome: SandboxOutcome,
    *,
    requirements: tuple[Requirement, ...],
    artifacts: tuple[Artifact, ...],
) -> BuildFacts:
    names = ", ".join(artifact.name for artifact in artifacts)
    built = Check(
        code="build-output",
        verdict=Verdict.PASS,
        subject=ctx.leg,
        message=f"Built {names} from {len(requirements)} locked requirements, without network.",
        evidence=source.lock_digest,
    )
    return BuildFacts(
        leg=ctx.leg,
        artifacts=artifacts,
        sandbox=sandbox.kind,
        image=sandbox.image,
        interpreter=sandbox.interpreter(),
        requirements=requirements,
        lock_digest=source.lock_digest,
        source_date_epoch_s=source.commit_time_s,
        variations=variations(settings, clock_is_shifted=outcome.clock_is_shifted),
        checks=(built, *outcome.probe),
    )


STEP: Final = Step(
    name="build",
    summary="Build sdist and wheel in a sandbox without network, from the tagged commit and the locked requirements.",
    params=Params,
    result=BuildFacts,
    run=run,
    reads=(
        "steps/verify-source/result.json",
        f"steps/verify-source/{LOCK_NAME}",
        "steps/verify-source/policy.json",
    ),
    writes=("{me}/build.log",),
    writes_by_leg={"a": ("dist/*",), "b": ("{me}/dist/*",)},
    network=True,
    runs_project_code=True,
    needs="a clone with the tagged commit; the package index, unless the requirements are in the cache",
    example="tagseal build --leg b --release-dir release",
)
