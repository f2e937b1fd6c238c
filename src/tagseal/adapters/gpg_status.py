"""What gpgv says on its status channel (GnuPG's doc/DETAILS), reduced to one verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_PREFIX: Final = "[GNUPG:] "
_PRIMARY_FIELD: Final = 9
_EXPIRES_FIELD: Final = 3
_REASONS: Final = (
    ("NO_PUBKEY", "unknown-signer"),
    ("REVKEYSIG", "revoked-key"),
    ("EXPKEYSIG", "expired-key"),
    ("BADSIG", "bad-signature"),
    ("EXPSIG", "bad-signature"),
    ("ERRSIG", "bad-signature"),
)
"""In order of weight: the first that was said is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpgVerdict:
    """One signature's verdict."""

    fingerprint: str
    """The primary key's, upper-case hex; empty when unknown."""
    reason: str
    """Empty when good; else `unknown-signer`, `revoked-key`, `expired-key`, `bad-signature` or `unreadable`."""


def read_status(output: bytes, *, exit_code: int, at_s: int) -> GpgVerdict:
    """Judge one run of gpgv; good needs exit code 0, one GOODSIG, one VALIDSIG and nothing against it.

    A signature that carries an end of its own before `at_s` (seconds since the epoch) is not good either.
    """
    lines = [
        line.removeprefix(_PREFIX).split()
        for line in output.decode("utf-8", "replace").splitlines()
        if line.startswith(_PREFIX)
    ]
    said = [words[0] for words in lines if words]
    valid = [words[1:] for words in lines if words and words[0] == "VALIDSIG"]
    fingerprint = valid[0][_PRIMARY_FIELD] if len(valid) == 1 and len(valid[0]) > _PRIMARY_FIELD else ""
    for word, reason in _REASONS:
        if word in said:
            return GpgVerdict(fingerprint=fingerprint, reason=reason)
    if "NEWSIG" not in said or "NODATA" in said:
        return GpgVerdict(fingerprint="", reason="unreadable")
    is_one = said.count("NEWSIG") == said.count("GOODSIG") == len(valid) == 1
    if exit_code != 0 or not is_one or not fingerprint or _is_over(valid[0][_EXPIRES_FIELD], at_s):
        return GpgVerdict(fingerprint=fingerprint, reason="bad-signature")
    return GpgVerdict(fingerprint=fingerprint, reason="")


def _is_over(expires: str, at_s: int) -> bool:
    """`0` stands for no end."""
    return expires != "0" and (not expires.isdecimal() or int(expires) < at_s)
