from __future__ import annotations

import base64
import json

import pytest

from tagseal.core import mint_refusal, upload_refusal
from tagseal.core.facts import Sum
from tagseal.core.publish_plan import Listed, plan
from tagseal.core.sealed import check_set, check_statement, signed_names
from tagseal.core.statement import PUBLISH, Statement, Subject
from tagseal.errors import TagsealError

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def one(name: str, sha256: str = A) -> Sum:
    return Sum(name=name, sha256=sha256, size_bytes=1)


def test_wheels_go_before_the_sdist() -> None:
    planned = plan([one("x-1.tar.gz"), one("x-1-py3-none-any.whl"), one("x-1-cp313-abi3-any.whl")], [])
    assert [file.name for file in planned] == ["x-1-cp313-abi3-any.whl", "x-1-py3-none-any.whl", "x-1.tar.gz"]
    assert {file.action for file in planned} == {"uploaded"}


def test_same_bytes_are_done_and_other_bytes_refused_with_both_digests() -> None:
    listed = [Listed(name="x-1.tar.gz", sha256=A, url="https://example.test/x")]
    (done,) = plan([one("x-1.tar.gz")], listed)
    assert (done.action, done.url) == ("already-there", "https://example.test/x")
    with pytest.raises(TagsealError) as caught:
        plan([one("x-1.tar.gz", B), one("x-1.whl")], listed)
    assert caught.value.code.id == "file-exists-with-other-bytes"
    assert A in caught.value.what
    assert B in caught.value.what


@pytest.mark.parametrize(
    ("dist", "missing", "extra", "says"),
    [
        ({"x.whl": B}, "", "", f"dist/x.whl is {B}"),
        ({}, "", "", "SHA256SUMS names x.whl"),
        ({"x.whl": A, "y.whl": A}, "", "", "dist/y.whl is not in SHA256SUMS"),
        ({"x.whl": A}, "x.whl.slsa.attestation", "", "attestations/x.whl.slsa.attestation is missing"),
        ({"x.whl": A}, "", "z.sigstore.json", "attestations/z.sigstore.json belongs to no file"),
    ],
)
def test_what_is_not_sealed_is_named(dist: dict[str, str], missing: str, extra: str, says: str) -> None:
    signed = {*(signed_names(["x.whl"]) - {missing}), *([extra] if extra else [])}
    with pytest.raises(TagsealError) as caught:
        check_set([one("x.whl")], dist, signed)
    assert caught.value.code.id == "not-sealed"
    assert says in caught.value.what


def test_an_empty_set_is_not_sealed() -> None:
    with pytest.raises(TagsealError, match="SHA256SUMS names no file"):
        check_set([], {}, signed_names([]))


def test_a_statement_of_another_type_or_file_is_not_sealed() -> None:
    statement = Statement(subjects=(Subject(name="x", sha256=A),), predicate_type="other", predicate=None)
    for name, kind in (("x", PUBLISH), ("y", "other")):
        with pytest.raises(TagsealError) as caught:
            check_statement("f", statement, name=name, sha256=A, predicate_type=kind)
        assert caught.value.code.id == "not-sealed"


@pytest.mark.parametrize(
    ("status", "reason", "code", "fix"),
    [
        (
            400,
            "File already exists ('x', with blake2_256 hash 'y').",
            "file-exists-with-other-bytes",
            "Raise the version",
        ),
        (400, "Only one sdist may be uploaded per release.", "upload-refused", "The release has an sdist already"),
        (
            400,
            "Uploading new files to releases older than 14 days is not allowed.",
            "upload-refused",
            "raise the version",
        ),
        (403, "Invalid API Token: token is expired", "upload-token-expired", "Run the step again"),
        (403, "Invalid or non-existent authentication information.", "upload-not-allowed", "Use Trusted Publishing"),
        (
            400,
            "This filename was previously used by a file that has since been deleted.",
            "upload-refused",
            "Raise the",
        ),
        (308, "", "upload-refused", "Mend what the index names"),
    ],
)
def test_refused_uploads_say_what_to_do(status: int, reason: str, code: str, fix: str) -> None:
    error = upload_refusal.explain("x.whl", status, reason)
    assert error.code.id == code
    assert fix in error.fix


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("invalid-reuse-token", "token-reused"),
        ("not-enabled", "trusted-publishing-not-enabled"),
        ("invalid-publisher", "publisher-refused"),
        ("invalid-pending-publisher", "publisher-refused"),
        ("invalid-token", "identity-not-accepted"),
    ],
)
def test_refused_exchanges_are_told_apart(code: str, expected: str) -> None:
    reasons = mint_refusal.refusals({"errors": [{"code": code, "description": "because"}]})
    assert mint_refusal.explain(reasons, {}).code.id == expected


def test_claims_are_shown_bounded_and_printable() -> None:
    claims = {"repository": "acme/widget", "ref": "a\nb", "environment": "x" * 999, "secret": "never"}
    token = f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"
    shown = mint_refusal.claims_of(token)
    assert dict(shown) == {"repository": "acme/widget", "ref": "a b", "environment": "x" * 200 + " …"}
    assert mint_refusal.claims_of("no token") == {}
    assert mint_refusal.claims_of("a.!!.c") == {}


def test_a_pull_request_target_is_explained() -> None:
    reasons = (mint_refusal.MintRefusal(code="invalid-publisher", description=""),)
    error = mint_refusal.explain(reasons, {"event_name": "pull_request_target"})
    assert error.fix.startswith("Publish on a tag's push")
