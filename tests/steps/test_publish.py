# ruff: noqa: F811 - fixtures are imported, and named again as arguments
from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

import support_dists
import support_publish
from support_publish import API_TOKEN, CALLER, SDIST, VERSION, WHEEL, Rig
from support_rig import rig, sigstore, template  # noqa: F401 - fixtures
from tagseal.adapters.index import WarehouseIndex
from tagseal.core.checks import Verdict
from tagseal.core.public_facts import PublishFacts
from tagseal.errors import TagsealError
from tagseal.rehearsal.http import Fault
from tagseal.secret import Secret
from tagseal.steps.publish import Params

UPLOADS = [("upload", WHEEL), ("upload", SDIST)]


@pytest.fixture(autouse=True)
def drafted(rig: Rig) -> None:
    assert rig.step("release.draft").verdict is Verdict.PASS


def publish(rig: Rig, params: Params | None = None) -> PublishFacts:
    done = rig.step("publish", params or Params())
    assert done.error is None
    assert isinstance(done.result, PublishFacts)
    return done.result


def refused(rig: Rig, params: Params | None = None) -> TagsealError:
    """The error of a publish that must not succeed, whether it was raised or recorded."""
    try:
        done = rig.step("publish", params or Params())
    except TagsealError as error:
        return error
    assert done.error is not None
    return done.error


def sent(rig: Rig) -> list[tuple[str, str]]:
    return [entry for entry in rig.index.log if entry[0] in {"upload", "duplicate"}]


@pytest.mark.promise("R26")
@pytest.mark.promise("R27")
def test_everything_is_uploaded_with_attestations_and_the_token_is_burnt(rig: Rig) -> None:
    facts = publish(rig)
    assert [(r.name, r.action, r.attestations) for r in facts.receipts] == [
        (WHEEL, "uploaded", 2),
        (SDIST, "uploaded", 2),
    ]
    assert sent(rig) == UPLOADS
    assert rig.index.log[-1] == ("burn", "")
    assert rig.index.tokens == {}
    for name in (WHEEL, SDIST):
        assert rig.index.files[name].data == (rig.folder / "dist" / name).read_bytes()
    assert json.loads((rig.folder / "steps/publish/result.json").read_bytes())["index"] == "rehearsal"


def test_a_second_run_finds_the_same_bytes_and_mints_nothing(rig: Rig) -> None:
    publish(rig)
    facts = publish(rig)
    assert [(r.name, r.action, r.attestations) for r in facts.receipts] == [
        (WHEEL, "already-there", 2),
        (SDIST, "already-there", 2),
    ]
    assert sent(rig) == UPLOADS
    assert [entry[0] for entry in rig.index.log].count("mint") == 1


def test_other_bytes_on_the_index_stop_before_anything_is_uploaded(rig: Rig) -> None:
    other = support_dists.sdist_bytes(support_publish.PROJECT, VERSION, text="X = 2\n")
    put(rig, SDIST, other)
    before = list(rig.index.log)
    error = refused(rig)
    assert error.code.id == "file-exists-with-other-bytes"
    assert error.exit_code == 1
    mine = (rig.folder / "dist" / SDIST).read_bytes()
    assert sha256(mine) in error.what
    assert sha256(other) in error.what
    assert rig.index.log == before
    assert WHEEL not in rig.index.files


def test_an_upload_whose_answer_is_lost_is_not_done_twice(rig: Rig) -> None:
    with rig.index_server.fault(Fault(match="POST /legacy/", cut=True, after=True)):
        facts = publish(rig)
    assert [r.action for r in facts.receipts] == ["uploaded", "uploaded"]
    assert sent(rig) == [("upload", WHEEL), ("duplicate", WHEEL), ("upload", SDIST)]
    assert [r.attestations for r in facts.receipts] == [2, 2]


def test_a_cut_run_is_finished_by_the_next_one(rig: Rig) -> None:
    with rig.index_server.fault(Fault(match="POST /legacy/", times=99, status=503, after=True)):
        error = refused(rig)
    assert (error.code.id, error.exit_code) == ("service-error", 3)
    assert list(rig.index.files) == [WHEEL]
    assert not (rig.folder / "steps/publish").exists()
    facts = publish(rig)
    assert [(r.name, r.action) for r in facts.receipts] == [(WHEEL, "already-there"), (SDIST, "uploaded")]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(match="GET /simple/", times=99, status=503), "service-error"),
        (Fault(match="GET /simple/", times=99, status=200, body=b"<html>login</html>"), "service-nonsense"),
        (Fault(match="GET /simple/", times=99, status=200, body=b'{"files":[{"filename":"x"}]}'), "service-nonsense"),
        (Fault(match="GET /simple/", times=99, cut=True), "service-cut-off"),
        (Fault(match="GET /_/oidc/audience", times=99, status=404), "trusted-publishing-not-enabled"),
        (Fault(match="POST /_/oidc/mint-token", times=99, status=500), "service-error"),
        (Fault(match="POST /_/oidc/mint-token", times=99, status=200, body=b"{}"), "service-nonsense"),
        (Fault(match="POST /legacy/", times=99, cut=True), "service-cut-off"),
    ],
)
def test_a_failing_index_is_named_and_nothing_is_left_behind(rig: Rig, fault: Fault, code: str) -> None:
    with rig.index_server.fault(fault):
        error = refused(rig)
    assert error.code.id == code
    assert rig.index.files == {}
    assert not (rig.folder / "steps/publish").exists()
    assert publish(rig).receipts


