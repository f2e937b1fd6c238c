from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagseal.core.policy import GeneratedPath, Policy, PolicySigner, SandboxPolicy, Waiver
from tagseal.errors import TagsealError
from tagseal.policy_file import parse, read_override

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHFv3jL8afrgZbJfPB693QbNN4J8Rn+7cbKXa+iItPzq"
IMAGE = "quay.io/pypa/manylinux_2_28_x86_64@sha256:39df0042d5cc900b085aa25a0659368b42a0006c54c474299b785b44c1b4ff82"
FULL = f"""\
version: 1
release-branch: release/1.x
signers:
  - name: ada
    ssh: {KEY} laptop
    until: 2027-06-30
  - name: bob
    ssh: "{KEY}"
sandbox:
  kind: docker
  image: {IMAGE}
generated:
  - path: engine/_version.py
    reason: Written by the backend from the tag.
waivers:
  - id: W-1
    check: sdist-member
    subject: engine/x.py
    reason: Known.
    owner: ada
    expires: "2026-12-31"
"""


def test_every_key() -> None:
    assert parse(FULL.encode()) == Policy(
        release_branch="release/1.x",
        signers=(
            PolicySigner(name="ada", kind="ssh", key=f"{KEY} laptop", until="2027-06-30"),
            PolicySigner(name="bob", kind="ssh", key=KEY, until=""),
        ),
        sandbox=SandboxPolicy(kind="docker", image=IMAGE),
        generated=(GeneratedPath(path="engine/_version.py", reason="Written by the backend from the tag."),),
        waivers=(
            Waiver(
                id="W-1",
                check="sdist-member",
                subject="engine/x.py",
                reason="Known.",
                owner="ada",
                expires="2026-12-31",
            ),
        ),
    )


def test_the_smallest_file() -> None:
    assert parse(b"version: 1\n") == Policy()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "empty"),
        ("- 1\n", 1, "expected a mapping"),
        ("signers: []\n", 1, "'version' is missing"),
        ("version: 2\n", 1, "version: 1"),
        ("version: '1'\n", 1, "expected int"),
        ("version: 1\nsigner: []\n", 2, "'signer' is unknown"),
        ("version: 1\n\nversion: 1\n", 3, "there twice"),
        ("version: 1\non: 1\n", 2, "expected str"),
        ("version: 1\nsigners: {}\n", 2, "expected a list"),
        ("version: 1\nsigners:\n  - name: a\n", 3, "exactly one"),
        (f"version: 1\nsigners:\n  - name: a\n    ssh: {KEY}\n    gpg: x\n", 5, "cannot be used"),
        ("version: 1\nsigners:\n  - name: a\n    ssh: x\n", 4, "cannot be used"),
        (f"version: 1\nsigners:\n  - name: a b\n    ssh: {KEY}\n", 3, "without spaces"),
        (f"version: 1\nsigners:\n  - name: a\n    ssh: {KEY}\n    until: 2027-02-30\n", 5, "no day"),
        (f"version: 1\nsigners:\n  - name: a\n    ssh: {KEY}\n    until: soon\n", 5, "YYYY-MM-DD"),
        (f"version: 1\nsigners: [{{name: a, ssh: '{KEY}'}}, {{name: a, ssh: '{KEY}'}}]\n", 1, "two signers"),
        ("version: 1\nsandbox: {kind: vm}\n", 2, "expected one of"),
        ("version: 1\nsandbox: {image: 'python:3'}\n", 2, "by digest"),
        ("version: 1\nrelease-branch: yes\n", 2, "expected str"),
        ("version: 1\nrelease-branch: -x\n", 2, "branch"),
        ("version: 1\nrelease-branch: a..b\n", 2, "branch"),
        ("version: 1\ngenerated: [{path: ../a, reason: r}]\n", 2, "relative path"),
        ("version: 1\ngenerated: [{path: /a, reason: r}]\n", 2, "relative path"),
        ("version: 1\ngenerated: [{path: a}]\n", 2, "'reason' is missing"),
        ("version: 1\ngenerated: [{path: a, reason: ''}]\n", 2, "not empty"),
        ('version: 1\ngenerated: [{path: a, reason: "\\ud83d"}]\n', 2, "surrogates"),
        ('version: 1\ngenerated: [{path: "a\\e", reason: r}]\n', 2, "control characters"),
        ("version: 1\nsigners: &a []\n", 2, "anchors"),
        ("version: 1\nsigners: *a\n", 2, "anchors"),
        ("version: 1\nsigners: !!python/object/apply:os.system [id]\n", 2, "tags"),
        ("version: 1\n---\nversion: 1\n", 2, "not YAML"),
        ("version: 1\nsigners: [\n", 3, "not YAML"),
        ("version: 1\nsigners: " + "[" * 9 + "]" * 9 + "\n", 2, "deeper"),
        ("version: 1\nx: \x07\n", 1, "forbids"),
        ("#" * 300_000, 1, "at most"),
    ],
)
def test_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(TagsealError) as caught:
        parse(text.encode())
    assert (caught.value.code.id, caught.value.exit_code) == ("policy-invalid", 2)
    assert (caught.value.file, caught.value.line) == (".github/tagseal.yml", line)
    assert says in caught.value.what


def test_not_utf8() -> None:
    with pytest.raises(TagsealError) as caught:
        parse(b"version: 1\nx: \xff\n")
    assert (caught.value.code.id, caught.value.line) == ("policy-invalid", 2)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["version: 1", "a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(TagsealError) as caught:
        parse("\n".join(lines).encode())
    assert (caught.value.code.id, caught.value.line) == ("policy-invalid", 2)


@given(st.text(alphabet="version: 1\n-[]{}&*!'\"#|>%@`,?sgnr", max_size=60))
def test_any_text_is_a_policy_or_a_clear_error(text: str) -> None:
    try:
        assert isinstance(parse(text.encode()), Policy)
    except TagsealError as error:
        if error.code.id != "policy-invalid" or error.line is None:
            raise


def test_read_override(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 10)
    assert read_override(tmp_path / "f") == b"x" * 10
    for path, limit in ((tmp_path / "none", 10), (tmp_path / "f", 9), (tmp_path, 10)):
        with pytest.raises(TagsealError) as caught:
            read_override(path, max_bytes=limit)
        assert (caught.value.code.id, caught.value.exit_code) == ("override-unreadable", 2)
