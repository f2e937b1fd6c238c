"""Public keys as a person writes them into the policy file: SSH lines and armoured OpenPGP blocks.

A line of the allowlist is handed to ssh-keygen, whose own format knows options and patterns; only plain keys pass.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

MIN_RSA_BITS: Final = 2048
MAX_KEY_BYTES: Final = 1 << 16
_SSH_KINDS: Final = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)
_SSH_LINE: Final = re.compile(r"([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})(?: [\x20-\x7e]*)?")
_PGP_BLOCK: Final = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\n"
    r"(?:[A-Za-z]+: [^\n]*\n)*[ \t]*\n"
    r"((?:[A-Za-z0-9+/=]+[ \t]*\n)+?)"
    r"(?:=[A-Za-z0-9+/]{4}[ \t]*\n)?"
    r"-----END PGP PUBLIC KEY BLOCK-----\s*"
)


class KeyTextError(ValueError):
    """The text is not a key that may be listed; the message says why, to follow a colon."""


def ssh_blob(line: str) -> bytes:
    """Return the binary public key in one line of the form `kind base64 [comment]`.

    Raises: KeyTextError for options, certificates, DSA, RSA below 2048 bits and anything malformed.
    """
    match = _SSH_LINE.fullmatch(line.strip(" "))
    if match is None:
        raise KeyTextError("expected one line `ssh-ed25519 AAAA…`, without options")
    if match[1] not in _SSH_KINDS:
        raise KeyTextError(f"keys of the kind {match[1]} are not accepted")
    try:
        blob = base64.b64decode(match[2], validate=True)
        fields = ssh_strings(blob)
    except (binascii.Error, ValueError) as error:
        raise KeyTextError("its base64 part is damaged") from error
    if not fields or fields[0] != match[1].encode():
        raise KeyTextError("its base64 part is of another kind than its first word")
    if match[1] == "ssh-rsa" and (len(fields) != 3 or _bits(fields[2]) < MIN_RSA_BITS):  # noqa: PLR2004 - kind, e, n
        raise KeyTextError(f"an RSA key needs at least {MIN_RSA_BITS} bits")
    return blob


def ssh_strings(blob: bytes) -> list[bytes]:
    """Split a sequence of SSH strings (RFC 4251 section 5). Raises: ValueError when it does not end evenly."""
    found: list[bytes] = []
    place = 0
    while place < len(blob):
        size = int.from_bytes(blob[place : place + 4], "big")
        if place + 4 + size > len(blob):
            raise ValueError("an SSH string runs past the end")
        found.append(blob[place + 4 : place + 4 + size])
        place += 4 + size
    return found


def _bits(number: bytes) -> int:
    return int.from_bytes(number, "big").bit_length()


def pgp_bytes(text: str) -> bytes:
    """Return the binary packets of one armoured OpenPGP public key block (RFC 9580 section 6.2).

    Raises: KeyTextError for anything but one such block; a secret key is none.
    """
    match = _PGP_BLOCK.fullmatch(text.replace("\r\n", "\n").lstrip() + "\n") if len(text) <= MAX_KEY_BYTES else None
    if match is None:
        raise KeyTextError("expected one block `-----BEGIN PGP PUBLIC KEY BLOCK-----`")
    try:
        data = base64.b64decode(re.sub(r"\s", "", match[1]), validate=True)
    except binascii.Error as error:
        raise KeyTextError("its base64 part is damaged") from error
    if not data or _packet_tag(data[0]) != _PUBLIC_KEY_PACKET:
        raise KeyTextError("it does not start with a public key")
    return data


_PUBLIC_KEY_PACKET: Final = 6


def _packet_tag(first: int) -> int:
    """Return the packet type in a packet's first byte (RFC 9580 section 4.2); -1 when it is none."""
    if not first & 0x80:
        return -1
    return first & 0x3F if first & 0x40 else (first & 0x3C) >> 2
