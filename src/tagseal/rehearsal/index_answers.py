"""Small pieces of Warehouse's protocol: reading credentials, and how refusals look on the wire."""

from __future__ import annotations

import base64
import binascii
import json
from html import escape
from typing import Final

from tagseal.core.canonical import Json
from tagseal.rehearsal.http import Request, Response, json_response

_TITLES: Final = {400: "Bad Request", 403: "Forbidden"}
_EXPLANATIONS: Final = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
}


def token_field(body: bytes) -> str | None:
    """Return the string `token` of a JSON object, or None."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    token = value.get("token") if isinstance(value, dict) else None
    return token if isinstance(token, str) else None


def password(header: str) -> str | None:
    """Return the password of Basic authentication as `__token__`, or None for any other header."""
    scheme, _, value = header.partition(" ")
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if scheme.lower() == "basic" and user == "__token__" else None


def mint_refusal(code: str, description: str) -> Response:
    """Return the answer to a refused token exchange."""
    errors: Json = [{"code": code, "description": description}]
    return json_response(422, {"message": "Token request failed", "errors": errors})


def upload_refusal(request: Request, status: int, message: str) -> Response:
    """Return the answer to a refused upload: JSON for those who ask for it, otherwise HTML."""
    # Warehouse puts the text into the reason phrase as well: all that some clients show.
    reason = " ".join(message.split()).encode("ascii", "replace").decode()
    code, title = f"{status} {reason}", _TITLES[status]
    if "application/json" in request.headers.get("accept", ""):
        text = f"{_EXPLANATIONS[status]}\n\n\n{message}\n\n"
        body = json_response(status, {"message": text, "code": code, "title": title}).body
        return Response(status=status, body=body, reason=reason)
    page = (
        f"<html>\n <head>\n  <title>{escape(code)}</title>\n </head>\n <body>\n  <h1>{escape(code)}</h1>\n"
        f"  {_EXPLANATIONS[status]}<br/><br/>\n{escape(message)}\n\n\n </body>\n</html>"
    )
    return Response(status=status, body=page.encode(), content_type="text/html; charset=UTF-8", reason=reason)
