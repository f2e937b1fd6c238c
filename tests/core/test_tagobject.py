from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagseal.core.tagobject import parse
from tagseal.errors import TagsealError

COMMIT = "c0ffee" + "0" * 34
HEADER = f"object {COMMIT}\ntype commit\ntag v1.0\ntagger Ada <ada@example.org> 1700000000 +0100\n\n".encode()
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"


def test_signed_tag() -> None:
    tag = parse(HEADER + b"Release\n" + SIGNATURE)
    assert (tag.object_id, tag.object_type, tag.name) == (COMMIT, "commit", "v1.0")
    assert (tag.tagger, tag.tagger_time_s) == ("Ada <ada@example.org>", 1_700_000_000)
    assert (tag.payload, tag.signature, tag.signature_kind) == (HEADER + b"Release\n", SIGNATURE, "ssh")


def test_unsigned_tag() -> None:
    tag = parse(HEADER + b"Release\n")
    assert (tag.payload, tag.signature, tag.signature_kind) == (HEADER + b"Release\n", b"", "")


def test_gpg_signed_tag() -> None:
    tag = parse(HEADER + b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")
    assert (tag.payload, tag.signature_kind) == (HEADER, "gpg")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER[:-1],
        HEADER.replace(b"type commit\n", b""),
        HEADER.replace(b"tag v1.0\n", b"tag v1.0\ntag v2.0\n"),
        HEADER.replace(b"type commit\ntag v1.0\n", b"tag v1.0\ntype commit\n"),
        HEADER.replace(b"tag v1.0\n", b"tag v1.0\nx-extra: 1\n"),
        HEADER.replace(b"tag v1.0\n", b"tag v1.0\r\n"),
        HEADER.replace(b"c0ffee", b"C0FFEE"),
        HEADER.replace(b"1700000000", b"-1"),
        HEADER.replace(b"tag v1.0", b"tag v1.\xff"),
        HEADER.replace(b"\n\n", b"\ngpgsig -----BEGIN\n\n"),
        HEADER + b"nul\0\n",
        HEADER + SIGNATURE + SIGNATURE,
        HEADER + SIGNATURE + b"after",
        HEADER + SIGNATURE[:-1],
        HEADER + b"-----BEGIN PGP SIGNATURE-----\n" + SIGNATURE,
        HEADER + b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n",
        HEADER + b"-----BEGIN PGP MESSAGE-----\nx\n-----END PGP MESSAGE-----\n" + SIGNATURE,
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(TagsealError) as caught:
        parse(data)
    assert (caught.value.code.id, caught.value.exit_code) == ("tag-malformed", 1)


def test_other_signature_formats() -> None:
    with pytest.raises(TagsealError) as caught:
        parse(HEADER + b"-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n")
    assert (caught.value.code.id, caught.value.exit_code) == ("tag-signature-unsupported", 1)


@given(st.binary(max_size=200))
def test_payload_and_signature_are_the_whole_object(message: bytes) -> None:
    data = HEADER + message
    try:
        tag = parse(data)
    except TagsealError:
        return
    assert tag.payload + tag.signature == data
