"""Secrets inside archives: by file name, by the fixed prefixes of tokens, and by private-key armour.

Only patterns with a fixed prefix and a fixed shape are used, so that a finding is worth stopping a release for;
a finding says where, never what. What has no fixed shape (a password) this cannot see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tagseal.core.archive import Member
from tagseal.errors import Code, ExitCode

SECRET_IN_ARTIFACT: Final = Code(
    id="secret-in-artifact",
    exit_code=ExitCode.FAIL,
    why="What is published is public for ever, removed or not; a secret in it must be taken as stolen.",
    fix="Revoke the secret, remove it from the project's history, and exclude the file from the archive.",
)

_NAMES: Final = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example$|sample$|template$|dist$)[\w-]+)?|\.pypirc|\.netrc|_netrc|\.npmrc|\.htpasswd"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)|\.git-credentials|\.docker/config\.json|\.aws/credentials|\.git/.*|.*\.(?:kdbx|jks))$"
)

_PATTERNS: Final[tuple[tuple[str, tuple[bytes, ...], re.Pattern[bytes]], ...]] = (
    ("a package index token", (b"pypi-AgE",), re.compile(rb"pypi-AgE[A-Za-z0-9_-]{50,}")),
    (
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    ),
    ("a GitHub token", (b"github_pat_",), re.compile(rb"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b")),
    ("a GitLab token", (b"glpat-",), re.compile(rb"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("an AWS access key", (b"AKIA", b"ASIA"), re.compile(rb"\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z2-7]{16}\b")),
    ("a Slack token", (b"xox",), re.compile(rb"\bxox[abeoprs]-\d{8,}-[A-Za-z0-9-]{10,}")),
    ("a Stripe key", (b"_live_",), re.compile(rb"\b[sr]k_live_[A-Za-z0-9]{20,}\b")),
    ("a Google API key", (b"AIza",), re.compile(rb"\bAIza[A-Za-z0-9_-]{35}\b")),
    ("an npm token", (b"npm_",), re.compile(rb"\bnpm_[A-Za-z0-9]{36}\b")),
    ("a SendGrid key", (b"SG.",), re.compile(rb"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b")),
    ("a model provider's key", (b"sk-ant-", b"sk-proj-"), re.compile(rb"\bsk-(?:ant|proj)-[A-Za-z0-9_-]{40,}")),
    ("a Hugging Face token", (b"hf_",), re.compile(rb"\bhf_[A-Za-z]{34}\b")),
    (
        "a private key",
        (b"PRIVATE KEY",),
        # The armour alone is in many a program that reads keys; a key has its base64 in the next lines.
        re.compile(
            rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s(?:[A-Z][\w-]+: .*\s)*\s*[A-Za-z0-9+/=\s]{64}"
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFound:
    """Where a secret was found, and of what kind: never its value."""

    path: str
    line: int
    """1-based; 0 when the file's name gave it away."""
    what: str
    """The rest of a sentence: `holds a private key`."""


def scan(members: tuple[Member, ...], *, holds_known: Callable[[str], bool]) -> Iterator[SecretFound]:
    """Yield one finding per member and kind; `holds_known` tells whether a text has one of this run's own secrets."""
    for member in members:
        if _NAMES.search(member.path):
            yield SecretFound(path=member.path, line=0, what="is a file for credentials, by its name")
        seen = set()
        for what, literals, pattern in _PATTERNS:
            if what in seen or not any(literal in member.data for literal in literals):
                continue
            if match := pattern.search(member.data):
                seen.add(what)
                yield SecretFound(
                    path=member.path, line=member.data.count(b"\n", 0, match.start()) + 1, what=f"holds {what}"
                )
        text = member.data.decode("utf-8", errors="replace")
        if holds_known(text):
            lines = text.split("\n")
            line = next((number for number, value in enumerate(lines, start=1) if holds_known(value)), 1)
            yield SecretFound(path=member.path, line=line, what="holds a secret of this very run")
