from __future__ import annotations

import pytest

from tagseal.errors import Code, ExitCode, TagsealError

CODE = Code(id="made-up", exit_code=ExitCode.SERVICE, why="It matters.", fix="Do it again.")


def test_an_error_says_what_why_what_to_do_and_where_to_read_more() -> None:
    assert TagsealError(CODE, "It broke.").lines() == (
        "It broke.",
        "Why it matters: It matters.",
        "What to do: Do it again.",
        "Read more: https://github.com/tagseal/tagseal/blob/main/docs/reference/errors.md#made-up",
    )


@pytest.mark.parametrize(
    ("file", "line", "shown"),
    [
        (".github/tagseal.yml", 3, "It broke. (.github/tagseal.yml:3)"),
        ("pyproject.toml", None, "It broke. (pyproject.toml)"),
        (None, 3, "It broke."),
    ],
)
def test_an_error_points_at_its_place(file: str | None, line: int | None, shown: str) -> None:
    assert TagsealError(CODE, "It broke.", file=file, line=line).lines()[0] == shown


def test_the_object_that_json_prints() -> None:
    assert TagsealError(CODE, "It broke.", fix="Other advice.", file="a", line=1).to_json() == {
        "code": "made-up",
        "exit_code": 3,
        "what": "It broke.",
        "why": "It matters.",
        "fix": "Other advice.",
        "docs": "https://github.com/tagseal/tagseal/blob/main/docs/reference/errors.md#made-up",
        "file": "a",
        "line": 1,
    }


def test_the_exit_codes_are_those_of_the_design() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "PASS": 0,
        "FAIL": 1,
        "USAGE": 2,
        "SERVICE": 3,
        "UNKNOWN": 4,
        "BUG": 70,
        "INTERRUPTED": 130,
    }
