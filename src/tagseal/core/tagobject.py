"""The bytes of an annotated tag, parsed strictly: one meaning for git, for the signature tools and for us.

Git's form: the lines `object`, `type`, `tag`, `tagger`, an empty line, the message, and at the very end the
armoured signature over everything before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tagseal.errors import Code, ExitCode, TagsealError

TAG_MALFORMED: Final = Code(
    id="tag-malformed",
    exit_code=ExitCode.FAIL,
    why="A tag that two programs read differently can show each of them another commit or signature.",
    fix="Delete the tag and make it again with `git tag -s`.",
)
TAG_SIGNATURE_UNSUPPORTED: Final = Code(
    id="tag-signature-unsupported",
    exit_code=ExitCode.FAIL,
    why="Only SSH and OpenPGP signatures can be checked here against the allowlist, offline.",
    fix="Sign the tag with an SSH or OpenPGP key that the policy file lists.",
)

_HEADER: Final = re.compile(
    rb"object ([0-9a-f]{40}|[0-9a-f]{64})\n"
    rb"type (commit|tree|blob|tag)\n"
    rb"tag ([^\x00-\x20\x7f]+)\n"
    rb"tagger ([^\n<>]*<[^\n<>]*>) ([0-9]{1,12}) [+-][0-9]{4}\n"
    rb"\n"
)
_ARMOUR_LINE: Final = re.compile(rb"^-----BEGIN [A-Z ]+-----$", re.MULTILINE)
_ARMOURS: Final = {
    b"-----BEGIN SSH SIGNATURE-----": ("ssh", b"-----END SSH SIGNATURE-----\n"),
    b"-----BEGIN PGP SIGNATURE-----": ("gpg", b"-----END PGP SIGNATURE-----\n"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagObject:
    """One annotated tag."""

    object_id: str
    """What it names, hex."""
    object_type: str
    """`commit`, `tree`, `blob` or `tag`."""
    name: str
    """The name inside the object: a ref of another name is a replay."""
    tagger: str
    """`Name <address>` as claimed; not checked."""
    tagger_time_s: int
    """Seconds since the epoch as claimed; never the time at which a signature is judged."""
    payload: bytes
    """What is signed: everything before the signature."""
    signature: bytes
    """The armour with its last line feed; empty when unsigned."""
    signature_kind: str
    """`ssh`, `gpg`, or empty when unsigned."""


def parse(data: bytes) -> TagObject:
    """Parse a tag object's content.

    Raises:
        TagsealError: `tag-malformed`, `tag-signature-unsupported`.
    """
    header = _HEADER.match(data)
    if header is None or b"\0" in data:
        raise TagsealError(TAG_MALFORMED, "The tag object does not start with exactly object, type, tag and tagger.")
    try:
        name, tagger = header[3].decode("utf-8"), header[4].decode("utf-8")
    except UnicodeDecodeError:
        raise TagsealError(TAG_MALFORMED, "The tag object's header is not UTF-8.") from None
    payload, signature, kind = _split(data, header.end())
    return TagObject(
        object_id=header[1].decode(),
        object_type=header[2].decode(),
        name=name,
        tagger=tagger,
        tagger_time_s=int(header[5]),
        payload=payload,
        signature=signature,
        signature_kind=kind,
    )


def _split(data: bytes, start: int) -> tuple[bytes, bytes, str]:
    """Return (payload, signature, kind); the message may hold no armour of its own, for git takes the last one."""
    armours = list(_ARMOUR_LINE.finditer(data, start))
    if not armours:
        return data, b"", ""
    if len(armours) > 1:
        raise TagsealError(TAG_MALFORMED, f"The tag object holds {len(armours)} armoured blocks; one is allowed.")
    place = armours[0].start()
    if armours[0][0] not in _ARMOURS:
        raise TagsealError(TAG_SIGNATURE_UNSUPPORTED, f"The tag's signature is a block of {armours[0][0].decode()}.")
    kind, end = _ARMOURS[armours[0][0]]
    signature = data[place:]
    if not signature.endswith(b"\n" + end) or signature.count(end) != 1:
        raise TagsealError(TAG_MALFORMED, "The tag object does not end with its signature's last line.")
    return data[:place], signature, kind
