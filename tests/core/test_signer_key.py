from __future__ import annotations

import base64

import pytest

from tagseal.core.signer_key import KeyTextError, pgp_bytes, ssh_blob, ssh_strings


def packed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def line(kind: str, *fields: bytes, inner: str = "") -> str:
    return f"{kind} {base64.b64encode(packed((inner or kind).encode(), *fields)).decode()}"


ED25519 = line("ssh-ed25519", b"k" * 32)


def test_plain_keys() -> None:
    assert ssh_blob(ED25519) == packed(b"ssh-ed25519", b"k" * 32)
    assert ssh_blob(f"{ED25519} ada@example.org laptop") == ssh_blob(ED25519)
    assert ssh_blob(line("ssh-rsa", b"\1\0\1", b"\0" + b"\xff" * 256))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        f'cert-authority,namespaces="git" {ED25519}',
        f"* {ED25519}",
        f"{ED25519}\n{ED25519}",
        line("ssh-dss", b"k"),
        line("ssh-ed25519-cert-v01@openssh.com", b"k"),
        line("ssh-ed25519", b"k", inner="ssh-rsa"),
        line("ssh-rsa", b"\1\0\1", b"\0" + b"\x7f" + b"\xff" * 127),
        "ssh-ed25519 AAAA",
        "ssh-ed25519 AAAAC",
        "ssh-ed25519 !!!!",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(KeyTextError):
        ssh_blob(text)


def test_strings_that_run_past_the_end() -> None:
    with pytest.raises(ValueError, match="past the end"):
        ssh_strings(b"\0\0\0\5abc")


def block(data: bytes, kind: str = "PUBLIC KEY BLOCK") -> str:
    return f"-----BEGIN PGP {kind}-----\n\n{base64.b64encode(data).decode()}\n=abcd\n-----END PGP {kind}-----\n"


def test_pgp_block() -> None:
    assert pgp_bytes(block(b"\x98\1x")) == b"\x98\1x"
    assert pgp_bytes(block(b"\xc6\1x").replace("\n\n", "\nComment: x\n\n").replace("=abcd\n", "")) == b"\xc6\1x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        block(b"\x94\1x", "PRIVATE KEY BLOCK"),
        block(b"\x94\1x"),  # a secret key's packet in a public block
        block(b"\x18\1x"),
        block(b"\x98\1x") * 2,
        block(b"\x98\1x").replace("=abcd", "=a"),
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nA===\n-----END PGP PUBLIC KEY BLOCK-----\n",
        "x" * 100_000,
    ],
)
def test_other_blocks_are_refused(text: str) -> None:
    with pytest.raises(KeyTextError):
        pgp_bytes(text)
