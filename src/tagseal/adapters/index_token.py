"""Trusted Publishing: the job's identity exchanged for a short-lived upload token, and that token burnt afterwards."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from tagseal.adapters import service_errors as codes
from tagseal.core import canonical
from tagseal.core.mint_refusal import TRUSTED_PUBLISHING_NOT_ENABLED, claims_of, explain, refusals
from tagseal.errors import TagsealError
from tagseal.secret import Secret

if TYPE_CHECKING:
    from tagseal.adapters.http import HttpClient
    from tagseal.ports import Clock, Identity

ATTEMPTS: Final = 3
TIMEOUT_S: Final = 20.0
_OK: Final = 200
_FIRST_REFUSAL: Final = 400


class TokenExchange:
    """The `/_/oidc/` part of one index."""

    def __init__(self, base_url: str, http: HttpClient, clock: Clock) -> None:
        """`base_url` has no final slash."""
        self._base_url = base_url
        self._http = http
        self._clock = clock

    def mint(self, identity: Identity) -> Secret:
        """Return an upload token. An identity token is good for one exchange, so each attempt takes a fresh one.

        Raises:
            TagsealError: `publisher-refused`, `trusted-publishing-not-enabled`, `token-reused`,
                `identity-not-accepted`, `identity-*`, `service-*`.
        """
        audience = self._audience()
        for attempt in range(ATTEMPTS):
            try:
                return self._exchange(identity.token(audience))
            except TagsealError as error:
                if not error.code.id.startswith("service-") or attempt == ATTEMPTS - 1:
                    raise
            self._clock.sleep(2.0**attempt)
        raise AssertionError("the last attempt returns or raises")

    def burn(self, token: Secret) -> None:
        """Ask the index to forget the token; an index that cannot is left alone, the token dies within minutes."""
        with contextlib.suppress(TagsealError):
            self._http.post(
                f"{self._base_url}/_/oidc/burn-token",
                data=canonical.dump({"token": token.reveal()}),
                timeout_s=TIMEOUT_S,
            )

    def _audience(self) -> str:
        answer = self._http.get(f"{self._base_url}/_/oidc/audience", timeout_s=TIMEOUT_S)
        if answer.status >= _FIRST_REFUSAL:
            raise TagsealError(
                TRUSTED_PUBLISHING_NOT_ENABLED,
                f"The index answered {answer.status} when asked for its audience for identity tokens.",
            )
        body = answer.json()
        audience = body.get("audience") if isinstance(body, dict) else None
        if not isinstance(audience, str) or not audience:
            raise TagsealError(codes.SERVICE_NONSENSE, "The index names no audience for identity tokens.")
        return audience

    def _exchange(self, identity_token: Secret) -> Secret:
        answer = self._http.post(
            f"{self._base_url}/_/oidc/mint-token",
            data=canonical.dump({"token": identity_token.reveal()}),
            timeout_s=TIMEOUT_S,
        )
        body = answer.json()
        if answer.status != _OK:
            raise explain(refusals(body), claims_of(identity_token.reveal()))
        token = body.get("token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise TagsealError(codes.SERVICE_NONSENSE, "The index granted an upload token but sent none.")
        return Secret(token)
