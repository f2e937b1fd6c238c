"""The one HTTP client of our own; every limit is explicit.

HTTPS only, plain HTTP to loopback alone; a deadline for each exchange as a whole and a byte limit for its answer;
no compression (so the limit counts what arrives); retries only for calls that may be repeated; redirects only to
hosts the caller names. Proxies are taken from the environment as elsewhere, `.netrc` and CA variables are not.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tagseal.adapters import service_errors as codes
from tagseal.adapters.clock import SystemClock
from tagseal.adapters.deadline import within
from tagseal.adapters.http_exchange import Call, HttpResponse, exchange
from tagseal.adapters.service_errors import said, shown
from tagseal.errors import TagsealError

if TYPE_CHECKING:
    from tagseal.ports import Clock

__all__ = ["HttpClient", "HttpResponse"]

MAX_BODY_BYTES: Final = 16 * 2**20
MAX_WAIT_S: Final = 30.0
_RETRIED: Final = frozenset({429, 502, 503, 504})
_FIRST_SERVER_ERROR: Final = 500
_OK: Final = 200


class HttpClient:
    """Requests with limits. Holds no state: threads may share one."""

    def __init__(self, *, ca_file: str = "", clock: Clock | None = None) -> None:
        """`ca_file` (PEM) replaces the system's authorities; `clock` waits between retries."""
        self._ca_file = ca_file
        self._clock = clock or SystemClock()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_bytes: int = MAX_BODY_BYTES,
        retries: int = 3,
        redirect_hosts: frozenset[str] = frozenset(),
    ) -> HttpResponse:
        """GET. `timeout_s` is for each attempt; `redirect_hosts` may be redirected to besides the same host.

        Raises:
            TagsealError: `service-unreachable`, `service-timeout`, `service-error` (5xx, or 429 to the end),
                `service-cut-off`, `service-nonsense`, `service-too-large`. Other 4xx are returned.
        """
        call = self._get(url, headers, timeout_s, max_bytes, redirect_hosts)
        return self._attempts(call, retries, lambda: exchange(call, None))

    def _get(
        self,
        url: str,
        headers: Mapping[str, str] | None,
        timeout_s: float,
        max_bytes: int,
        redirect_hosts: frozenset[str],
    ) -> Call:
        return Call(
            method="GET",
            url=url,
            headers=headers or {},
            data=None,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
            redirect_hosts=redirect_hosts,
            ca_file=self._ca_file,
        )

    def post(
        self,
        url: str,
        *,
        data: bytes,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_bytes: int = MAX_BODY_BYTES,
        retries: int = 0,
    ) -> HttpResponse:
        """POST without redirects; give `retries` only when the server treats a repetition as one. Raises: as `get`."""
        call = Call(
            method="POST",
            url=url,
            headers={"Content-Type": content_type, **(headers or {})},
            data=data,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
            redirect_hosts=frozenset(),
            ca_file=self._ca_file,
        )
        return self._attempts(call, retries, lambda: exchange(call, None))

    def download(
        self,
        url: str,
        dest: Path,
        *,
        expected_sha256: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 600.0,
        max_bytes: int = 2**30,
        retries: int = 3,
        redirect_hosts: frozenset[str] = frozenset(),
    ) -> HttpResponse:
        """GET into `dest`, which appears only when the 200 answer is complete and has `expected_sha256` (`sha256:…`).

        Raises:
            TagsealError: as `get`, and `download-differs`.
        """
        call = self._get(url, headers, timeout_s, max_bytes, redirect_hosts)
        parts: list[_Part] = []

        def attempt() -> HttpResponse:
            parts.append(_Part(dest))  # one for each attempt: an abandoned one may still be writing
            with parts[-1] as part:
                return exchange(call, part)

        try:
            response = self._attempts(call, retries, attempt)
            if response.status == _OK:
                parts[-1].land(dest, expected_sha256, shown(url))
            return response
        finally:
            for part in parts:
                part.path.unlink(missing_ok=True)

    def _attempts(self, call: Call, retries: int, attempt: Callable[[], HttpResponse]) -> HttpResponse:
        for number in range(retries):
            try:
                response = within(call.timeout_s, shown(call.url), attempt)
                if response.status not in _RETRIED:
                    return _judged(call, response, number + 1)
                self._clock.sleep(_wait_s(response, number))
            except TagsealError as error:
                if error.code not in {codes.SERVICE_UNREACHABLE, codes.SERVICE_TIMEOUT, codes.SERVICE_CUT_OFF}:
                    raise
                self._clock.sleep(_back_off_s(number))
        return _judged(call, within(call.timeout_s, shown(call.url), attempt), retries + 1)


class _Part:
    """A download that is not there yet: hidden, beside its destination, removed unless it lands."""

    def __init__(self, dest: Path) -> None:
        self.path = dest.with_name(f".{dest.name}.{secrets.token_hex(4)}.part")
        self._sha256 = hashlib.sha256()

    def __enter__(self) -> Self:
        self._file = self.path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def write(self, data: bytes, /) -> None:
        """Take one chunk."""
        self._sha256.update(data)
        self._file.write(data)

    def land(self, dest: Path, expected_sha256: str | None, url: str) -> None:
        """Rename to `dest` when the digest is the expected one. Raises: download-differs."""
        found = f"sha256:{self._sha256.hexdigest()}"
        if expected_sha256 is not None and found != expected_sha256:
            raise TagsealError(codes.DOWNLOAD_DIFFERS, f"{url} has {found}, not the expected {expected_sha256}.")
        self.path.replace(dest)


def _judged(call: Call, response: HttpResponse, attempts: int) -> HttpResponse:
    if response.status >= _FIRST_SERVER_ERROR or response.status in _RETRIED:
        raise TagsealError(
            codes.SERVICE_ERROR,
            f"{shown(call.url)} answered {response.status} at attempt {attempts}: {said(response.body)}",
        )
    return response


def _back_off_s(number: int) -> float:
    return min(0.5 * 2.0**number, MAX_WAIT_S)


def _wait_s(response: HttpResponse, number: int) -> float:
    """Return the server's own `Retry-After` (seconds form, bounded), else the back-off."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), MAX_WAIT_S) if asked.isascii() and asked.isdigit() else _back_off_s(number)
