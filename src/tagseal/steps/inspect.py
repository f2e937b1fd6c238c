"""Inspect the files to publish: archives, metadata, index rules, secrets.

Does: reads every archive as a hostile one, checks RECORD, metadata, version, names, tags, size and licence, looks
for secrets, and measures digests; unpacks nothing to disk and runs nothing.
Reads: dist/*, verify-source's result and policy.
Writes: nothing but its result.
Needs: nothing but the release directory.
Spec: core metadata 2.x, binary distribution format, PEP 625, PEP 639; facts of the index's upload checks.
"""

from __future__ import annotations

from typing import Final

from packaging.utils import canonicalize_name

from tagseal.context import Context
from tagseal.core.artifacts import MAX_READ_BYTES, measure
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import InspectFacts, SourceFacts
from tagseal.core.inspection import Inspected, check_release, inspect_file
from tagseal.core.policy import parse_policy
from tagseal.core.secret_scan import SECRET_IN_ARTIFACT
from tagseal.core.waivers import apply_waivers
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.secret import mask
from tagseal.step import NoParams, Step

NOTHING_TO_INSPECT: Final = Code(
    id="nothing-to-inspect",
    exit_code=ExitCode.FAIL,
    why="A release without files must not pass because nothing in it was wrong.",
    fix="Run `tagseal build` first, with the same --release-dir.",
)

WAIVABLE: Final = frozenset({SECRET_IN_ARTIFACT.id, "description-type", "license-expression"})
"""Findings a project may answer for itself (a test's made-up key looks like a real one); the others are facts."""


def run(ctx: Context, _: NoParams) -> InspectFacts:
    """Inspect dist/*; what is wrong with a file is a check, what cannot be read at all an error.

    Raises:
        TagsealError: `nothing-to-inspect`, `artifact-name-invalid`, any `archive-*` code, `wheel-layout`,
            `wheel-record-untrue`, `metadata-invalid`.
    """
    version = ctx.result(SourceFacts, "verify-source").version
    names = ctx.files.names("dist")
    if not names:
        raise TagsealError(NOTHING_TO_INSPECT, "There is no file in dist/.")
    files: list[Inspected] = []
    checks: list[Check] = []
    for name in names:
        artifact, members = measure(name, ctx.files.read(f"dist/{name}", max_bytes=MAX_READ_BYTES))
        inspected, found = inspect_file(artifact, members, version=version, holds_known=_holds_known)
        files.append(inspected)
        checks += found
    checks += check_release(tuple(files))
    waivers = parse_policy(ctx.files.read("steps/verify-source/policy.json")).waivers
    checks = list(apply_waivers(checks, waivers, waivable=WAIVABLE, now=ctx.adapters.clock.now()))
    failed = sum(check.verdict is Verdict.FAIL for check in checks)
    ctx.progress.say(f"inspect: {len(files)} files, {failed} findings")
    return InspectFacts(
        package=canonicalize_name(files[0].metadata.name),
        artifacts=tuple(file.artifact for file in files),
        checks=tuple(checks),
    )


def _holds_known(text: str) -> bool:
    """Tell whether `text` has one of this process's own secrets in it."""
    return mask(text) != text


STEP: Final = Step(
    name="inspect",
    summary="Inspect the built files: archive safety, metadata, version, index rules, secrets.",
    params=NoParams,
    result=InspectFacts,
    run=run,
    reads=("dist/*", "steps/verify-source/result.json", "steps/verify-source/policy.json"),
    needs="a release directory in which the build has run",
    example="tagseal inspect --release-dir release",
)
