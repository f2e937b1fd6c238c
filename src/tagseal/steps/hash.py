"""Write SHA256SUMS for every file in dist/.

Does: hashes every file of dist/, compares the digests with what build.a and inspect recorded, writes the sums.
Reads: dist/*, steps/build.a/result.json, steps/inspect/result.json.
Writes: SHA256SUMS, {me}/subjects.b64.
Needs: nothing but the release directory.
Spec: GNU coreutils `sha256sum` text format; `base64-subjects` of the SLSA GitHub Generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.context import Context
from tagseal.core import sums
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact, BuildFacts, InspectFacts, Sum
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.step import NoParams, Step

NOTHING_TO_HASH: Final = Code(
    id="nothing-to-hash",
    exit_code=ExitCode.FAIL,
    why="A release without files would be sealed, and verify, without holding anything.",
    fix="Run `tagseal build` first, with the same --release-dir.",
)
HASH_DIFFERS: Final = Code(
    id="hash-differs-from-build",
    exit_code=ExitCode.FAIL,
    why="The files are not the ones that were built and inspected: something replaced them on the way.",
    fix="Throw the release directory away, find out what changed the files, and run the release again.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The sums as written."""

    sums: tuple[Sum, ...]
    """Sorted by name."""
    checks: tuple[Check, ...]


def compare(found: Mapping[str, str], artifacts: tuple[Artifact, ...], *, by: str) -> Check:
    """Return a PASS when the files in hand (name -> `sha256:<hex>`) are exactly the artifacts that `by` recorded.

    Raises:
        TagsealError: `hash-differs-from-build`.
    """
    recorded = {artifact.name: artifact.sha256 for artifact in artifacts}
    if different := sums.differences(recorded, found):
        raise TagsealError(HASH_DIFFERS, f"dist/ is not what {by} recorded: {'; '.join(different)}.")
    return Check(
        code="hash-as-recorded",
        verdict=Verdict.PASS,
        subject=by,
        message=f"All {len(found)} files have the digests that {by} recorded.",
    )


def run(ctx: Context, _: NoParams) -> Result:
    """Hash dist/*.

    Raises:
        TagsealError: `nothing-to-hash`, `hash-differs-from-build`, `sums-invalid` for an impossible file name.
    """
    names = ctx.files.names("dist")
    if not names:
        raise TagsealError(NOTHING_TO_HASH, "There is no file in dist/.")
    digests = ctx.files.digests([f"dist/{name}" for name in names])
    found = {name: digests[f"dist/{name}"] for name in names}
    checks = (
        compare(found, ctx.result(BuildFacts, "build.a").artifacts, by="build.a"),
        compare(found, ctx.result(InspectFacts, "inspect").artifacts, by="inspect"),
    )
    data = sums.render(found)
    ctx.files.write("SHA256SUMS", data)
    ctx.files.write(f"{ctx.me}/subjects.b64", sums.subjects_b64(data))
    sizes = {name: ctx.files.path(f"dist/{name}").stat().st_size for name in names}
    ctx.progress.say(f"SHA256SUMS: {len(names)} files")
    return Result(
        sums=tuple(Sum(name=name, sha256=found[name], size_bytes=sizes[name]) for name in names), checks=checks
    )


STEP: Final = Step(
    name="hash",
    summary="Write SHA256SUMS for every file in dist/.",
    params=NoParams,
    result=Result,
    run=run,
    reads=("dist/*", "steps/build.a/result.json", "steps/inspect/result.json"),
    writes=("SHA256SUMS", "{me}/subjects.b64"),
    needs="a release directory in which build, compare and inspect have run",
    example="tagseal hash --release-dir release",
)
