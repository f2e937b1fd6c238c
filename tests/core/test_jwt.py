from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tagseal.core.jwt import read_claims

GOOD = {"aud": "tagseal", "exp": 1_000_000, "sub": "x"}


def jwt(claims: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def test_the_claims_are_read_with_a_minute_of_leeway() -> None:
    assert read_claims(jwt(GOOD), audience="tagseal", now_s=1_000_060) == GOOD
    with pytest.raises(ValueError, match="expired"):
        read_claims(jwt(GOOD), audience="tagseal", now_s=1_000_061)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        "e30.!!!.c2ln",
        "e30.e30=.c2ln",
        jwt([]),
        jwt({}),
        jwt({**GOOD, "aud": ["tagseal", "other"]}),
        jwt({**GOOD, "exp": "1000000"}),
        jwt({**GOOD, "exp": True}),
        "e30." + base64.urlsafe_b64encode(b'{"aud":"tagseal","aud":"x","exp":9}').decode().rstrip("=") + ".c2ln",
        "e30." + "A" * 70_000 + ".c2ln",
    ],
)
def test_anything_else_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ValueError, match=r"^(it|its) ") as caught:
        read_claims(token, audience="tagseal", now_s=1)
    assert len(token) < 4 or token not in str(caught.value)
