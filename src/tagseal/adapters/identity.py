"""The running job's OIDC identity, asked of the runner's token endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tagseal.adapters.clock import SystemClock
from tagseal.adapters.http import HttpClient, HttpResponse
from tagseal.adapters.service_errors import SERVICE_NONSENSE, said
from tagseal.core.canonical import Json
from tagseal.core.jwt import read_claims
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import WorkflowClaims
from tagseal.secret import Secret

if TYPE_CHECKING:
    from tagseal.ports import Clock

URL_VARIABLE: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
TOKEN_VARIABLE: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - a variable's name
CLAIMS_AUDIENCE: Final = "tagseal"
MAX_ANSWER_BYTES: Final = 256 * 2**10
_REFUSALS: Final = range(400, 500)

IDENTITY_UNAVAILABLE: Final = Code(
    id="identity-unavailable",
    exit_code=ExitCode.USAGE,
    why="Keyless signing and Trusted Publishing prove who runs the job by a token that only GitHub Actions can give.",
    fix="Give the job that calls tagseal its token, in the workflow file:\n    permissions:\n      id-token: write\n"
    "A pull request from a fork never gets one; outside GitHub Actions use `tagseal rehearse`.",
)
IDENTITY_REFUSED: Final = Code(
    id="identity-refused",
    exit_code=ExitCode.SERVICE,
    why="Without a token the job cannot prove who it is, so nothing can be signed or uploaded in its name.",
    fix="Run the job again for a fresh request token; if it stays so, look at `permissions: id-token: write`.",
)


class ActionsIdentity:
    """`ports.Identity` on GitHub's `ACTIONS_ID_TOKEN_REQUEST_*` protocol."""

    def __init__(self, environment: Mapping[str, str], *, clock: Clock | None = None, ca_file: str = "") -> None:
        """Read the two variables from `environment` when a token is first asked for."""
        self._environment = environment
        self._clock = clock or SystemClock()
        self._http = HttpClient(ca_file=ca_file, clock=self._clock)

    def token(self, audience: str) -> Secret:
        """Raises: identity-unavailable, identity-refused, service-*."""
        url, request_token = self._endpoint()
        answer = self._http.get(
            _with_audience(url, audience),
            headers={"Authorization": f"Bearer {request_token.reveal()}", "Accept": "application/json"},
            max_bytes=MAX_ANSWER_BYTES,
        )
        if answer.status in _REFUSALS:
            raise TagsealError(
                IDENTITY_REFUSED, f"The token endpoint refused with {answer.status}: {said(answer.body)}"
            )
        return _token(answer)

    def claims(self) -> WorkflowClaims:
        """Raises: as `token`; service-nonsense for a token that lacks a claim."""
        token = self.token(CLAIMS_AUDIENCE)
        now_s = int(self._clock.now().timestamp())
        try:
            claims = read_claims(token.reveal(), audience=CLAIMS_AUDIENCE, now_s=now_s)
            return _workflow_claims(claims)
        except ValueError as error:
            raise TagsealError(SERVICE_NONSENSE, f"The token endpoint sent an unusable token: {error}.") from error

    def _endpoint(self) -> tuple[str, Secret]:
        url = self._environment.get(URL_VARIABLE, "")
        token = self._environment.get(TOKEN_VARIABLE, "")
        if not url or not token:
            missing = URL_VARIABLE if not url else TOKEN_VARIABLE
            raise TagsealError(IDENTITY_UNAVAILABLE, f"This job has no identity token: {missing} is not set.")
        return url, Secret(token)


def _with_audience(url: str, audience: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "audience"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("audience", audience)])))


def _token(answer: HttpResponse) -> Secret:
    body = answer.json()
    value = body.get("value") if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise TagsealError(SERVICE_NONSENSE, f"The token endpoint answered {answer.status} without a token.")
    return Secret(value)


def _workflow_claims(claims: Mapping[str, Json]) -> WorkflowClaims:
    """Raises: ValueError for a claim that is missing or not a string."""
    names = {field.name: "iss" if field.name == "issuer" else field.name for field in fields(WorkflowClaims)}
    found: dict[str, str] = {}
    for field, claim in names.items():
        value = claims.get(claim, "" if claim == "environment" else None)
        if not isinstance(value, str) or not (value or claim == "environment"):
            raise ValueError(f"it has no claim {claim!r}")
        found[field] = value
    return WorkflowClaims(**found)
