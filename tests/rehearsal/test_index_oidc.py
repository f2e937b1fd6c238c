"""Minting and burning upload tokens, by PyPI's rules."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from support_dists import sdist_bytes
from support_index import (
    CLAIMS,
    PUBLISHER,
    KnownTokens,
    make_index,
    mint,
    minted,
    refusal,
    send,
    upload,
    without_environment,
)
from support_sigstore import StillClock

SDIST = sdist_bytes()


def mint_with(**changes: str) -> tuple[int, Any]:
    tokens = KnownTokens()
    tokens.claims["a.b.c"] = {name: value for name, value in {**CLAIMS, **changes}.items() if value}
    return mint(make_index(tokens=tokens))


def reason(answer: tuple[int, Any]) -> tuple[str, str]:
    status, body = answer
    assert (status, body["message"]) == (422, "Token request failed")
    errors = body["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 1
    return errors[0]["code"], errors[0]["description"]


def test_the_audience_is_told() -> None:
    response = send(make_index(), "GET", "/_/oidc/audience")
    assert (response.status, response.body) == (200, b'{"audience": "pypi"}')


def test_a_minted_token_uploads_for_fifteen_minutes() -> None:
    clock = StillClock()
    index = make_index(clock=clock)
    status, body = mint(index)
    assert (status, body["success"]) == (200, True)
    assert body["expires"] == int(clock.now().timestamp()) + 900
    assert re.fullmatch(r"pypi-[A-Za-z0-9-_]{85,}", body["token"])
    assert index.store.projects == {"tinyproj": "tinyproj"}
    assert upload(index, "tinyproj-1.2.3.tar.gz", SDIST, token=body["token"]).status == 200
    clock.sleep(901)
    late = upload(index, "tinyproj-1.2.3.tar.gz", SDIST, token=body["token"])
    assert (late.status, refusal(late)) == (403, "Invalid API Token: token is expired")


def test_the_old_path_still_mints() -> None:
    response = send(make_index(), "POST", "/_/oidc/github/mint-token", body=b'{"token": "a.b.c"}')
    assert response.status == 200


def test_an_oidc_token_works_once() -> None:
    index = make_index()
    minted(index)
    assert reason(mint(index)) == ("invalid-reuse-token", "invalid token: already used")
    assert len(index.tokens) == 1


def test_a_refused_token_is_not_used_up() -> None:
    tokens = KnownTokens()
    tokens.claims["a.b.c"] = {**CLAIMS, "event_name": "pull_request_target"}
    index = make_index(tokens=tokens)
    assert reason(mint(index))[0] == "invalid-publisher"
    tokens.claims["a.b.c"] = CLAIMS
    assert mint(index)[0] == 200


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 1}', b"{", b'{"token": "no-jwt"}'])
def test_a_payload_that_is_no_jwt_is_refused(body: bytes) -> None:
    response = send(make_index(), "POST", "/_/oidc/mint-token", body=body)
    assert reason((response.status, json.loads(response.body)))[0] == "invalid-payload"


def test_a_token_that_does_not_verify_is_refused() -> None:
    assert reason(mint(make_index(), "x.y.z")) == ("invalid-token", "malformed or invalid token")


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("repository", "acme/other"),
        ("repository_owner_id", "1"),
        ("environment", "staging"),
        ("environment", ""),
        ("job_workflow_ref", "acme/widget/.github/workflows/other.yml@refs/tags/v1.0.0"),
    ],
)
def test_claims_of_nobody_find_no_publisher(claim: str, value: str) -> None:
    assert reason(mint_with(**{claim: value})) == (
        "invalid-publisher",
        "valid token, but no corresponding publisher (Publisher with matching claims was not found)",
    )


def test_a_reusable_workflow_of_another_repository_cannot_mint() -> None:
    foreign = "tagseal/tagseal/.github/workflows/release.yml@refs/tags/v0.1.0"
    code, text = reason(mint_with(job_workflow_ref=foreign))
    assert code == "invalid-publisher"
    assert text == (
        "valid token, but no corresponding publisher (The job_workflow_ref claim does not match, expecting one of "
        "['acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0', "
        f"'acme/widget/.github/workflows/release.yml@{'a' * 40}'], got '{foreign}')"
    )


def test_a_workflow_of_the_same_repository_at_another_ref_cannot_mint() -> None:
    code, text = reason(mint_with(job_workflow_ref="acme/widget/.github/workflows/release.yml@refs/heads/main"))
    assert code == "invalid-publisher"
    assert "The job_workflow_ref claim does not match" in text


@pytest.mark.parametrize("claim", ["repository", "job_workflow_ref", "jti", "event_name"])
def test_a_missing_claim_is_named(claim: str) -> None:
    assert reason(mint_with(**{claim: ""})) == (
        "invalid-publisher",
        f"valid token, but no corresponding publisher (Missing claims: {claim})",
    )


def test_a_workflow_reference_without_a_file_is_refused() -> None:
    _, text = reason(mint_with(job_workflow_ref="acme/widget"))
    assert "Could not job extract workflow filename from OIDC claims" in text


def test_a_token_without_ref_and_sha_is_refused() -> None:
    assert "The ref and sha claims are empty" in reason(mint_with(ref="", sha=""))[1]


def test_pull_request_target_may_not_publish() -> None:
    _, text = reason(mint_with(event_name="pull_request_target"))
    assert "Publishing from a workflow invoked via 'pull_request_target' is not supported." in text


def test_the_publisher_with_the_same_environment_wins() -> None:
    general = replace(without_environment(), projects=("general",))
    index = make_index(general, PUBLISHER)
    assert index.tokens[minted(index)].publisher is PUBLISHER


def test_a_publisher_without_environment_takes_any() -> None:
    index = make_index(without_environment())
    assert index.tokens[minted(index)].publisher.environment == ""


def test_a_burnt_token_is_worth_nothing() -> None:
    index = make_index()
    token = minted(index)
    body = json.dumps({"token": token}).encode()
    assert send(index, "POST", "/_/oidc/burn-token", body=body).status == 204
    assert send(index, "POST", "/_/oidc/burn-token", body=body).status == 404
    refused = upload(index, "tinyproj-1.2.3.tar.gz", SDIST, token=token)
    assert (refused.status, refusal(refused)) == (
        403,
        "Invalid or non-existent authentication information. See http://index/help/#invalid-auth for more information.",
    )
    assert index.files == {}
