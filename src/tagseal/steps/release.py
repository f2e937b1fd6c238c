"""Draft the release on the forge with every sealed file, and later publish it with its evidence.

Does:    leg draft: creates or resumes a draft, uploads what is missing, reads every digest back
         leg complete: adds the evidence, publishes, downloads everything again as the public and compares
Reads:   dist/*, attestations/*, SHA256SUMS, results and records of the steps before, report.md, report.json
Writes:  leg complete: evidence.jsonl in its own folder; on the forge: the release and its assets
Needs:   a token with contents: write; the network
Spec:    GitHub REST API, releases; immutable releases want every asset before the draft is published
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tagseal.context import Context
from tagseal.core import evidence, sums
from tagseal.core.checks import Check
from tagseal.core.facts import SourceFacts, Sum
from tagseal.core.notes import CHANGELOGS, changelog_section, notes
from tagseal.core.public_facts import ReleaseFacts
from tagseal.core.release_checks import PUBLISHED, drafted, earlier_evidence, published, step_files
from tagseal.core.release_plan import EVIDENCE, Present, check_same, is_latest, plan_draft
from tagseal.core.sealed import SUMS, SUMS_BUNDLE, check_set
from tagseal.core.verify_commands import commands
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import ForgeAsset, ForgeRelease
from tagseal.step import NoParams, Step

DOWNLOAD_ATTEMPTS: Final = 6

RELEASE_MISSING: Final = Code(
    id="release-missing",
    exit_code=ExitCode.FAIL,
    why="The draft that was verified is gone, so there is nothing to publish.",
    fix="Run `tagseal release --leg draft` again, then the steps after it.",
)
PUBLIC_BYTES_DIFFER: Final = Code(
    id="public-bytes-differ",
    exit_code=ExitCode.FAIL,
    why="The release page hands out other bytes than this release sealed.",
    fix="Warn the users, delete the release, and find out what changed the files; raise the version.",
)


def present(release: ForgeRelease) -> tuple[Present, ...]:
    """Return the release's assets as the rules in core see them."""
    return tuple(Present(name=a.name, sha256=a.sha256, is_complete=a.is_complete) for a in release.assets)


def run(ctx: Context, _: NoParams) -> ReleaseFacts:
    """Run the leg `draft` or `complete`.

    Raises:
        TagsealError: `not-sealed`, `release-differs`, `release-missing`, `public-bytes-differ`,
            `several-releases`, `forge-refused`, `bundle-invalid`, `signer-mismatch`, `service-*`.
    """
    return _complete(ctx) if ctx.leg == "complete" else _draft(ctx)


def _draft(ctx: Context) -> ReleaseFacts:
    source = ctx.result(SourceFacts, "verify-source")
    paths = _sealed_paths(ctx)
    certificate = ctx.adapters.verifier.file(
        ctx.files.read(f"attestations/{SUMS_BUNDLE}"),
        ctx.files.digests([SUMS])[SUMS],
        ctx.adapters.trust.signer_of(source),
    )
    wanted = _sums(ctx, paths)
    release = ctx.adapters.forge.release(source.tag)
    if release is None:
        release = ctx.adapters.forge.create_draft(
            tag=source.tag,
            commit=source.commit,
            title=source.tag,
            notes=_notes(ctx, source, certificate.san),
            prerelease=source.release_type in {"pre", "dev"},
        )
    if release.is_draft:
        _fill(ctx, release, wanted, {Path(path).name: ctx.files.path(path) for path in paths})
        release = _again(ctx, source)
    where = "draft" if release.is_draft else "published release"
    check_same(wanted, present(release), where=where, allowed=EVIDENCE)
    ctx.progress.say(f"{release.url}: {len(wanted)} files, {where}")
    check = drafted(release.tag, release.url, count=len(wanted), is_draft=release.is_draft)
    return ReleaseFacts(url=release.url, is_draft=release.is_draft, assets=wanted, checks=(check,))


def _complete(ctx: Context) -> ReleaseFacts:
    source = ctx.result(SourceFacts, "verify-source")
    sealed = ctx.result(ReleaseFacts, "release.draft").assets
    paths = {name: ctx.files.path(name) for name in ("report.md", "report.json")}
    paths["evidence.jsonl"] = ctx.files.output(f"{ctx.me}/evidence.jsonl")
    files = {path: ctx.files.read(path) for path in _EVIDENCE_FILES}
    ctx.files.write(f"{ctx.me}/evidence.jsonl", evidence.dump(files))
    added = tuple(_sum_of(path) for path in paths.values())
    release = _again(ctx, source)
    checks: tuple[Check, ...] = ()
    if release.is_draft:
        release = _publish(ctx, source, (*sealed, *added), paths)
    else:
        check_same(sealed, present(release), where="published release", allowed=EVIDENCE)
        checks = earlier_evidence({asset.name: asset.sha256 for asset in release.assets}, added)
    _compare_public(ctx, release, {entry.name: entry.sha256 for entry in sealed})
    ctx.progress.say(f"{release.url}: published")
    assets = sorted(release.assets, key=lambda asset: asset.name)
    return ReleaseFacts(
        url=release.url,
        is_draft=release.is_draft,
        assets=tuple(Sum(name=a.name, sha256=a.sha256, size_bytes=a.size_bytes) for a in assets),
        checks=(published(release.tag, release.url), *checks),
    )


