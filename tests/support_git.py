"""Throw-away git repositories with signed tags, made by the stock programs: git, ssh-keygen, gpg."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COMMIT_TIME_S = 1_700_000_000
TAG_TIME_S = 1_700_000_100
_IDENTITY = "Ada Example"
_MAIL = "ada@example.org"


def call(argv: Sequence[str], *, cwd: Path, data: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
    """Run a program that must succeed and return its stdout."""
    done = subprocess.run(
        argv, cwd=cwd, input=data, capture_output=True, check=False, env={**os.environ, **(env or {})}, timeout=60
    )
    assert done.returncode == 0, f"{argv}: {done.stderr.decode(errors='replace')}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class SshKey:
    """A key pair made by ssh-keygen."""

    path: Path
    public: str
    """`ssh-ed25519 AAAA…`, without a comment."""


@dataclass(frozen=True, slots=True)
class GpgKey:
    """A key pair in a GnuPG home of its own."""

    home: Path
    fingerprint: str

    @property
    def public(self) -> str:
        """The armoured public key as it is now (with expiry or revocation)."""
        return call(["gpg", "--armor", "--export", self.fingerprint], cwd=self.home, env=self.environment).decode()

    @property
    def environment(self) -> dict[str, str]:
        return {"GNUPGHOME": str(self.home)}

    def revoke(self) -> None:
        """Import the revocation certificate that gpg made with the key."""
        text = (self.home / "openpgp-revocs.d" / f"{self.fingerprint}.rev").read_text(encoding="utf-8")
        call(
            ["gpg", "--batch", "--import"],
            cwd=self.home,
            data=text.replace(":---", "---").encode(),
            env=self.environment,
        )

    def close(self) -> None:
        """End the agent that gpg started for this home."""
        call(["gpgconf", "--kill", "all"], cwd=self.home, env=self.environment)


def make_ssh_key(path: Path, *, kind: str = "ed25519", bits: int | None = None) -> SshKey:
    """Make a key pair at `path`."""
    size = ["-b", str(bits)] if bits else []
    call(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "", "-f", str(path)], cwd=path.parent)
    return SshKey(path, path.with_name(path.name + ".pub").read_text(encoding="ascii").strip())


def make_gpg_key(home: Path, *, name: str = _IDENTITY, expires: str = "never", kind: str = "ed25519") -> GpgKey:
    """Make a key pair in the new GnuPG home `home`; its path must be short (a socket's path has 108 bytes)."""
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    quiet = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    call([*quiet, "--quick-generate-key", f"{name} <{_MAIL}>", kind, "sign", expires], cwd=home, env=env)
    listed = call(["gpg", "--list-keys", "--with-colons"], cwd=home, env=env).decode()
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    return GpgKey(home, fingerprint)


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository with a working tree at `path`."""

    path: Path

    def git(self, *arguments: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Run git here, apart from any configuration of the machine."""
        base = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
        return call(["git", *arguments], cwd=self.path, data=data, env={**base, **(env or {})}).decode().strip()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files below the working tree."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: Mapping[str, str | bytes] | None = None, *, when_s: int = COMMIT_TIME_S) -> str:
        """Write files, commit everything and return the commit's id."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A change", env=_dates(when_s))
        return self.git("rev-parse", "HEAD")

    def tag_ssh(self, name: str, key: SshKey, *, target: str = "HEAD", when_s: int = TAG_TIME_S) -> str:
        """Make an SSH-signed annotated tag and return its object id."""
        config = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key.path}"]
        self.git(*config, "tag", "--sign", "--force", "--message", f"Release {name}", name, target, env=_dates(when_s))
        return self.tag_id(name)

    def tag_gpg(self, name: str, key: GpgKey, *, target: str = "HEAD", when_s: int = TAG_TIME_S) -> str:
        """Make an OpenPGP-signed annotated tag and return its object id."""
        env = {**_dates(when_s), **key.environment}
        self.git("tag", "-u", key.fingerprint, "--force", "--message", f"Release {name}", name, target, env=env)
        return self.tag_id(name)

    def tag_unsigned(self, name: str, *, target: str = "HEAD") -> str:
        """Make an annotated tag without a signature and return its object id."""
        self.git("tag", "--annotate", "--no-sign", "--message", f"Release {name}", name, target, env=_dates(TAG_TIME_S))
        return self.tag_id(name)

    def tag_id(self, name: str) -> str:
        """Return the id of what the tag's ref points at."""
        return self.git("rev-parse", f"refs/tags/{name}")

    def stock_verify_tag(self, name: str, *, ssh: Sequence[SshKey] = (), gpg: GpgKey | None = None) -> bool:
        """Return the verdict of `git verify-tag`, with the given keys as git's own allowlist or keyring."""
        signers = self.path.parent / f"{self.path.name}-allowed-signers"
        signers.write_text("".join(f"{_MAIL} {key.public}\n" for key in ssh), encoding="ascii")
        argv = ["git", "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-tag", name]
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **(gpg.environment if gpg else {})}
        return subprocess.run(argv, cwd=self.path, env=env, capture_output=True, check=False).returncode == 0


def make_repository(path: Path, files: Mapping[str, str | bytes], *, branch: str = "main") -> Repo:
    """Make a repository with one commit on `branch`."""
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo(path)
    repo.git("init", "--quiet", f"--initial-branch={branch}")
    for key, value in (("user.name", _IDENTITY), ("user.email", _MAIL), ("core.autocrlf", "false")):
        repo.git("config", key, value)
    repo.commit(files)
    return repo


def _dates(when_s: int) -> dict[str, str]:
    date = f"{when_s} +0000"
    return {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
