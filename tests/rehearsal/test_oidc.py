from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import id as ambient
import jwt
import pytest

from support_sigstore import CALLER, ISSUER, PUBLISH, SEAL, StillClock, call
from tagseal.core.canonical import Json
from tagseal.rehearsal.oidc import InvalidTokenError, OidcIssuer
from tagseal.rehearsal.sigstore_services import SigstoreServices


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def issuer(clock: StillClock) -> OidcIssuer:
    return OidcIssuer(clock=clock)


@pytest.fixture
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=StillClock()) as running:
        yield running


def test_the_publish_job_has_githubs_claims() -> None:
    assert PUBLISH.claims() == {
        "iss": "https://token.actions.githubusercontent.com",
        "sub": "repo:acme/widget:environment:pypi",
        "repository": "acme/widget",
        "repository_id": "1296269",
        "repository_owner": "acme",
        "repository_owner_id": "583231",
        "repository_visibility": "public",
        "actor": "octocat",
        "actor_id": "583231",
        "workflow": "Release",
        "workflow_ref": "acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0",
        "workflow_sha": "a" * 40,
        "job_workflow_ref": "acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0",
        "job_workflow_sha": "a" * 40,
        "event_name": "push",
        "ref": "refs/tags/v1.0.0",
        "ref_type": "tag",
        "ref_protected": "true",
        "sha": "a" * 40,
        "head_ref": "",
        "base_ref": "",
        "runner_environment": "github-hosted",
        "environment": "pypi",
        "run_id": "1",
        "run_number": "1",
        "run_attempt": "1",
        "check_run_id": "1",
    }


def test_the_seal_job_stands_in_our_workflow_and_keeps_the_callers_facts() -> None:
    claims = SEAL.claims()
    assert claims["job_workflow_ref"] == "tagseal/tagseal/.github/workflows/seal.yml@refs/tags/v0.1.0"
    assert claims["job_workflow_sha"] == "b" * 40
    assert claims["workflow_ref"] == "acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0"
    assert claims["sub"] == "repo:acme/widget:ref:refs/tags/v1.0.0"
    assert "environment" not in claims
    assert CALLER.in_seal(version="0.1.0", commit="c" * 40).repository == "acme/widget"


def test_a_stock_client_fetches_a_token_and_a_stock_library_verifies_it(
    services: SigstoreServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name, value in services.request_environment(SEAL).items():
        monkeypatch.setenv(name, value)
    token = ambient.detect_credential("sigstore")
    assert token is not None
    keys = jwt.PyJWKSet.from_dict(call(services.url, "GET", "/oidc/.well-known/jwks").json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="sigstore", issuer=ISSUER)
    assert claims["repository"] == "acme/widget"
    assert claims["exp"] - claims["iat"] == 300


def test_each_job_gets_its_own_claims_and_each_token_its_own_id(services: SigstoreServices) -> None:
    seen = []
    for job in (SEAL, PUBLISH, PUBLISH):
        environment = services.request_environment(job)
        path = environment["ACTIONS_ID_TOKEN_REQUEST_URL"].removeprefix(services.url)
        bearer = {"Authorization": f"bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
        token = call(services.url, "GET", f"{path}&audience=pypi", headers=bearer).json()["value"]
        seen.append(services.issuer.verify(token, "pypi"))
    assert [claims["sub"] for claims in seen] == [
        "repo:acme/widget:ref:refs/tags/v1.0.0",
        "repo:acme/widget:environment:pypi",
        "repo:acme/widget:environment:pypi",
    ]
    assert len({claims["jti"] for claims in seen}) == 3


def test_without_an_audience_it_is_the_owners_page(services: SigstoreServices) -> None:
    bearer = {"Authorization": f"Bearer {services.issuer.register(SEAL)}"}
    token = call(services.url, "GET", "/oidc/token", headers=bearer).json()["value"]
    assert services.issuer.verify(token, "https://github.com/acme")["aud"] == "https://github.com/acme"


@pytest.mark.parametrize("header", [{}, {"Authorization": "bearer wrong"}, {"Authorization": "Basic x"}])
def test_without_the_request_token_there_is_no_token(services: SigstoreServices, header: dict[str, str]) -> None:
    services.issuer.register(SEAL)
    answer = call(services.url, "GET", "/oidc/token?audience=sigstore", headers=header)
    assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})