def test_a_lost_mint_is_repeated_with_a_fresh_identity_token(rig: Rig) -> None:
    with rig.index_server.fault(Fault(match="POST /_/oidc/mint-token", status=502, after=True)):
        publish(rig)
    assert [entry[0] for entry in rig.index.log].count("mint") == 2


def test_an_expired_upload_token_is_replaced_in_the_middle(rig: Rig) -> None:
    body = b'{"message":"Access was denied","code":"403 Invalid API Token: token is expired"}'
    with rig.index_server.fault(Fault(match="POST /legacy/", status=403, body=body)):
        facts = publish(rig)
    assert [r.attestations for r in facts.receipts] == [2, 2]
    assert [entry[0] for entry in rig.index.log] == ["mint", "burn", "mint", "upload", "upload", "burn"]


def test_an_index_that_is_gone_is_unreachable(rig: Rig) -> None:
    rig.index_server.stop()
    assert refused(rig).code.id == "service-unreachable"


def test_a_foreign_workflow_is_told_which_setting_to_change(rig: Rig) -> None:
    rig.job = replace(CALLER, workflow_path=".github/workflows/other.yml", environment="pypi")
    rig.connect()
    error = refused(rig)
    assert error.code.id == "publisher-refused"
    assert "job_workflow_ref     acme/widget/.github/workflows/other.yml@refs/tags/v1.2.3" in error.what
    assert error.fix == (
        "On the index open the project's publishing settings and add a GitHub publisher with owner acme, "
        "repository widget, workflow other.yml, environment pypi."
    )
    assert rig.index.files == {}


def test_a_reusable_workflow_of_another_repository_is_explained(rig: Rig) -> None:
    rig.job = CALLER.in_seal(version="0.1.0", commit="b" * 40)
    rig.connect()
    error = refused(rig)
    assert error.code.id == "publisher-refused"
    assert error.fix.startswith("Write the publishing job into a workflow of acme/widget itself")


@pytest.mark.promise("R26")
def test_an_api_token_uploads_without_attestations(rig: Rig) -> None:
    facts = publish(rig, Params(api_token=Secret(API_TOKEN)))
    assert [(r.action, r.attestations) for r in facts.receipts] == [("uploaded", 0), ("uploaded", 0)]
    assert [entry[0] for entry in rig.index.log if entry[0] == "mint"] == []
    everything = b"".join(path.read_bytes() for path in sorted(rig.folder.rglob("*")) if path.is_file())
    assert API_TOKEN.encode() not in everything


@pytest.mark.promise("R27")
def test_a_file_that_was_there_without_attestations_is_not_a_pass(rig: Rig) -> None:
    publish(rig, Params(api_token=Secret(API_TOKEN)))
    done = rig.step("publish", Params())
    assert done.verdict is Verdict.UNKNOWN
    assert isinstance(done.result, PublishFacts)
    assert [r.attestations for r in done.result.receipts] == [0, 0]


@pytest.mark.promise("R26")
def test_a_wrong_api_token_is_refused(rig: Rig) -> None:
    error = refused(rig, Params(api_token=Secret("pypi-not-the-right-one")))
    assert error.code.id == "upload-not-allowed"
    assert "pypi-not-the-right-one" not in " ".join(error.lines())
    assert rig.index.files == {}


@pytest.mark.promise("R24")
def test_a_file_that_was_not_sealed_is_never_sent(rig: Rig) -> None:
    (rig.folder / "dist/tinyproj-1.2.3-py3-none-linux_x86_64.whl").write_bytes(b"smuggled")
    error = refused(rig)
    assert error.code.id == "release-file-added"
    assert rig.index.log == []


@pytest.mark.parametrize("name", [f"{WHEEL}.slsa.attestation", f"{SDIST}.publish.attestation"])
def test_an_attestation_of_another_file_is_not_sealed(rig: Rig, name: str) -> None:
    other = f"{SDIST}.slsa.attestation" if name.startswith(WHEEL) else f"{WHEEL}.publish.attestation"
    (rig.folder / "attestations" / name).write_bytes((rig.folder / "attestations" / other).read_bytes())
    rewrite_records(rig.folder)
    rig.forge.store.releases.clear()
    assert rig.step("release.draft").error is None  # the draft checks the sums; publish checks each attestation
    error = refused(rig)
    assert error.code.id == "not-sealed"
    assert rig.index.log == []


def test_a_sealed_set_with_a_file_too_many_is_not_sealed(rig: Rig) -> None:
    (rig.folder / "attestations/extra.sigstore.json").write_bytes(b"{}")
    rewrite_records(rig.folder)
    done = rig.step("release.draft")
    assert done.error is not None
    assert done.error.code.id == "not-sealed"


def test_a_signature_by_another_workflow_is_refused_before_a_token_is_minted(rig: Rig) -> None:
    rig.builder_san = "https://github.com/tagseal/tagseal/.github/workflows/seal.yml@refs/tags/v9.9.9"
    rig.connect()
    error = refused(rig)
    assert error.code.id == "signer-mismatch"
    assert rig.index.log == []


def put(rig: Rig, name: str, data: bytes) -> None:
    """Upload a file of somebody else's with an account token."""
    path = rig.folder.parent / "other" / name
    path.parent.mkdir()
    path.write_bytes(data)
    index = WarehouseIndex(rig.adapters.config.index, clock=rig.adapters.clock)
    index.upload(path, [], Secret(API_TOKEN))


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def rewrite_records(folder: Path) -> None:
    """Make the records true again after the files were changed, as an attacker with the whole directory would."""
    results = {}
    for node in support_publish.SEALED:
        results[node] = (folder / f"steps/{node}/result.json").read_bytes()
    support_publish.write_records(folder, results)
