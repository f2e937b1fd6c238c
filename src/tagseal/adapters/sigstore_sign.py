"""Keyless signing: short-lived certificates for the job's identity, entries in the transparency log.

Spec: Sigstore bundle v0.3 (https://github.com/sigstore/protobuf-specs), DSSE, Rekor v1 entries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeVar

from tagseal.adapters.clock import SystemClock
from tagseal.adapters.deadline import side_by_side, within
from tagseal.adapters.service_errors import said
from tagseal.adapters.sigstore_errors import RETRIED, SELF_CHECK_FAILED, translated
from tagseal.adapters.sigstore_jobs import FileJob, Job, StatementJob
from tagseal.adapters.sigstore_trust import trust_config
from tagseal.errors import TagsealError

if TYPE_CHECKING:
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.sign import Signer as LibrarySigner
    from sigstore.verify import Verifier

    from tagseal.ports import Clock, Identity

MAX_THREADS: Final = 8
ATTEMPTS: Final = 3
CALL_DEADLINE_S: Final = 60.0
AUDIENCE: Final = "sigstore"
CERTIFICATE_USE: Final = timedelta(minutes=5)
"""How long one certificate is used; Fulcio's live ten minutes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Certified:
    signer: LibrarySigner
    issuer: str
    renew_at: datetime


class KeylessSigner:
    """`ports.Signer` on sigstore-python."""

    def __init__(
        self,
        client_trust_config_json: str,
        identity: Identity,
        *,
        clock: Clock | None = None,
        call_deadline_s: float = CALL_DEADLINE_S,
    ) -> None:
        """`client_trust_config_json` empty: the public instance. Nothing is imported or asked before the first use."""
        self._json = client_trust_config_json
        self._identity = identity
        self._clock = clock or SystemClock()
        self._deadline_s = call_deadline_s
        self._lock = threading.Lock()
        self._certified: _Certified | None = None

    def sign_statements(self, statements: Sequence[bytes]) -> tuple[bytes, ...]:
        """Raises: fulcio-*, rekor-*, identity-*, service-*, trust-root-*, signature-self-check-failed."""
        return self._batch([StatementJob(statement) for statement in statements])

    def sign_files(self, digests: Sequence[str]) -> tuple[bytes, ...]:
        """Raises: as `sign_statements`."""
        return self._batch([FileJob(digest) for digest in digests])

    @cached_property
    def _config(self) -> ClientTrustConfig:
        return trust_config(self._json)

    @cached_property
    def _verifier(self) -> Verifier:
        from sigstore.verify import Verifier

        return Verifier(trusted_root=self._config.trusted_root)

    def _batch(self, jobs: Sequence[Job]) -> tuple[bytes, ...]:
        """Sign all side by side; the first failure ends the batch."""
        if not jobs:
            return ()
        self._certificate()  # one refusal instead of eight
        _ = self._verifier
        return side_by_side([partial(self._sign_one, job) for job in jobs], threads=MAX_THREADS)

    def _sign_one(self, job: Job) -> bytes:
        from sigstore.errors import VerificationError

        def attempt() -> tuple[Bundle, str]:
            certified = self._certificate()
            return self._call("Rekor", lambda: job.sign(certified.signer)), certified.issuer

        bundle, issuer = self._retried(attempt)
        try:
            job.check(self._verifier, bundle, issuer)
        except VerificationError as error:
            reason = said(str(error).encode())
            raise TagsealError(SELF_CHECK_FAILED, f"The new signature does not verify: {reason}") from error
        return bundle.to_json().encode()

    def _certificate(self) -> _Certified:
        """Return the batch's key and certificate; a fresh token and certificate when the old one gets old."""
        with self._lock:
            now = self._clock.now()
            if self._certified is None or now >= self._certified.renew_at:
                self._certified = self._retried(self._certify)
            return self._certified

    def _certify(self) -> _Certified:
        from sigstore.oidc import IdentityToken
        from sigstore.sign import Signer, SigningContext

        context = SigningContext.from_trust_config(self._config)
        raw = self._identity.token(AUDIENCE)
        now = self._clock.now()

        def ask() -> tuple[LibrarySigner, str]:
            token = IdentityToken(raw.reveal())
            return Signer(token, context, cache=True), token.federated_issuer

        signer, issuer = self._call("Fulcio", ask)
        return _Certified(signer=signer, issuer=issuer, renew_at=now + CERTIFICATE_USE)

    def _call(self, service: str, call: Callable[[], T]) -> T:
        """Run one call into the library under our deadline; its errors come out as ours."""
        try:
            return within(self._deadline_s, service, call)
        except Exception as error:  # the library lets requests', pydantic's and its own errors through
            raise translated(error, service) from error

    def _retried(self, attempt: Callable[[], T]) -> T:
        for number in range(ATTEMPTS - 1):
            try:
                return attempt()
            except TagsealError as error:
                if error.code.id not in RETRIED:
                    raise
                self._clock.sleep(2.0**number)
        return attempt()
