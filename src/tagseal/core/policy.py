"""What a project allows: the policy, its defaults, and its canonical form (`policy.json`).

How it is written by a person is `policy_file`'s business; every step reads the form here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

from tagseal.core import canonical, jsonable
from tagseal.core.jsonable import RESULT_INVALID
from tagseal.errors import TagsealError

POLICY_SCHEMA: Final = "https://github.com/tagseal/tagseal/docs/reference/schemas/policy.v1.json"
SANDBOX_KINDS: Final = ("auto", "docker", "namespaces", "process")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySigner:
    """One key that may sign release tags."""

    name: str
    kind: str
    """`ssh` or `gpg`."""
    key: str
    """One line `ssh-ed25519 AAAA…`, or an armoured OpenPGP public key."""
    until: str
    """Last day (UTC, `YYYY-MM-DD`) on which its signatures count; empty: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPolicy:
    """Where project code runs."""

    kind: str = "auto"
    """One of SANDBOX_KINDS; `auto` is the best that works."""
    image: str = ""
    """`name@sha256:<hex>` for `docker`; empty: our own image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedPath:
    """Python source in the sdist that is made by the build and not in the tag: shown as WAIVED."""

    path: str
    """Exact member path below the sdist's top folder."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One finding that somebody answers for until a date."""

    id: str
    check: str
    """The finding's code, exactly."""
    subject: str
    """The finding's subject, exactly."""
    reason: str
    owner: str
    expires: str
    """Last day (UTC, `YYYY-MM-DD`) on which it applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole policy; without a file, everything is at its default and nobody may sign."""

    release_branch: str = ""
    """Empty: the default branch."""
    signers: tuple[PolicySigner, ...] = ()
    sandbox: SandboxPolicy = field(default_factory=SandboxPolicy)
    generated: tuple[GeneratedPath, ...] = ()
    waivers: tuple[Waiver, ...] = ()


def end_of(day: str) -> datetime:
    """Return the last second of a day `YYYY-MM-DD` in UTC."""
    return datetime.combine(date.fromisoformat(day), time(23, 59, 59), UTC)


def is_over(day: str, now: datetime) -> bool:
    """Tell whether the day has passed; an empty day never does."""
    return bool(day) and now > end_of(day)


def waiver_for(waivers: Sequence[Waiver], *, check: str, subject: str, now: datetime) -> Waiver | None:
    """Return the first waiver of exactly this finding that has not expired."""
    fitting = (waiver for waiver in waivers if (waiver.check, waiver.subject) == (check, subject))
    return next((waiver for waiver in fitting if not is_over(waiver.expires, now)), None)


def dump_policy(policy: Policy) -> bytes:
    """Return the canonical bytes of policy.json."""
    data = jsonable.encode(policy)
    if not isinstance(data, dict):
        raise TypeError("a dataclass encodes to an object")
    return canonical.dump({"schema": POLICY_SCHEMA, **data})


def parse_policy(data: bytes) -> Policy:
    """Read policy.json.

    Raises:
        TagsealError: `json-invalid`, `result-invalid`.
    """
    value = canonical.parse(data)
    if not isinstance(value, dict) or value.get("schema") != POLICY_SCHEMA:
        raise TagsealError(RESULT_INVALID, f"The effective policy does not carry the schema {POLICY_SCHEMA}.")
    return jsonable.decode(Policy, {key: item for key, item in value.items() if key != "schema"})
