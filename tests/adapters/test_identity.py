from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tagseal.adapters.clock import SystemClock
from tagseal.adapters.identity import ActionsIdentity
from tagseal.errors import TagsealError
from tagseal.ports import WorkflowClaims
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.http import Fault
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.secret import mask

JOB = JobClaims(repository="octo/widget", ref="refs/tags/v1.0.0", sha="1" * 40, run_id="77", run_attempt="2").in_seal(
    version="0.1.0", commit="2" * 40
)


class PatientClock(SystemClock):
    """The system's time; waits cost nothing."""

    def sleep(self, seconds: float) -> None:
        pass


@pytest.fixture
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=SystemClock()) as running:
        yield running


def identity(services: SigstoreServices) -> ActionsIdentity:
    return ActionsIdentity(services.request_environment(JOB), clock=PatientClock())


def test_the_claims_are_those_of_the_running_job(services: SigstoreServices) -> None:
    assert identity(services).claims() == WorkflowClaims(
        issuer="https://token.actions.githubusercontent.com",
        repository="octo/widget",
        repository_id="1296269",
        repository_owner_id="583231",
        ref="refs/tags/v1.0.0",
        sha="1" * 40,
        event_name="push",
        workflow_ref="octo/widget/.github/workflows/release.yml@refs/tags/v1.0.0",
        job_workflow_ref="tagseal/tagseal/.github/workflows/seal.yml@refs/tags/v0.1.0",
        job_workflow_sha="2" * 40,
        runner_environment="github-hosted",
        run_id="77",
        run_attempt="2",
        repository_visibility="public",
        environment="",
    )


def test_a_token_is_for_its_audience_and_never_shown(services: SigstoreServices) -> None:
    token = identity(services).token("some audience")
    claims = json.loads(base64.urlsafe_b64decode(token.reveal().split(".")[1] + "=="))
    assert claims["aud"] == "some audience"
    assert token.reveal() not in f"{token} {token!r}"
    assert mask(f"token={token.reveal()}") == "token=***"
    assert services.log[-1][1].endswith("?api-version=2.0&audience=some+audience")


@pytest.mark.parametrize("missing", ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
def test_without_permission_the_exact_yaml_is_named(services: SigstoreServices, missing: str) -> None:
    environment = services.request_environment(JOB)
    del environment[missing]
    with pytest.raises(TagsealError) as caught:
        ActionsIdentity(environment).token("x")
    assert (caught.value.code.id, caught.value.exit_code) == ("identity-unavailable", 2)
    assert "permissions:\n      id-token: write" in caught.value.fix
    assert missing in caught.value.what


def test_a_refused_request_token_is_told_and_not_shown(services: SigstoreServices) -> None:
    environment = services.request_environment(JOB) | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "stale-request-token"}
    with pytest.raises(TagsealError) as caught:
        ActionsIdentity(environment).token("x")
    assert (caught.value.code.id, caught.value.exit_code) == ("identity-refused", 3)
    assert "Unauthorized" in caught.value.what
    assert "stale-request-token" not in "".join(caught.value.lines())


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(match="GET /oidc/token", times=9, status=503), "service-error"),
        (Fault(match="GET /oidc/token", times=9, cut=True), "service-cut-off"),
        (Fault(match="GET /oidc/token", status=200, body=b"<html>log in</html>"), "service-nonsense"),
        (Fault(match="GET /oidc/token", status=200, body=b'{"value":""}'), "service-nonsense"),
        (Fault(match="GET /oidc/token", status=200, body=b'{"value":"a.b.c"}'), "service-nonsense"),
    ],
)
def test_a_failing_issuer(services: SigstoreServices, fault: Fault, code: str) -> None:
    who = identity(services)
    with services.server.fault(fault), pytest.raises(TagsealError) as caught:
        who.claims()
    assert (caught.value.code.id, caught.value.exit_code) == (code, 3)
    assert who.claims().run_id == "77"


@pytest.mark.parametrize(
    "claims", [{"aud": "tagseal", "exp": 1}, {"aud": "other", "exp": 2**40}, {"aud": "tagseal", "exp": 2**40}]
)
def test_a_token_that_is_old_foreign_or_empty_is_refused(services: SigstoreServices, claims: dict[str, int]) -> None:
    token = "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".c2ln"
    body = json.dumps({"value": token}).encode()
    who = identity(services)
    fault = Fault(match="GET /oidc/token", status=200, body=body)
    with services.server.fault(fault), pytest.raises(TagsealError) as caught:
        who.claims()
    assert caught.value.code.id == "service-nonsense"
