"""The claims of a JSON Web Token, read without checking its signature.

Only for a token that came straight from its issuer over a channel that already proves who answered (the runner's
own token endpoint); a relying party checks the signature.

Spec: RFC 7519.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from tagseal.core import canonical
from tagseal.core.canonical import Json
from tagseal.errors import TagsealError

MAX_TOKEN_CHARS: Final = 64 * 2**10
LEEWAY_S: Final = 60
_PARTS: Final = 3


def read_claims(token: str, *, audience: str, now_s: int) -> Mapping[str, Json]:
    """Return the claims of a token that is for `audience` and has not expired at `now_s` (a minute of leeway).

    Raises:
        ValueError: the token is malformed, for somebody else, or expired; the text never holds the token.
    """
    parts = token.split(".")
    if len(token) > MAX_TOKEN_CHARS or len(parts) != _PARTS:
        raise ValueError("it is not a JSON Web Token")
    try:
        text = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = canonical.parse(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TagsealError) as error:
        raise ValueError("its claims are not base64url JSON") from error
    if not isinstance(claims, dict):
        raise ValueError("its claims are not an object")  # noqa: TRY004 - the caller judges the value
    if claims.get("aud") != audience:
        raise ValueError(f"it is not for the audience {audience!r}")
    expires = claims.get("exp")
    if not isinstance(expires, int) or isinstance(expires, bool) or expires + LEEWAY_S < now_s:
        raise ValueError("it has expired or does not say when it does")
    return claims
