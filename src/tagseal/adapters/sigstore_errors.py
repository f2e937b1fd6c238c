"""What goes wrong while signing, told apart: who refused, who was down, who spoke nonsense."""

from __future__ import annotations

from typing import Final

from tagseal.adapters.service_errors import SERVICE_NONSENSE, said
from tagseal.errors import Code, ExitCode, TagsealError

_STATUS: Final = "Run the step again; if it stays so, look at the status page of Sigstore."

FULCIO_REFUSED: Final = Code(
    id="fulcio-refused",
    exit_code=ExitCode.SERVICE,
    why="Without a certificate for the job's identity nothing can be signed.",
    fix="Check that the job runs on GitHub Actions with `permissions: id-token: write` and that its clock is right.",
)
FULCIO_UNAVAILABLE: Final = Code(
    id="fulcio-unavailable",
    exit_code=ExitCode.SERVICE,
    why="Sigstore's certificate authority did not answer, so nothing was signed.",
    fix=_STATUS,
)
REKOR_REFUSED: Final = Code(
    id="rekor-refused",
    exit_code=ExitCode.SERVICE,
    why="A signature that is not in the transparency log is refused by every verifier.",
    fix="Read what the log says above; if the entry looks right, report it as a bug of tagseal.",
)
REKOR_UNAVAILABLE: Final = Code(
    id="rekor-unavailable",
    exit_code=ExitCode.SERVICE,
    why="A signature that is not in the transparency log is refused by every verifier.",
    fix=_STATUS,
)
SELF_CHECK_FAILED: Final = Code(
    id="signature-self-check-failed",
    exit_code=ExitCode.FAIL,
    why="What was signed does not verify with the trust root in use, so no consumer could verify it either.",
    fix="Check that the trust configuration belongs to the services that signed: one of their keys is another.",
)

_TOO_MANY: Final = 429
_CONFLICT: Final = 409
_FIRST_SERVER_ERROR: Final = 500
RETRIED: Final = frozenset({"fulcio-unavailable", "rekor-unavailable", "service-timeout"})


def translated(error: Exception, service: str) -> TagsealError:
    """Return our error for what the library raised while it spoke to `service` (`Fulcio` or `Rekor`).

    The library drops the server's text from its own message; it is in the HTTP error that caused it.
    """
    import requests
    from sigstore.errors import VerificationError
    from sigstore.oidc import IdentityError

    refused, unavailable = {
        "Fulcio": (FULCIO_REFUSED, FULCIO_UNAVAILABLE),
        "Rekor": (REKOR_REFUSED, REKOR_UNAVAILABLE),
    }[service]
    if isinstance(error, TagsealError):
        return error
    if isinstance(error, VerificationError):  # the certificate's SCT, checked as soon as it arrives
        return TagsealError(SELF_CHECK_FAILED, f"{service}'s answer does not verify: {said(str(error).encode())}")
    if isinstance(error, IdentityError):
        return TagsealError(FULCIO_REFUSED, f"The job's identity token is unusable: {said(str(error).encode())}")
    cause = _http_error(error)
    if isinstance(cause, requests.HTTPError) and cause.response is not None:
        status, text = cause.response.status_code, said(cause.response.content)
        # A conflict means that the very entry is there already: signed again, it is another entry.
        is_passing = status >= _FIRST_SERVER_ERROR or status in {_TOO_MANY, _CONFLICT}
        return TagsealError(unavailable if is_passing else refused, f"{service} answered {status}: {text}")
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return TagsealError(SERVICE_NONSENSE, f"{service} promised JSON and sent something else.")
    if isinstance(error, requests.RequestException):
        return TagsealError(unavailable, f"{service} cannot be reached or cut the connection: {type(error).__name__}.")
    return TagsealError(SERVICE_NONSENSE, f"{service} sent an unusable answer: {said(str(error).encode())}")


def _http_error(error: Exception) -> object:
    """Return the HTTP error that the library wrapped, by `raise from`, in a handler, or as an argument."""
    import requests

    candidates = [error, error.__cause__, error.__context__, *error.args]
    return next((item for item in candidates if isinstance(item, requests.HTTPError)), None)
