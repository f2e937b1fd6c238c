# ruff: noqa: F811 - fixtures are imported, and named again as arguments
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import support_publish
from support_publish import ASSETS, SDIST, TAG, WHEEL, Rig
from support_rig import rig, sigstore, template  # noqa: F401 - fixtures
from tagseal.core.checks import Verdict
from tagseal.core.public_facts import ReleaseFacts
from tagseal.errors import TagsealError
from tagseal.rehearsal.forge_records import Asset, Release
from tagseal.rehearsal.http import Fault
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.steps import publish, verify_release

UPLOAD = "POST /api/uploads/repos/acme/widget/releases/"
EVIDENCE = ["evidence.jsonl", "report.json", "report.md"]


def done(rig: Rig, node: str, params: object = None) -> ReleaseFacts:
    ran = rig.step(node, params) if params is not None else rig.step(node)
    assert ran.error is None, ran.error
    assert ran.verdict is Verdict.PASS
    assert ran.result is not None
    return ran.result  # type: ignore[return-value]  # of `release` wherever the caller looks at it


def refused(rig: Rig, node: str) -> TagsealError:
    try:
        ran = rig.step(node)
    except TagsealError as error:
        return error
    assert ran.error is not None
    return ran.error


def only(rig: Rig) -> Release:
    assert len(rig.forge.releases) == 1
    return next(iter(rig.forge.releases.values()))


def names(rig: Rig) -> list[str]:
    return sorted(asset.name for asset in only(rig).assets)


def up_to_report(rig: Rig) -> None:
    done(rig, "release.draft")
    done(rig, "publish", publish.Params())
    done(rig, "verify-release", verify_release.Params())
    done(rig, "report")


@pytest.mark.promise("R27")
def test_the_draft_holds_every_sealed_file(rig: Rig) -> None:
    facts = done(rig, "release.draft")
    assert facts.is_draft
    assert names(rig) == ASSETS
    assert [entry.name for entry in facts.assets] == ASSETS
    release = only(rig)
    assert (release.is_draft, release.is_prerelease, release.tag, release.name) == (True, False, TAG, TAG)
    for asset in release.assets:
        folder = {WHEEL: "dist/", SDIST: "dist/", "SHA256SUMS": ""}.get(asset.name, "attestations/")
        assert asset.data == (rig.folder / f"{folder}{asset.name}").read_bytes()
    assert "sha256sum --check SHA256SUMS" in release.body
    assert f"--cert-identity {support_publish.BUILDER}" in release.body


def test_a_second_draft_uploads_nothing(rig: Rig) -> None:
    done(rig, "release.draft")
    before = [asset.id for asset in only(rig).assets]
    done(rig, "release.draft")
    assert [asset.id for asset in only(rig).assets] == before


def test_a_cut_off_asset_is_replaced_at_once(rig: Rig) -> None:
    rig.forge.break_uploads(2)
    done(rig, "release.draft")
    assert names(rig) == ASSETS
    assert all(asset.is_complete for asset in only(rig).assets)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(match=UPLOAD, cut=True, after=True),
        Fault(match=UPLOAD, status=502, after=True),
        Fault(match="POST /repos/acme/widget/releases", cut=True, after=True),
        Fault(match="GET /repos/acme/widget/releases", status=503),
    ],
)
def test_a_lost_answer_does_no_harm(rig: Rig, fault: Fault) -> None:
    with rig.forge_server.fault(fault):
        done(rig, "release.draft")
    assert names(rig) == ASSETS


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(match="GET /repos", times=99, status=503), "service-error"),
        (Fault(match="GET /repos", times=99, cut=True), "service-cut-off"),
        (Fault(match="GET /repos", times=99, status=200, body=b"<html>"), "service-nonsense"),
        (Fault(match="GET /repos", times=99, status=200, body=b'[{"tag_name":5}]'), "service-nonsense"),
        (Fault(match=UPLOAD, times=99, status=500), "service-error"),
        (Fault(match="GET /repos", times=99, status=403), "forge-refused"),
    ],
)
def test_a_failing_forge_is_named_and_a_re_run_finishes(rig: Rig, fault: Fault, code: str) -> None:
    with rig.forge_server.fault(fault):
        assert refused(rig, "release.draft").code.id == code
    assert not (rig.folder / "steps/release.draft").exists()
    done(rig, "release.draft")
    assert names(rig) == ASSETS


def test_a_forge_that_is_gone_is_unreachable(rig: Rig) -> None:
    rig.forge_server.stop()
    assert refused(rig, "release.draft").code.id == "service-unreachable"


@pytest.mark.parametrize("token", ["", "not-the-token"])
def test_a_missing_or_wrong_token_is_explained(rig: Rig, token: str) -> None:
    rig.forge_token = token
    rig.connect()
    error = refused(rig, "release.draft")
    assert error.code.id == "forge-refused"
    assert error.exit_code == 2
    assert rig.forge.releases == {}


