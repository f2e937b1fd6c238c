from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import support_git
from tagseal.adapters.gpg_status import read_status
from tagseal.adapters.keys import StockSignatureChecker
from tagseal.core import tagobject
from tagseal.errors import TagsealError
from tagseal.ports import SignatureRead, TrustedKey

NOW = datetime.now(UTC)


@pytest.fixture
def repo(tmp_path: Path) -> support_git.Repo:
    return support_git.make_repository(tmp_path / "r", {"a": "a"})


@pytest.fixture
def gpg_home() -> Iterator[Path]:
    """A short path: gpg's agent puts a socket there."""
    with tempfile.TemporaryDirectory(prefix="tsg", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def check(
    repo: support_git.Repo, *keys: TrustedKey, at: datetime = NOW, change: tuple[bytes, bytes] = (b"", b"")
) -> SignatureRead:
    tag = tagobject.parse(repo.git("cat-file", "tag", "v1.0").encode() + b"\n")
    return StockSignatureChecker().check(tag.payload.replace(*change), tag.signature, keys, at=at)


def ssh(key: support_git.SshKey, name: str = "ada", not_after_s: int | None = None) -> TrustedKey:
    return TrustedKey(name=name, kind="ssh", key=key.public, not_after_s=not_after_s)


def gpg(key: support_git.GpgKey, name: str = "ada", not_after_s: int | None = None) -> TrustedKey:
    return TrustedKey(name=name, kind="gpg", key=key.public, not_after_s=not_after_s)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_ssh_good(repo: support_git.Repo, tmp_path: Path, kind: str) -> None:
    key, other = (support_git.make_ssh_key(tmp_path / name, kind=kind) for name in ("k", "o"))
    repo.tag_ssh("v1.0", key)
    read = check(repo, ssh(other, "bob"), ssh(key))
    assert (read.is_good, read.name, read.reason) == (True, "ada", "")
    listed = support_git.call(["ssh-keygen", "-l", "-f", str(key.path)], cwd=tmp_path).decode()
    assert read.fingerprint == listed.split()[1]
    assert repo.stock_verify_tag("v1.0", ssh=[key])


def test_ssh_stranger(repo: support_git.Repo, tmp_path: Path) -> None:
    key, stranger = (support_git.make_ssh_key(tmp_path / name) for name in ("k", "s"))
    repo.tag_ssh("v1.0", stranger)
    read = check(repo, ssh(key))
    assert (read.is_good, read.name, read.reason) == (False, "", "unknown-signer")
    assert not repo.stock_verify_tag("v1.0", ssh=[key])


def test_ssh_changed_payload(repo: support_git.Repo, tmp_path: Path) -> None:
    key = support_git.make_ssh_key(tmp_path / "k")
    repo.tag_ssh("v1.0", key)
    read = check(repo, ssh(key), change=(b"tag v1.0", b"tag v9.0"))
    assert (read.is_good, read.name, read.reason) == (False, "ada", "bad-signature")


def test_ssh_other_namespace(repo: support_git.Repo, tmp_path: Path) -> None:
    key = support_git.make_ssh_key(tmp_path / "k")
    signature = support_git.call(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(key.path)], cwd=tmp_path, data=b"x"
    )
    read = StockSignatureChecker().check(b"x", signature, [ssh(key)], at=NOW)
    assert (read.is_good, read.reason) == (False, "bad-signature")


def test_ssh_until(repo: support_git.Repo, tmp_path: Path) -> None:
    key = support_git.make_ssh_key(tmp_path / "k")
    repo.tag_ssh("v1.0", key)
    end = int(NOW.timestamp())
    assert check(repo, ssh(key, not_after_s=end)).is_good
    late = check(repo, ssh(key, not_after_s=end), at=NOW + timedelta(seconds=2))
    assert (late.is_good, late.name, late.reason) == (False, "ada", "expired-key")


@pytest.mark.parametrize(
    "signature",
    [
        b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\n!!!!\n-----END SSH SIGNATURE-----\n",
        b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAf////8=\n-----END SSH SIGNATURE-----\n",
        b"nothing",
        b"x" * 100_000,
        b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n",
    ],
)
def test_damaged_signature(gpg_home: Path, tmp_path: Path, signature: bytes) -> None:
    key = support_git.make_gpg_key(gpg_home / "k")
    keys = [ssh(support_git.make_ssh_key(tmp_path / "k")), gpg(key)]
    key.close()
    with pytest.raises(TagsealError) as caught:
        StockSignatureChecker().check(b"x", signature, keys, at=NOW)
    assert (caught.value.code.id, caught.value.exit_code) == ("signature-unreadable", 1)


