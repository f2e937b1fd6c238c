# ruff: noqa: F811 - fixtures are imported, and named again as arguments
from __future__ import annotations

import json
from dataclasses import replace

import pytest

import support_dists
import support_publish
from support_publish import API_TOKEN, BUILDER, SDIST, SEAL_DIGEST, SOURCE, WHEEL, Rig
from support_rig import rig, sigstore, template  # noqa: F401 - fixtures
from tagseal.adapters.files import sha256_of
from tagseal.core import canonical, record
from tagseal.core.checks import Check, Verdict
from tagseal.core.public_facts import VerifyFacts
from tagseal.errors import TagsealError
from tagseal.rehearsal.http import Fault
from tagseal.secret import Secret
from tagseal.steps import publish
from tagseal.steps.verify_release import Params


@pytest.fixture(autouse=True)
def published(rig: Rig) -> None:
    assert rig.step("release.draft").error is None
    assert rig.step("publish", publish.Params()).error is None


def verify(rig: Rig) -> VerifyFacts:
    done = rig.step("verify-release", Params(wait_s=60, poll_s=10))
    assert isinstance(done.result, VerifyFacts), done.error
    return done.result


def failures(facts: VerifyFacts) -> list[tuple[str, str]]:
    return [(check.code, check.subject) for check in facts.checks if check.verdict is Verdict.FAIL]


def one(facts: VerifyFacts, code: str) -> Check:
    found = [check for check in facts.checks if check.code == code]
    assert found
    return found[0]


@pytest.mark.promise("R10")
@pytest.mark.promise("R24")
@pytest.mark.promise("R27")
def test_a_true_release_passes(rig: Rig) -> None:
    facts = verify(rig)
    assert {check.verdict for check in facts.checks} == {Verdict.PASS}
    assert [entry.name for entry in facts.files] == [WHEEL, SDIST]
    assert (facts.builder_id, facts.builder_digest) == (BUILDER, SEAL_DIGEST)
    assert [c.subject for c in facts.checks if c.code == "index-provenance"] == [WHEEL, SDIST]


@pytest.mark.promise("R10")
@pytest.mark.promise("R24")
def test_other_bytes_on_the_forge_fail(rig: Rig) -> None:
    asset = next(a for r in rig.forge.releases.values() for a in r.assets if a.name == SDIST)
    asset.data += b"!"
    facts = verify(rig)
    assert failures(facts) == [("channels-differ", SDIST)]
    assert [entry.name for entry in facts.files] == [WHEEL]


@pytest.mark.promise("R10")
@pytest.mark.promise("R24")
def test_other_bytes_on_the_index_fail_at_once(rig: Rig) -> None:
    file = rig.index.files[WHEEL]
    rig.index.files[WHEEL] = replace(file, digests=replace(file.digests, sha256="0" * 64))
    facts = verify(rig)
    assert ("channels-differ", WHEEL) in failures(facts)
    assert rig.adapters.quick.slept == []


def test_an_index_that_hands_out_other_bytes_than_it_lists_is_caught(rig: Rig) -> None:
    rig.index.files[WHEEL] = replace(rig.index.files[WHEEL], data=b"other bytes")
    done = rig.step("verify-release", Params(wait_s=0))
    assert done.error is not None
    assert done.error.code.id == "index-bytes-differ"


def test_a_file_too_many_on_the_index_fails(rig: Rig) -> None:
    path = rig.folder.parent / "tinyproj-1.2.3-py2.py3-none-any.whl"
    path.write_bytes(support_dists.wheel_bytes("tinyproj", "1.2.3", tag="py2.py3-none-any"))
    rig.adapters.index.upload(path, [], Secret(API_TOKEN))
    facts = verify(rig)
    assert failures(facts) == [("channels-differ", path.name)]


def test_a_file_that_stays_away_is_waited_for_and_then_named(rig: Rig) -> None:
    del rig.index.files[SDIST]
    with pytest.raises(TagsealError) as caught:
        verify(rig)
    assert (caught.value.code.id, caught.value.exit_code) == ("not-public-yet", 3)
    assert SDIST in caught.value.what
    assert rig.adapters.quick.slept == [10] * 6