def _publish(ctx: Context, source: SourceFacts, wanted: tuple[Sum, ...], added: Mapping[str, Path]) -> ForgeRelease:
    """Add the evidence to the draft and publish it, when all else in it is what was drafted."""
    draft = _again(ctx, source)
    check_same((s for s in wanted if s.name not in added), present(draft), where="draft", allowed=EVIDENCE)
    _fill(ctx, draft, wanted, added)
    draft = _again(ctx, source)
    check_same(wanted, present(draft), where="draft")
    latest = is_latest(source.version, ctx.adapters.forge.published_tags())
    release = ctx.adapters.forge.publish(draft, make_latest=latest)
    check_same(wanted, present(release), where="published release")
    return release


def _sealed_paths(ctx: Context) -> tuple[str, ...]:
    """Return the paths of all files of the release after checking that they are the sealed set."""
    names, signed = ctx.files.names("dist"), ctx.files.names("attestations")
    digests = ctx.files.digests([f"dist/{name}" for name in names])
    listed = sums.parse(ctx.files.read(SUMS))
    entries = [Sum(name=name, sha256=digest, size_bytes=0) for name, digest in listed.items()]
    check_set(entries, {name: digests[f"dist/{name}"] for name in names}, signed)
    return (*(f"dist/{name}" for name in names), *(f"attestations/{name}" for name in signed), SUMS)


def _sums(ctx: Context, paths: Iterable[str]) -> tuple[Sum, ...]:
    found = ctx.files.digests(list(paths))
    return tuple(
        Sum(name=Path(path).name, sha256=digest, size_bytes=ctx.files.path(path).stat().st_size)
        for path, digest in sorted(found.items(), key=lambda item: Path(item[0]).name)
    )


def _sum_of(path: Path) -> Sum:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Sum(name=path.name, sha256=f"sha256:{digest}", size_bytes=path.stat().st_size)


def _notes(ctx: Context, source: SourceFacts, builder_id: str) -> str:
    """Return the page's text; a checkout is not needed, only the changelog's section is left out without one."""
    try:
        texts = ctx.adapters.git.blobs(source.commit, CHANGELOGS)
    except TagsealError:
        texts = {}
    section = next((texts[path] for path in CHANGELOGS if path in texts), b"").decode("utf-8", "replace")
    names = sums.parse(ctx.files.read(SUMS))
    shown = commands(names, source, builder_id=builder_id)
    return notes(changelog_section(section, source.version), shown)


def _fill(ctx: Context, release: ForgeRelease, wanted: Iterable[Sum], paths: Mapping[str, Path]) -> None:
    """Upload what the draft lacks; an asset that was cut off or is wrong is replaced."""
    todo = plan_draft(wanted, present(release))
    there = {asset.name: asset for asset in release.assets}
    for name in todo.delete_first:
        ctx.adapters.forge.delete_asset(there[name])
    for name in todo.upload:
        asset = ctx.adapters.forge.upload_asset(release, paths[name])
        ctx.progress.say(f"{asset.name}: uploaded to the draft")


def _again(ctx: Context, source: SourceFacts) -> ForgeRelease:
    release = ctx.adapters.forge.release(source.tag)
    if release is None:
        raise TagsealError(RELEASE_MISSING, f"The forge has no release or draft for {source.tag}.")
    return release


def _compare_public(ctx: Context, release: ForgeRelease, sealed: Mapping[str, str]) -> None:
    """Download every asset without a token and compare: with the sealed digest, or the one just read back."""
    with tempfile.TemporaryDirectory(prefix="tagseal-public-") as folder:
        for asset in release.assets:
            path = Path(folder) / "asset"
            _download(ctx, asset, path)
            found, expected = _sum_of(path).sha256, sealed.get(asset.name, asset.sha256)
            if found != expected:
                raise TagsealError(PUBLIC_BYTES_DIFFER, f"{asset.name} is {found} for the public, not {expected}.")


def _download(ctx: Context, asset: ForgeAsset, dest: Path) -> None:
    for attempt in range(DOWNLOAD_ATTEMPTS):
        try:
            return ctx.adapters.forge.download_asset(asset, dest, as_public=True)
        except TagsealError as error:
            if not error.code.id.startswith("service-") or attempt == DOWNLOAD_ATTEMPTS - 1:
                raise
        ctx.adapters.clock.sleep(2.0**attempt)  # a fresh release takes a moment to be public
    return None


_EVIDENCE_FILES: Final = step_files((*PUBLISHED, "report"))

STEP: Final = Step(
    name="release",
    summary="Draft and publish the release on the forge with all evidence.",
    params=NoParams,
    result=ReleaseFacts,
    run=run,
    reads=("dist/*", "attestations/*", "SHA256SUMS", "report.md", "report.json", *_EVIDENCE_FILES),
    writes_by_leg={"complete": ("{me}/evidence.jsonl",)},
    permissions={"contents: write": "to create the draft, upload its assets and publish it"},
    network=True,
    needs="the sealed release directory and a token with contents: write; `complete` needs all steps before it",
    example="tagseal release --leg draft --release-dir release",
)
