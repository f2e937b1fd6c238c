"""Checks SSH and OpenPGP signatures with the stock programs, each against keys we hand it and nothing else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tagseal.adapters import process
from tagseal.adapters.gpg_status import read_status
from tagseal.core.signer_key import KeyTextError, pgp_bytes, ssh_blob, ssh_strings
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import SignatureRead, TrustedKey

SIGNATURE_TOOL_MISSING: Final = Code(
    id="signature-tool-missing",
    exit_code=ExitCode.USAGE,
    why="SSH signatures are checked by ssh-keygen, OpenPGP signatures by gpgv; without the program nothing is known.",
    fix="Install it: Debian's packages are openssh-client and gpgv.",
)
SIGNATURE_UNREADABLE: Final = Code(
    id="signature-unreadable",
    exit_code=ExitCode.FAIL,
    why="A signature that cannot be taken apart cannot be assigned to a signer.",
    fix="Delete the tag and sign a new one; list keys as `ssh-keygen -L` or `gpg --armor --export` print them.",
)

NAMESPACE: Final = "git"
_TIMEOUT_S: Final = 30.0
_MAX_OUTPUT_BYTES: Final = 1 << 20
_MAX_SIGNATURE_BYTES: Final = 1 << 16
_SSH_ARMOUR: Final = re.compile(rb"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n?")
_SSHSIG_START: Final = b"SSHSIG\x00\x00\x00\x01"  # PROTOCOL.sshsig: magic and version
_PGP_START: Final = b"-----BEGIN PGP SIGNATURE-----\n"


class StockSignatureChecker:
    """Implements `ports.SignatureChecker` with ssh-keygen and gpgv: no keyring, no agent, no home."""

    def check(self, payload: bytes, signature: bytes, keys: Sequence[TrustedKey], *, at: datetime) -> SignatureRead:
        """For OpenPGP a key's own expiry is judged by the system's clock, for gpgv takes no other."""
        if len(signature) > _MAX_SIGNATURE_BYTES:
            raise TagsealError(SIGNATURE_UNREADABLE, f"The signature has {len(signature)} bytes.")
        try:
            if signature.startswith(_PGP_START):
                return _check_pgp(payload, signature, [key for key in keys if key.kind == "gpg"], at)
            return _check_ssh(payload, signature, [key for key in keys if key.kind == "ssh"], at)
        except KeyTextError as error:
            raise TagsealError(SIGNATURE_UNREADABLE, f"A key of the allowlist cannot be read: {error}.") from error


def _run(argv: list[str], home: Path, data: bytes = b"") -> process.Completed:
    environment = process.clean_environment({"HOME": str(home), "GNUPGHOME": str(home), "TZ": "UTC"})
    try:
        return process.run(
            argv, cwd=home, env=environment, input=data, timeout_s=_TIMEOUT_S, max_output_bytes=_MAX_OUTPUT_BYTES
        )
    except TagsealError as error:
        if error.code is process.TOOL_MISSING:
            raise TagsealError(SIGNATURE_TOOL_MISSING, f"{argv[0]} is not installed.") from error
        raise


def _is_over(key: TrustedKey, at: datetime) -> bool:
    return key.not_after_s is not None and int(at.timestamp()) > key.not_after_s


# --- SSH ------------------------------------------------------------------------------------------


def _check_ssh(payload: bytes, signature: bytes, keys: Sequence[TrustedKey], at: datetime) -> SignatureRead:
    """Find the key that the signature names in the list, then let ssh-keygen judge with that key alone."""
    blob = _signing_key(signature)
    fingerprint = _ssh_fingerprint(blob)
    key = next((key for key in keys if ssh_blob(key.key) == blob), None)
    if key is None:
        return _bad("", fingerprint, "unknown-signer")
    if _is_over(key, at):
        return _bad(key.name, fingerprint, "expired-key")
    with tempfile.TemporaryDirectory(prefix="tagseal-") as folder:
        home = Path(folder)
        words = " ".join(key.key.split()[:2])  # the comment stays out
        (home / "allowed").write_text(f'signer namespaces="{NAMESPACE}" {words}\n', encoding="ascii")
        (home / "signature").write_bytes(signature)
        when = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
        argv = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", "signer", f"-Overify-time={when}"]
        done = _run([*argv, "-f", str(home / "allowed"), "-s", str(home / "signature")], home, payload)
    # ssh-keygen says "Good" for unknown keys too: only exit code and principal together count.
    expected = f'Good "{NAMESPACE}" signature for signer with '
    if done.exit_code == 0 and done.stdout.decode("utf-8", "replace").startswith(expected):
        return SignatureRead(is_good=True, name=key.name, fingerprint=fingerprint, reason="")
    return _bad(key.name, fingerprint, "bad-signature")


def _signing_key(signature: bytes) -> bytes:
    """Return the binary public key inside an armoured SSH signature (PROTOCOL.sshsig)."""
    match = _SSH_ARMOUR.fullmatch(signature)
    try:
        if match is None:
            raise ValueError("armour")
        data = base64.b64decode(match[1].replace(b"\n", b""), validate=True)
        if not data.startswith(_SSHSIG_START):
            raise ValueError("magic")
        return ssh_strings(data[len(_SSHSIG_START) :])[0]
    except (ValueError, IndexError, binascii.Error) as error:
        raise TagsealError(SIGNATURE_UNREADABLE, "The SSH signature is damaged.") from error


def _ssh_fingerprint(blob: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def _bad(name: str, fingerprint: str, reason: str) -> SignatureRead:
    return SignatureRead(is_good=False, name=name, fingerprint=fingerprint, reason=reason)


# --- OpenPGP --------------------------------------------------------------------------------------


def _check_pgp(payload: bytes, signature: bytes, keys: Sequence[TrustedKey], at: datetime) -> SignatureRead:
    """Ask gpgv once per listed key, each time with that key as the whole keyring: so a name is never confused."""
    with tempfile.TemporaryDirectory(prefix="tagseal-") as folder:
        home = Path(folder)
        (home / "signature").write_bytes(signature)
        (home / "payload").write_bytes(payload)
        for key in keys:
            (home / "keyring").write_bytes(pgp_bytes(key.key))
            argv = ["gpgv", "--homedir", str(home), "--keyring", str(home / "keyring"), "--status-fd", "1"]
            done = _run([*argv, "--weak-digest", "SHA1", str(home / "signature"), str(home / "payload")], home)
            found = read_status(done.stdout, exit_code=done.exit_code, at_s=int(at.timestamp()))
            if found.reason == "unreadable":
                raise TagsealError(SIGNATURE_UNREADABLE, "The OpenPGP signature is damaged.")
            if found.reason == "unknown-signer":
                continue
            reason = "expired-key" if not found.reason and _is_over(key, at) else found.reason
            return SignatureRead(is_good=not reason, name=key.name, fingerprint=found.fingerprint, reason=reason)
    return _bad("", "", "unknown-signer")
