from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tagseal.commands import options
from tagseal.errors import TagsealError
from tagseal.secret import Secret
from tagseal.step import option


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    tag: str = field(metadata=option("The tag, 100% of it."))
    wait_s: int = field(default=9, metadata=option("Seconds."))
    no_urls: bool = field(default=False, metadata=option("No addresses."))
    lock: Path | None = field(default=None, metadata=option("A file."))
    kinds: tuple[str, ...] = field(default=("a", "b"), metadata=option("Kinds."))
    api_token: Secret | None = field(default=None, metadata=option("Token.", secret_env="MADE_UP_TOKEN"))


def parser(*positional: str) -> options.Parser:
    made = options.Parser(prog="tagseal made-up", allow_abbrev=False)
    options.add(made, Params, positional)
    return made


def params(*words: str) -> Params:
    found = options.build(Params, parser().parse(words))
    assert isinstance(found, Params)
    return found


def usage(*words: str) -> str:
    with pytest.raises(TagsealError) as caught:
        params(*words)
    assert (caught.value.code.id, caught.value.exit_code) == ("wrong-usage", 2)
    return caught.value.what


def test_one_declaration_is_every_view() -> None:
    found = options.options(Params)
    assert [(entry.name, entry.kind, entry.default) for entry in found] == [
        ("tag", "text", ""),
        ("wait-s", "number", "9"),
        ("no-urls", "flag", "False"),
        ("lock", "path", ""),
        ("kinds", "list", "a, b"),
        ("api-token", "secret", ""),
    ]
    assert found[5].secret_env == "MADE_UP_TOKEN"


def test_words_become_params() -> None:
    assert params("--tag", "v1") == Params(tag="v1")
    given = params("--tag=v1", "--wait-s", "0", "--no-urls", "--lock", "a/b", "--kinds", "x", "--kinds", "y")
    assert given == Params(tag="v1", wait_s=0, no_urls=True, lock=Path("a/b"), kinds=("x", "y"))


def test_positional_words() -> None:
    found = options.build(Params, parser("tag").parse(["v1", "--no-urls"]))
    assert found == Params(tag="v1", no_urls=True)


def test_a_secret_comes_from_its_variable_and_has_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    assert params("--tag", "v1").api_token is None
    monkeypatch.setenv("MADE_UP_TOKEN", "")
    assert params("--tag", "v1").api_token is None
    monkeypatch.setenv("MADE_UP_TOKEN", "s3cret-s3cret")
    token = params("--tag", "v1").api_token
    assert token is not None
    assert token.reveal() == "s3cret-s3cret"
    assert "s3cret-s3cret" not in repr(params("--tag", "v1"))
    assert "there is no option '--api-token'" in usage("--tag", "v1", "--api-token", "s3cret-s3cret")


def test_what_a_person_mistypes() -> None:
    assert usage() == "--tag is needed."
    assert usage("--tag", "v1", "--wait", "3") == (
        "tagseal made-up: there is no option '--wait'. Did you mean --wait-s?"
    )
    assert usage("--tag", "v1", "--no-url") == (
        "tagseal made-up: there is no option '--no-url'. Did you mean --no-urls?"
    )
    assert usage("--tag", "v1", "--wait-s", "soon") == "--wait-s takes a whole number, not 'soon'."
    assert usage("--tag", "v1", "--wait-s=-5") == "--wait-s takes a whole number, not '-5'."
    assert usage("--tag") == "tagseal made-up: argument --tag: expected one argument."
    assert usage("--tag", "v1", "--zzzzzzz") == "tagseal made-up: there is no option '--zzzzzzz'."
    assert usage("--tag", "v1", "stray") == "tagseal made-up: there is no option 'stray'."
    assert usage("--tag", "v1", "--no-urls=yes") == (
        "tagseal made-up: argument --no-urls: ignored explicit argument 'yes'."
    )


def test_help_takes_percent_signs_and_shows_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    text = parser().format_help()
    assert "The tag, 100% of it." in text
    assert "Seconds. (default: 9)" in text
    assert "api-token" not in text
