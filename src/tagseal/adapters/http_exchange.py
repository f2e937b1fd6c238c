"""One HTTP exchange with its redirects: limits enforced, failures told apart. `http.py` is what others use."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urljoin, urlsplit

from tagseal.adapters import service_errors as codes
from tagseal.adapters.service_errors import said, shown, too_late
from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError

if TYPE_CHECKING:
    import requests

CHUNK_BYTES: Final = 256 * 2**10
MAX_ERROR_BYTES: Final = 2**20  # of an error page, where a file was to come
MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """An answer: 4xx are the caller's to judge."""

    url: str
    """After redirects."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Empty for a download that succeeded."""

    def json(self) -> Json:
        """Return the body as strict JSON. Raises: service-nonsense."""
        try:
            return canonical.parse(self.body)
        except TagsealError as error:
            raise TagsealError(
                codes.SERVICE_NONSENSE, f"{shown(self.url)} promised JSON and sent something else: {error.what}"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to ask, within which limits."""

    method: str
    url: str
    headers: Mapping[str, str]
    data: bytes | None
    timeout_s: float
    """For the exchange as a whole, redirects and body included."""
    max_bytes: int
    redirect_hosts: frozenset[str]
    """Besides the host of `url` itself."""
    ca_file: str


class Sink(Protocol):
    """Takes the body of a 200 answer."""

    def write(self, data: bytes, /) -> object:
        """Take one chunk."""


def exchange(call: Call, sink: Sink | None) -> HttpResponse:
    """Make one attempt. Raises: service-unreachable, -timeout, -cut-off, -nonsense, -too-large."""
    import requests

    url, headers = call.url, {"Accept-Encoding": "identity", **call.headers}
    allowed = {urlsplit(call.url).hostname, *call.redirect_hosts}
    ends = time.monotonic() + call.timeout_s
    with requests.Session() as session:
        session.trust_env = False  # no .netrc, no CA variables; proxies are given below
        for _ in range(MAX_REDIRECTS + 1):
            check_url(url)
            with _translated(call, url), _send(session, call, url, headers, ends) as answer:
                if answer.status_code not in _REDIRECTS:
                    return _read(call, url, answer, sink, ends)
                target = urljoin(url, answer.headers.get("Location", ""))
            if urlsplit(target).hostname not in allowed or call.method != "GET":
                raise TagsealError(codes.SERVICE_NONSENSE, f"{shown(url)} redirects to {shown(target)}: not followed.")
            if urlsplit(target)[:2] != urlsplit(url)[:2]:  # another scheme, host or port must not see the token
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = target
    raise TagsealError(codes.SERVICE_NONSENSE, f"{shown(call.url)} redirects more than {MAX_REDIRECTS} times.")


def check_url(url: str) -> None:
    """Refuse everything but https, and plain http to loopback. Raises: service-nonsense."""
    parts = urlsplit(url)
    is_loopback_http = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or parts.username is not None or not (parts.scheme == "https" or is_loopback_http):
        raise TagsealError(codes.SERVICE_NONSENSE, f"{parts.scheme}://{parts.hostname}/ is not an https address.")


def _send(
    session: requests.Session, call: Call, url: str, headers: Mapping[str, str], ends: float
) -> requests.Response:
    from requests.utils import get_environ_proxies

    return session.request(
        call.method,
        url,
        headers=dict(headers),
        data=call.data,
        timeout=max(ends - time.monotonic(), 0.001),
        stream=True,
        allow_redirects=False,
        verify=call.ca_file or True,
        proxies={} if urlsplit(url).hostname in _LOOPBACK else get_environ_proxies(url),
    )


def _read(call: Call, url: str, answer: requests.Response, sink: Sink | None, ends: float) -> HttpResponse:
    """Read the body, into `sink` when there is one and the answer is 200."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TagsealError(codes.SERVICE_NONSENSE, f"{shown(url)} compressed its answer although it was told not to.")
    to_sink = sink is not None and answer.status_code == _OK
    limit = call.max_bytes if to_sink or sink is None else MAX_ERROR_BYTES
    body = bytearray()
    for chunk in _chunks(url, answer, limit, call, ends):
        if to_sink and sink is not None:
            sink.write(chunk)
        else:
            body += chunk
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return HttpResponse(url=url, status=answer.status_code, headers=headers, body=bytes(body))


def _chunks(url: str, answer: requests.Response, limit: int, call: Call, ends: float) -> Iterator[bytes]:
    seen = 0
    for chunk in answer.iter_content(CHUNK_BYTES):
        seen += len(chunk)
        if seen > limit:
            raise TagsealError(codes.SERVICE_TOO_LARGE, f"{shown(url)} sends more than {limit} bytes.")
        if time.monotonic() > ends:
            raise too_late(shown(url), call.timeout_s)
        yield chunk


@contextmanager
def _translated(call: Call, url: str) -> Iterator[None]:
    """Turn what `requests` raises into our errors."""
    import requests

    try:
        yield
    except requests.exceptions.Timeout as error:
        raise too_late(shown(url), call.timeout_s) from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise TagsealError(codes.SERVICE_CUT_OFF, f"{shown(url)} ended its answer early.") from error
    except requests.exceptions.ConnectionError as error:
        raise _connection_error(call, url, error) from error
    except requests.exceptions.RequestException as error:
        raise TagsealError(codes.SERVICE_NONSENSE, f"{shown(url)} does not speak HTTP: {_text(error)}") from error


def _connection_error(call: Call, url: str, error: Exception) -> TagsealError:
    """Tell a refused connection from one that broke after it stood, and from a slow body."""
    text = _text(error)
    if "timed out" in text:  # requests reports a read time-out within the body as a ConnectionError
        return too_late(shown(url), call.timeout_s)
    if "Connection aborted" in text or "Connection broken" in text:
        return TagsealError(codes.SERVICE_CUT_OFF, f"{shown(url)} closed the connection: {text}")
    return TagsealError(codes.SERVICE_UNREACHABLE, f"{shown(url)} cannot be reached: {text}")


def _text(error: Exception) -> str:
    """Return the innermost reason: the outer texts repeat the URL with its query."""
    inner: BaseException = error
    while inner.args and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    return said(str(reason if reason is not None else inner).encode())