def test_discovery_names_the_issuer_and_other_paths_and_methods_are_refused(services: SigstoreServices) -> None:
    document = call(services.url, "GET", "/oidc/.well-known/openid-configuration").json()
    assert document["issuer"] == "https://token.actions.githubusercontent.com"
    assert "job_workflow_ref" in document["claims_supported"]
    assert call(services.url, "GET", "/oidc/other").status == 404
    assert call(services.url, "POST", "/oidc/token").status == 405


def test_a_good_token_verifies_with_text_claims(issuer: OidcIssuer, clock: StillClock) -> None:
    claims = issuer.verify(issuer.mint(SEAL, "sigstore"), "sigstore")
    assert claims["repository_id"] == "1296269"
    assert claims["exp"] == str(int(clock.now().timestamp()) + 300)


def test_a_token_is_refused_for_another_audience_and_after_five_minutes(issuer: OidcIssuer, clock: StillClock) -> None:
    token = issuer.mint(SEAL, "sigstore")
    with pytest.raises(InvalidTokenError, match="not for pypi"):
        issuer.verify(token, "pypi")
    clock.sleep(299)
    assert issuer.verify(token, "sigstore")
    clock.sleep(2)
    with pytest.raises(InvalidTokenError, match="expired"):
        issuer.verify(token, "sigstore")


@pytest.mark.parametrize(("ahead_s", "is_good"), [(60, True), (600, False)])
def test_the_start_of_validity_has_leeway(
    issuer: OidcIssuer, clock: StillClock, *, ahead_s: int, is_good: bool
) -> None:
    now_s = int(clock.now().timestamp())
    claims = {**SEAL.claims(), "aud": "x", "iat": now_s, "nbf": now_s + ahead_s, "exp": now_s + 900}
    if is_good:
        assert issuer.verify(issuer.sign(claims), "x")["aud"] == "x"
    else:
        with pytest.raises(InvalidTokenError, match="not valid yet"):
            issuer.verify(issuer.sign(claims), "x")


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _altered(issuer: OidcIssuer, how: str) -> str:
    token = issuer.mint(SEAL, "sigstore")
    head, claims, signature = token.split(".")
    kid = jwt.get_unverified_header(token)["kid"]
    plain: dict[str, Json] = {**SEAL.claims(), "aud": "sigstore", "nbf": 0, "exp": 2**40}
    return {
        "payload": f"{head}.{_part(plain)}.{signature}",
        "no-signature": f"{head}.{claims}.",
        "alg-none": f"{_part({'alg': 'none', 'kid': kid})}.{claims}.",
        "other-alg": issuer.sign(plain, header={"alg": "HS256", "kid": kid}),
        "other-kid": issuer.sign(plain, header={"alg": "RS256", "kid": "x"}),
        "other-issuer": issuer.sign({**plain, "iss": "https://example.org"}),
        "no-exp": issuer.sign({name: value for name, value in plain.items() if name != "exp"}),
        "exp-text": issuer.sign({**plain, "exp": "9999999999"}),
        "two-parts": f"{head}.{claims}",
        "not-base64": f"!.{claims}.{signature}",
        "not-json": f"{head}.eA.{signature}",
        "an-array": f"{head}.W10.{signature}",
        "too-long": "a" * 70_000,
        "empty": "",
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        *("payload", "no-signature", "alg-none", "other-alg", "other-kid", "other-issuer", "no-exp", "exp-text"),
        *("two-parts", "not-base64", "not-json", "an-array", "too-long", "empty"),
    ],
)
def test_an_altered_token_is_refused(issuer: OidcIssuer, how: str) -> None:
    with pytest.raises(InvalidTokenError):
        issuer.verify(_altered(issuer, how), "sigstore")


def test_another_runs_token_is_refused(issuer: OidcIssuer, clock: StillClock) -> None:
    with pytest.raises(InvalidTokenError):
        issuer.verify(OidcIssuer(clock=clock).mint(SEAL, "sigstore"), "sigstore")