@pytest.mark.promise("R27")
def test_missing_attestations_on_the_index_are_not_passed_over(rig: Rig) -> None:
    rig.index.files[SDIST] = replace(rig.index.files[SDIST], provenance=None)
    with pytest.raises(TagsealError) as caught:
        verify(rig)
    assert caught.value.code.id == "not-public-yet"


@pytest.mark.promise("R27")
def test_a_provenance_object_without_attestations_fails(rig: Rig) -> None:
    body = json.dumps({"version": 1, "attestation_bundles": []}).encode()
    with rig.index_server.fault(Fault(match="GET /integrity/", status=200, body=body, times=9)):
        facts = verify(rig)
    assert failures(facts) == [("provenance-object-invalid", WHEEL), ("provenance-object-invalid", SDIST)]


@pytest.mark.promise("R7")
def test_an_asset_that_lacks_or_is_a_wrong_signature_fails(rig: Rig) -> None:
    release = next(iter(rig.forge.releases.values()))
    wrong = rig.asset(f"{WHEEL}.sigstore.json")
    for asset in list(release.assets):
        if asset.name == f"{SDIST}.sigstore.json":
            asset.data = wrong
        if asset.name == f"{WHEEL}.intoto.jsonl":
            release.assets.remove(asset)
    assert failures(verify(rig)) == [
        ("channels-differ", f"{WHEEL}.intoto.jsonl"),
        ("channels-differ", f"{WHEEL}.intoto.jsonl"),
        ("bundle-invalid", SDIST),
    ]


@pytest.mark.promise("R6")
def test_a_signature_by_another_workflow_fails_and_nothing_is_verified(rig: Rig) -> None:
    rig.builder_digest = "e" * 40
    rig.connect()
    facts = verify(rig)
    assert failures(facts) == [("signer-mismatch", "SHA256SUMS"), ("nothing-verified", "v1.2.3")]
    assert facts.builder_id == ""


def test_without_a_named_commit_the_builder_is_unknown(rig: Rig) -> None:
    rig.builder_digest = rig.builder_san = ""
    rig.connect()
    facts = verify(rig)
    assert failures(facts) == []
    assert one(facts, "builder").verdict is Verdict.PASS
    assert one(facts, "builder-commit").verdict is Verdict.UNKNOWN
    assert one(facts, "builder-commit").evidence == SEAL_DIGEST


@pytest.mark.promise("R12")
def test_a_provenance_of_another_source_fails(rig: Rig) -> None:
    facts = support_publish.altered(SOURCE, lock_digest="sha256:" + "9" * 64)
    rewrite_source(rig, canonical.dump(record.with_schema("https://example.test/verify-source", facts)))
    found = verify(rig)
    assert {code for code, _ in failures(found)} == {"provenance-differs"}
    assert len(failures(found)) == 7
    assert "lock.digest.sha256" in one(found, "provenance-differs").message


def test_files_published_with_an_api_token_have_no_attestations_to_verify(rig: Rig) -> None:
    rig.index.files.clear()
    done = rig.step("publish", publish.Params(api_token=Secret(API_TOKEN)))
    assert done.error is None
    facts = verify(rig)
    assert failures(facts) == []
    assert one(facts, "index-provenance").verdict is Verdict.NOT_APPLICABLE


def test_no_release_on_the_forge_is_not_public_yet(rig: Rig) -> None:
    rig.forge.releases.clear()
    with pytest.raises(TagsealError) as caught:
        verify(rig)
    assert caught.value.code.id == "not-public-yet"


def rewrite_source(rig: Rig, result: bytes) -> None:
    """Change the source facts and make all records true again, the published state staying as it is."""
    results: dict[str, object] = {
        node: (rig.folder / f"steps/{node}/result.json").read_bytes() for node in support_publish.SEALED
    }
    results["verify-source"] = result
    support_publish.write_records(rig.folder, results)
    for node in ("release.draft", "publish"):
        path = rig.folder / f"steps/{node}/record.json"
        entry = record.parse(path.read_bytes())
        before = {name: sha256_of(rig.folder / f"steps/{name}/record.json") for name in entry.predecessors}
        path.write_bytes(record.dump(replace(entry, predecessors=before)))