def test_missing_tool(repo: support_git.Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = support_git.make_ssh_key(tmp_path / "k")
    repo.tag_ssh("v1.0", key)
    tag = tagobject.parse(repo.git("cat-file", "tag", "v1.0").encode() + b"\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TagsealError) as caught:
        StockSignatureChecker().check(tag.payload, tag.signature, [ssh(key)], at=NOW)
    assert (caught.value.code.id, caught.value.exit_code) == ("signature-tool-missing", 2)


@pytest.mark.parametrize("kind", ["ed25519", "rsa3072"])
def test_gpg_good(repo: support_git.Repo, gpg_home: Path, kind: str) -> None:
    key = support_git.make_gpg_key(gpg_home / "k", kind=kind)
    other = support_git.make_gpg_key(gpg_home / "o")
    repo.tag_gpg("v1.0", key)
    read = check(repo, gpg(other, "bob"), gpg(key))
    assert (read.is_good, read.name, read.fingerprint, read.reason) == (True, "ada", key.fingerprint, "")
    assert repo.stock_verify_tag("v1.0", gpg=key)
    key.close()
    other.close()


def test_gpg_stranger_changed_and_until(repo: support_git.Repo, gpg_home: Path) -> None:
    key, stranger = (support_git.make_gpg_key(gpg_home / name) for name in ("k", "s"))
    repo.tag_gpg("v1.0", key)
    assert check(repo, gpg(stranger)).reason == "unknown-signer"
    assert check(repo).reason == "unknown-signer"
    assert check(repo, gpg(key), change=(b"tag v1.0", b"tag v9.0")).reason == "bad-signature"
    assert check(repo, gpg(key, not_after_s=int(NOW.timestamp()) - 1)).reason == "expired-key"
    key.close()
    stranger.close()


def test_gpg_revoked_key(repo: support_git.Repo, gpg_home: Path) -> None:
    key = support_git.make_gpg_key(gpg_home / "k")
    repo.tag_gpg("v1.0", key)
    key.revoke()
    read = check(repo, gpg(key))
    assert (read.is_good, read.name, read.reason) == (False, "ada", "revoked-key")
    key.close()


def test_gpg_expired_key(repo: support_git.Repo, gpg_home: Path) -> None:
    """The signature was made while the key was good; git's own tagger date does not save it."""
    key = support_git.make_gpg_key(gpg_home / "k", expires="seconds=2")
    repo.tag_gpg("v1.0", key)
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while (read := check(repo, gpg(key))).is_good and datetime.now(UTC) < deadline:
        pass
    assert (read.is_good, read.name, read.reason) == (False, "ada", "expired-key")
    key.close()


def test_gpg_sha1_signature_is_refused(repo: support_git.Repo, gpg_home: Path) -> None:
    key = support_git.make_gpg_key(gpg_home / "k", kind="rsa3072")
    argv = ["gpg", "--batch", "--digest-algo", "SHA1", "--armor", "--detach-sign"]
    signature = support_git.call(argv, cwd=gpg_home, data=b"x", env=key.environment)
    read = StockSignatureChecker().check(b"x", signature, [gpg(key)], at=NOW)
    key.close()
    assert (read.is_good, read.reason) == (False, "bad-signature")


GOOD = (
    "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AB name\n[GNUPG:] VALIDSIG F1 2026-01-01 1700000000 {expires} 4 0 22 10 00 F0\n"
)


@pytest.mark.parametrize(
    ("status", "exit_code", "reason"),
    [
        (GOOD.format(expires=0), 0, ""),
        (GOOD.format(expires=0), 1, "bad-signature"),
        (GOOD.format(expires=1_700_000_001), 0, "bad-signature"),
        (GOOD.format(expires=1_900_000_000), 0, ""),
        (GOOD.format(expires=0) * 2, 0, "bad-signature"),
        (GOOD.format(expires=0) + "[GNUPG:] EXPSIG AB name\n", 0, "bad-signature"),
        (GOOD.format(expires=0) + "[GNUPG:] ERRSIG AB\n", 0, "bad-signature"),
        ("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AB name\n", 0, "bad-signature"),
        ("gpgv: Good signature\n", 0, "unreadable"),
        ("", 0, "unreadable"),
    ],
)
def test_status_lines(status: str, exit_code: int, reason: str) -> None:
    assert read_status(status.encode(), exit_code=exit_code, at_s=1_800_000_000).reason == reason
