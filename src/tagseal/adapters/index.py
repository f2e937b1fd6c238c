"""A package index with Trusted Publishing, PEP 740 attestations and the JSON simple API (PEP 691).

Uploads are repeated safely: the index answers a byte-identical file with success, whatever happened before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin, urlsplit

from tagseal.adapters import service_errors as codes
from tagseal.adapters.http import HttpClient
from tagseal.adapters.index_token import TokenExchange
from tagseal.adapters.twine_upload import Upload, send
from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import IndexFile

if TYPE_CHECKING:
    from tagseal.adapters.trust_config import IndexEndpoints
    from tagseal.ports import Clock, Identity
    from tagseal.secret import Secret

UPLOAD_ATTEMPTS: Final = 4
UPLOAD_TIMEOUT_S: Final = 120.0
MAX_FILES: Final = 100_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_SIMPLE_JSON: Final = "application/vnd.pypi.simple.v1+json"
_INTEGRITY_JSON: Final = "application/vnd.pypi.integrity.v1+json"
_OK: Final = 200
_NOT_FOUND: Final = 404

INDEX_BYTES_DIFFER: Final = Code(
    id="index-bytes-differ",
    exit_code=ExitCode.FAIL,
    why="The index hands out other bytes than it lists: installers that check hashes refuse the file.",
    fix="Download it again from another network; if it stays so, report it to the index and yank the release.",
)


class WarehouseIndex:
    """One index, as `ports.Index` describes it."""

    def __init__(self, endpoints: IndexEndpoints, *, clock: Clock, ca_file: str = "") -> None:
        """`ca_file` (PEM) replaces the system's authorities."""
        self.name = endpoints.name
        self._endpoints = endpoints
        self._clock = clock
        self._ca_file = ca_file
        self._http = HttpClient(ca_file=ca_file, clock=clock)
        self._tokens = TokenExchange(endpoints.base_url, self._http, clock)

    def files(self, project: str) -> tuple[IndexFile, ...]:
        """Raises: service-*."""
        normal = re.sub(r"[-_.]+", "-", project).lower()
        url = f"{self._endpoints.base_url}/simple/{quote(normal, safe='')}/"
        # Caches keep the page for ten minutes; a query of our own makes them ask the index itself.
        fresh = f"{url}?fresh={int(self._clock.now().timestamp() * 1000)}"
        answer = self._http.get(fresh, headers={"Accept": _SIMPLE_JSON, "Cache-Control": "no-cache"})
        if answer.status == _NOT_FOUND:
            return ()
        if answer.status != _OK:
            raise TagsealError(codes.SERVICE_NONSENSE, f"{url} answered {answer.status} to a request for its files.")
        body = answer.json()
        listed = body.get("files") if isinstance(body, dict) else None
        if not isinstance(listed, list) or len(listed) > MAX_FILES:
            raise TagsealError(codes.SERVICE_NONSENSE, f"{url} sent no list of files.")
        return tuple(_file(entry, url) for entry in listed)

    def mint(self, identity: Identity) -> Secret:
        """Raises: see TokenExchange.mint."""
        return self._tokens.mint(identity)

    def burn(self, token: Secret) -> None:
        """Never raises."""
        self._tokens.burn(token)

    def upload(self, path: Path, attestations: Sequence[Path], token: Secret) -> None:
        """Raises: see twine_upload.send; service failures only after the last of the attempts."""
        upload = Upload(path=path, attestations=tuple(attestations))
        for attempt in range(UPLOAD_ATTEMPTS):
            try:
                send(self._endpoints.upload_url, upload, token, ca_file=self._ca_file, timeout_s=UPLOAD_TIMEOUT_S)
            except TagsealError as error:
                if not error.code.id.startswith("service-") or attempt == UPLOAD_ATTEMPTS - 1:
                    raise
            else:
                return
            self._clock.sleep(2.0**attempt)

    def download(self, file: IndexFile, dest: Path) -> None:
        """Raises: index-bytes-differ, service-*."""
        try:
            answer = self._http.download(file.url, dest, expected_sha256=file.sha256)
        except TagsealError as error:
            if error.code is not codes.DOWNLOAD_DIFFERS:
                raise
            raise TagsealError(INDEX_BYTES_DIFFER, error.what) from error
        if answer.status != _OK:
            raise TagsealError(codes.SERVICE_ERROR, f"The index lists {file.name} but answers {answer.status} for it.")

    def provenance(self, file: IndexFile) -> bytes | None:
        """Raises: service-*."""
        if not file.provenance_url:
            return None
        answer = self._http.get(file.provenance_url, headers={"Accept": _INTEGRITY_JSON, "Cache-Control": "no-cache"})
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise TagsealError(
                codes.SERVICE_NONSENSE, f"The index answered {answer.status} for {file.name}'s provenance."
            )
        return answer.body


def _file(entry: Json, page: str) -> IndexFile:
    """Return one entry of the PEP 691 `files` list; an index without SHA-256 digests is of no use here."""
    if isinstance(entry, Mapping):
        name, url, hashes = entry.get("filename"), entry.get("url"), entry.get("hashes")
        sha256 = hashes.get("sha256") if isinstance(hashes, Mapping) else None
        if isinstance(name, str) and isinstance(url, str) and isinstance(sha256, str) and _SHA256.match(sha256):
            size, provenance = entry.get("size"), entry.get("provenance")
            return IndexFile(
                name=name,
                url=urljoin(page, url),
                sha256=f"sha256:{sha256}",
                size_bytes=size if isinstance(size, int) else 0,
                is_yanked=bool(entry.get("yanked")),
                provenance_url=_same_site(page, provenance) if isinstance(provenance, str) else "",
            )
    raise TagsealError(codes.SERVICE_NONSENSE, f"{page} lists a file without name, address or SHA-256.")


def _same_site(page: str, url: str) -> str:
    """Return the absolute URL; an answer that sends us to plain HTTP elsewhere is refused by the client."""
    found = urljoin(page, url)
    return found if urlsplit(found).scheme in {"http", "https"} else ""
