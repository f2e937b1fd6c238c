from __future__ import annotations

import json

import pytest

from tagseal.adapters.service_errors import SERVICE_ERROR
from tagseal.errors import TagsealError
from tagseal.secret import Secret, mask

TEXT = "hunter2-is-not-a-password"


def test_a_secret_is_shown_nowhere() -> None:
    secret = Secret(TEXT)
    for shown in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r}",
        str([secret]),
        str({"a": secret}),
    ):
        assert TEXT not in shown
        assert "***" in shown
    assert secret.reveal() == TEXT


def test_it_cannot_be_encoded_or_enumerated() -> None:
    secret = Secret(TEXT)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_masked_from_the_moment_it_is_made() -> None:
    assert mask("before-it-is-known-9a8b") == "before-it-is-known-9a8b"
    Secret("before-it-is-known-9a8b")
    assert mask("x before-it-is-known-9a8b y") == "x *** y"


def test_a_secret_inside_another_leaves_no_rest() -> None:
    Secret("abcdefgh")
    Secret("abcdefgh-and-more")
    assert mask("abcdefgh-and-more abcdefgh") == "*** ***"


def test_short_values_would_blank_out_words() -> None:
    Secret("a")
    Secret("12345")
    assert mask("a word, 12345") == "a word, 12345"


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


def test_an_error_that_holds_a_secret_is_masked_when_it_is_shown() -> None:
    Secret(TEXT)
    error = TagsealError(SERVICE_ERROR, f"the service said {TEXT}")
    assert TEXT not in mask("\n".join(error.lines()))
