"""The transparency log's API, as Rekor v1 answers it.

Spec: Rekor's OpenAPI document (v1). Codes above 600 are its framework's, for parameters that do not fit the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError
from tagseal.rehearsal import keys
from tagseal.rehearsal.http import Request, Response, json_response
from tagseal.rehearsal.rekor_entry import EntryRefusedError, stored_body
from tagseal.rehearsal.rekor_log import LogEntry, TransparencyLog

LOG: Final = "/api/v1/log"
PUBLIC_KEY: Final = "/api/v1/log/publicKey"
ENTRIES: Final = "/api/v1/log/entries"
_KINDS: Final = ("hashedrekord", "dsse")
_UUID: Final = re.compile(r"[0-9a-fA-F]{64}|[0-9a-fA-F]{80}")
_INDEX: Final = re.compile(r"-?[0-9]{1,18}")
_REQUIRED, _WRONG_TYPE, _PATTERN, _TOO_SMALL = 602, 601, 605, 609


class _AnsweredError(Exception):
    """The request is refused with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def _refusal(status: int, message: str, *, code: int | None = None) -> _AnsweredError:
    return _AnsweredError(json_response(status, {"code": code or status, "message": message}))


class RekorService:
    """The HTTP face of one log."""

    def __init__(self, *, log: TransparencyLog) -> None:
        """Serve `log`."""
        self._log = log

    def handle(self, request: Request) -> Response:
        """Answer below `/api/v1/log`."""
        try:
            return self._route(request)
        except _AnsweredError as answer:
            return answer.response

    def _route(self, request: Request) -> Response:
        if request.path == ENTRIES:
            _only(request, "GET", "POST")
            return self._create(request) if request.method == "POST" else self._by_index(request)
        if request.path not in {LOG, PUBLIC_KEY} and not request.path.startswith(f"{ENTRIES}/"):
            raise _refusal(404, f"path {request.path} was not found")
        _only(request, "GET")
        if request.path == LOG:
            return json_response(200, self._log.info())
        if request.path == PUBLIC_KEY:
            pem = keys.public_pem(self._log.public_key)
            return Response(status=200, body=pem, content_type="application/x-pem-file")
        return self._by_uuid(request.path.removeprefix(f"{ENTRIES}/"))

    def _by_index(self, request: Request) -> Response:
        value = request.query.get("logIndex", [""])[0]
        if not value:
            raise _refusal(422, "logIndex in query is required", code=_REQUIRED)
        if not _INDEX.fullmatch(value):
            raise _refusal(422, f'logIndex in query must be of type int64: "{value}"', code=_WRONG_TYPE)
        if int(value) < 0:
            raise _refusal(422, "logIndex in query should be greater than or equal to 0", code=_TOO_SMALL)
        return self._found(self._log.by_index(int(value)))

    def _by_uuid(self, uuid: str) -> Response:
        if not _UUID.fullmatch(uuid):
            pattern = "^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$"
            raise _refusal(422, f"entryUUID in path should match '{pattern}'", code=_PATTERN)
        return self._found(self._log.by_uuid(uuid))

    def _found(self, entry: LogEntry | None) -> Response:
        return Response(status=404) if entry is None else json_response(200, self._log.answer(entry))

    def _create(self, request: Request) -> Response:
        entry, is_new = self._log.add(_checked_body(_proposal(request)))
        location = f"{ENTRIES}/{entry.uuid}"
        if is_new:
            headers = {"ETag": entry.uuid, "Location": location}
            return json_response(201, self._log.answer(entry), headers=headers)
        message = f"an equivalent entry already exists in the transparency log with UUID {entry.uuid}"
        return json_response(409, {"code": 409, "message": message}, headers={"Location": location})


def _checked_body(proposal: Mapping[str, Json]) -> bytes:
    kind, api_version, spec = proposal.get("kind"), proposal.get("apiVersion"), proposal.get("spec")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _refusal(422, f'invalid kind value: "{kind}"')
    if not isinstance(api_version, str) or not isinstance(spec, Mapping):
        raise _refusal(422, "validation failure list:\napiVersion and spec in body are required")
    try:
        return stored_body(kind, api_version, spec)
    except EntryRefusedError as error:
        raise _refusal(400, f"error processing entry: {error}") from error


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise _refusal(405, f"method {request.method} is not allowed, but [{','.join(methods)}] are")


def _proposal(request: Request) -> Mapping[str, Json]:
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        allowed = "[application/json application/yaml]"
        raise _refusal(415, f'unsupported media type "{media_type}", only {allowed} are allowed')
    if not request.body:
        raise _refusal(422, "proposedEntry in body is required", code=_REQUIRED)
    try:
        value = canonical.parse(request.body)
    except TagsealError as error:
        raise _refusal(500, "the proposed entry is not JSON") from error
    if not isinstance(value, Mapping):
        raise _refusal(500, "the proposed entry is not a JSON object")
    return value
