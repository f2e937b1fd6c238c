"""Uploads one file with twine's library: its form, our limits.

Twine retries without waiting and sets no timeouts; here one call is one attempt, with a timeout, and the password
goes straight into the session: never into argv, the environment or a configuration file.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from tarfile import TarError
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile

from tagseal.adapters import service_errors as codes
from tagseal.adapters.service_errors import shown
from tagseal.core.upload_refusal import UPLOAD_REFUSED, explain
from tagseal.errors import TagsealError
from tagseal.secret import Secret, mask

if TYPE_CHECKING:
    import requests
    from twine.package import PackageFile

USER: Final = "__token__"
CONNECT_TIMEOUT_S: Final = 15.0
_MAX_ANSWER_CHARS: Final = 4000
_OK: Final = 200
_FIRST_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file to send."""

    path: Path
    attestations: tuple[Path, ...]
    """PEP 740 objects; empty: none are sent."""


def send(url: str, upload: Upload, token: Secret, *, ca_file: str, timeout_s: float) -> None:
    """POST one file with its attestations, once.

    `timeout_s` bounds each wait for the server, not the sending as a whole.

    Raises:
        TagsealError: `upload-refused`, `upload-not-allowed`, `upload-token-expired`,
            `file-exists-with-other-bytes`, `service-unreachable`, `service-timeout`, `service-cut-off`,
            `service-error`.
    """
    import requests
    from twine.repository import Repository

    package = _package(upload)
    repository = Repository(url, USER, token.reveal(), disable_progress_bar=True)
    try:
        repository.set_certificate_authority(ca_file or None)
        _limit(repository.session, timeout_s)
        with contextlib.redirect_stdout(io.StringIO()):  # twine prints; stdout belongs to the step
            answer = repository.upload(package, max_redirects=1)
    except requests.Timeout as error:
        raise TagsealError(codes.SERVICE_TIMEOUT, f"{shown(url)} did not answer within {timeout_s:g} s.") from error
    except requests.ConnectionError as error:
        raise _connection_error(url, error) from error
    except requests.RequestException as error:
        raise TagsealError(codes.SERVICE_CUT_OFF, f"{shown(url)} broke off its answer: {_why(error)}.") from error
    finally:
        repository.close()
    if answer.status_code >= _FIRST_SERVER_ERROR or answer.status_code == requests.codes.too_many_requests:
        raise TagsealError(codes.SERVICE_ERROR, f"{shown(url)} answered {answer.status_code}: {_reason(answer)}")
    if answer.status_code != _OK:
        raise explain(upload.path.name, answer.status_code, _reason(answer))


def _package(upload: Upload) -> PackageFile:
    """Return twine's view of the file: its metadata, digests and attestations."""
    from twine.exceptions import TwineException
    from twine.package import PackageFile

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            package = PackageFile.from_filename(str(upload.path), None)
            if upload.attestations:
                package.add_attestations([str(path) for path in upload.attestations])
    except (TwineException, BadZipFile, TarError, OSError, KeyError, ValueError) as error:
        raise TagsealError(UPLOAD_REFUSED, f"Twine cannot read {upload.path.name}: {mask(str(error))}") from error
    return package


def _limit(session: requests.Session, timeout_s: float) -> None:
    """Give every request of twine's session a timeout and ask for JSON, whose error texts are complete."""
    from requests.adapters import HTTPAdapter

    class Limited(HTTPAdapter):
        """Twine passes no timeout; this is where one can be set without touching twine."""

        def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:  # type: ignore[override]
            options["timeout"] = (CONNECT_TIMEOUT_S, timeout_s)
            return super().send(request, **options)  # type: ignore[arg-type]  # passed through

    session.mount("https://", Limited(max_retries=0))
    session.mount("http://", Limited(max_retries=0))
    session.headers["Accept"] = "application/json"


def _connection_error(url: str, error: Exception) -> TagsealError:
    text = str(error)
    if "Connection aborted" in text or "Connection broken" in text:
        return TagsealError(codes.SERVICE_CUT_OFF, f"{shown(url)} cut the connection while a file was being uploaded.")
    return TagsealError(codes.SERVICE_UNREACHABLE, f"{shown(url)} cannot be reached: {_why(error)}.")


def _reason(answer: requests.Response) -> str:
    """Return the server's reason: `message` of a JSON body, else the reason phrase."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    texts = [body.get("message"), body.get("code")] if isinstance(body, dict) else []
    parts = [text for text in (*texts, answer.reason) if isinstance(text, str) and text]
    # The phrase in `code` is the complete one; `message` can be a generic sentence.
    return mask(" / ".join(dict.fromkeys(parts)))[:_MAX_ANSWER_CHARS]


def _why(error: Exception) -> str:
    return mask(type(error).__name__)
