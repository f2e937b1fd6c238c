from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tagseal.core.policy import (
    GeneratedPath,
    Policy,
    PolicySigner,
    SandboxPolicy,
    Waiver,
    dump_policy,
    parse_policy,
    waiver_for,
)
from tagseal.core.source import Tree, TreeFile, dump_tree, parse_tree
from tagseal.errors import TagsealError

WAIVER = Waiver(id="w1", check="sdist-member", subject="a.py", reason="r", owner="ada", expires="2026-11-23")
FULL = Policy(
    release_branch="stable",
    signers=(PolicySigner(name="ada", kind="ssh", key="ssh-ed25519 AAAA", until="2030-01-01"),),
    sandbox=SandboxPolicy(kind="docker", image="a@sha256:" + "0" * 64),
    generated=(GeneratedPath(path="a/_v.py", reason="r"),),
    waivers=(WAIVER,),
)


def test_there_and_back() -> None:
    assert parse_policy(dump_policy(FULL)) == FULL
    assert parse_policy(dump_policy(Policy())) == Policy()


def test_tree_there_and_back() -> None:
    tree = Tree(commit="c" * 40, files=(TreeFile(path="a", mode="100644", sha256="sha256:" + "0" * 64),))
    assert parse_tree(dump_tree(tree)) == tree
    assert dump_tree(tree).startswith(b'{"commit":"ccc')


@pytest.mark.parametrize("data", [b"{}", b"[]", b'{"schema":"other"}', dump_policy(FULL).replace(b"generated", b"x")])
def test_other_documents(data: bytes) -> None:
    for parse in (parse_policy, parse_tree):
        with pytest.raises(TagsealError) as caught:
            parse(data)
        assert caught.value.code.id == "result-invalid"


@pytest.mark.parametrize(
    ("check", "subject", "now", "applies"),
    [
        ("sdist-member", "a.py", datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), True),
        ("sdist-member", "a.py", datetime(2026, 11, 24, tzinfo=UTC), False),
        ("sdist-member", "b.py", datetime(2026, 1, 1, tzinfo=UTC), False),
        ("other", "a.py", datetime(2026, 1, 1, tzinfo=UTC), False),
    ],
)
def test_waivers_apply_exactly_and_until_their_day(check: str, subject: str, now: datetime, applies: bool) -> None:  # noqa: FBT001
    assert (waiver_for([WAIVER], check=check, subject=subject, now=now) is WAIVER) is applies