def test_two_drafts_of_a_tag_are_not_guessed_about(rig: Rig) -> None:
    for _ in range(2):
        rig.adapters.forge._repo.create_git_release(TAG, name=TAG, draft=True, message="")  # type: ignore[attr-defined]
    assert refused(rig, "release.draft").code.id == "several-releases"


def test_a_foreign_file_in_the_draft_stops_the_release(rig: Rig) -> None:
    done(rig, "release.draft")
    plant(rig, "install.sh", b"curl")
    error = refused(rig, "release.draft")
    assert (error.code.id, error.exit_code) == ("release-differs", 1)
    assert "install.sh" in error.what


def test_a_wrong_asset_of_the_draft_is_replaced(rig: Rig) -> None:
    done(rig, "release.draft")
    only(rig).assets[0].data += b"!"
    done(rig, "release.draft")
    assert rig.asset(WHEEL) == (rig.folder / "dist" / WHEEL).read_bytes()


@pytest.mark.promise("R23")
def test_complete_publishes_with_the_evidence(rig: Rig) -> None:
    up_to_report(rig)
    facts = done(rig, "release.complete")
    release = only(rig)
    assert not facts.is_draft
    assert not release.is_draft
    assert rig.forge.store.latest == release.id
    assert names(rig) == sorted([*ASSETS, *EVIDENCE])
    lines = [json.loads(line) for line in rig.asset("evidence.jsonl").splitlines()]
    assert [line["path"] for line in lines][:2] == ["steps/build.a/record.json", "steps/build.a/result.json"]
    assert len(lines) == 24
    for line in lines:
        assert line["sha256"] == f"sha256:{hashlib.sha256(line['content'].encode()).hexdigest()}"
        assert (rig.folder / line["path"]).read_text() == line["content"]


def test_complete_is_finished_by_a_second_run(rig: Rig) -> None:
    up_to_report(rig)
    done(rig, "release.complete")
    facts = done(rig, "release.complete")
    assert [check.code for check in facts.checks] == ["release-published"] + ["evidence-of-earlier-attempt"] * 3
    assert names(rig) == sorted([*ASSETS, *EVIDENCE])


def test_a_lost_answer_to_publishing_does_no_harm(rig: Rig) -> None:
    up_to_report(rig)
    with rig.forge_server.fault(Fault(match="PATCH /repos", cut=True, after=True)):
        assert not done(rig, "release.complete").is_draft


def test_an_immutable_release_is_published_and_read_again(
    template: Path, sigstore: SigstoreServices, tmp_path: Path
) -> None:
    with support_publish.rig(template, tmp_path / "release", sigstore, immutable=True) as rig:
        up_to_report(rig)
        done(rig, "release.complete")
        assert only(rig).is_immutable
        done(rig, "release.draft")  # a re-run of the whole: everything is already there


@pytest.mark.promise("R24")
def test_a_draft_changed_after_its_verification_is_not_published(rig: Rig) -> None:
    up_to_report(rig)
    only(rig).assets[0].data += b"!"
    error = refused(rig, "release.complete")
    assert error.code.id == "release-differs"
    assert only(rig).is_draft


def test_a_draft_that_is_gone_is_missed(rig: Rig) -> None:
    up_to_report(rig)
    rig.forge.store.releases.clear()
    assert refused(rig, "release.complete").code.id == "release-missing"


def test_other_bytes_for_the_public_are_noticed(rig: Rig) -> None:
    up_to_report(rig)
    path = f"GET /acme/widget/releases/download/{TAG}/{SDIST}"
    with rig.forge_server.fault(Fault(match=path, times=9, status=200, body=b"other bytes")):
        error = refused(rig, "release.complete")
    assert (error.code.id, error.exit_code) == ("public-bytes-differ", 1)
    assert SDIST in error.what


class Changelog:
    """A repository whose only file is a changelog."""

    def blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        assert (commit, paths[0]) == (support_publish.COMMIT, "CHANGELOG.md")
        return {"CHANGELOG.md": b"# Changes\n\n## 1.2.3 - today\n\nFaster.\n\n## 1.2.2\n\nSlower.\n"}


def test_the_changelogs_section_is_on_the_page(rig: Rig) -> None:
    rig.adapters.git = Changelog()  # type: ignore[assignment]  # the one method that `release` calls
    done(rig, "release.draft")
    assert only(rig).body.startswith("Faster.\n\n## Verify\n")


def plant(rig: Rig, name: str, data: bytes) -> None:
    release = only(rig)
    asset = release.assets[0]
    release.assets.append(
        Asset(
            id=9_999,
            name=name,
            label="",
            content_type="application/octet-stream",
            created_at=asset.created_at,
            data=data,
            is_complete=True,
        )
    )
