"""`.github/tagseal.yml`: the policy as a person writes it, read strictly and with line numbers.

Unknown and repeated keys, wrong types, anchors, aliases and tags are refused: a rule that is silently not
understood is a rule that does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tagseal import yaml_strict
from tagseal.core.policy import SANDBOX_KINDS, GeneratedPath, Policy, PolicySigner, SandboxPolicy, Waiver
from tagseal.core.signer_key import KeyTextError, pgp_bytes, ssh_blob
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.yaml_strict import YamlError

if TYPE_CHECKING:
    from yaml.nodes import Node

POLICY_INVALID: Final = Code(
    id="policy-invalid",
    exit_code=ExitCode.USAGE,
    why="A policy that is only partly understood would allow what it was written to forbid.",
    fix="Correct the named line; docs/reference/policy-file.md lists every key.",
)
OVERRIDE_UNREADABLE: Final = Code(
    id="override-unreadable",
    exit_code=ExitCode.USAGE,
    why="The rehearsal was told to use this file in place of the project's own.",
    fix="Name a file that exists and can be read.",
)

POLICY_PATH: Final = ".github/tagseal.yml"
"""Where the file is in the default branch's tree."""
MAX_BYTES: Final = 256 * 1024
_IMAGE: Final = re.compile(r"[a-z0-9][a-z0-9._/:-]{0,200}@sha256:[0-9a-f]{64}")
_BRANCH: Final = re.compile(r"(?!-)(?!.*(?:\.\.|//|@\{))[A-Za-z0-9._/+-]{1,200}")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


def parse(data: bytes, *, file: str = POLICY_PATH) -> Policy:
    """Read the policy file's bytes; `file` is its name in errors.

    Raises:
        TagsealError: `policy-invalid`, with file and line.
    """
    try:
        return _policy(yaml_strict.load(data, max_bytes=MAX_BYTES))
    except YamlError as error:
        raise TagsealError(
            POLICY_INVALID, f"The policy file is not valid: {error.what}.", file=file, line=error.line
        ) from error


def read_override(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a file that a rehearsal gives in place of a committed one.

    Raises:
        TagsealError: `override-unreadable`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise TagsealError(OVERRIDE_UNREADABLE, f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > max_bytes:
        raise TagsealError(OVERRIDE_UNREADABLE, f"{path} has more than {max_bytes} bytes.")
    return data


def _policy(node: Node) -> Policy:
    read = yaml_strict.mapping(
        node,
        required={"version": _version},
        optional={
            "release-branch": lambda item: yaml_strict.matching(item, _BRANCH, "a branch's name"),
            "signers": lambda item: yaml_strict.sequence(item, _signer),
            "sandbox": _sandbox,
            "generated": lambda item: yaml_strict.sequence(item, _generated),
            "waivers": lambda item: yaml_strict.sequence(item, _waiver),
        },
    )
    del read["version"]
    policy = Policy(**{key.replace("-", "_"): value for key, value in read.items()})  # type: ignore[arg-type]
    _refuse_twice(node, "signer", [signer.name for signer in policy.signers])
    _refuse_twice(node, "waiver", [waiver.id for waiver in policy.waivers])
    return policy


def _signer(node: Node) -> PolicySigner:
    read = yaml_strict.mapping(
        node,
        required={"name": lambda item: yaml_strict.matching(item, _WORD, "a name without spaces")},
        optional={
            "ssh": lambda item: _key(item, ssh_blob),
            "gpg": lambda item: _key(item, pgp_bytes),
            "until": yaml_strict.day,
        },
    )
    kinds = [kind for kind in ("ssh", "gpg") if kind in read]
    if len(kinds) != 1:
        yaml_strict.refuse(node, "a signer has exactly one of the keys 'ssh' and 'gpg'")
    kind = kinds[0]
    return PolicySigner(name=str(read["name"]), kind=kind, key=str(read[kind]), until=str(read.get("until", "")))


def _sandbox(node: Node) -> SandboxPolicy:
    read = yaml_strict.mapping(
        node,
        optional={
            "kind": lambda item: yaml_strict.one_of(item, SANDBOX_KINDS),
            "image": lambda item: yaml_strict.matching(item, _IMAGE, "an image by digest, name@sha256:<64 hex digits>"),
        },
    )
    return SandboxPolicy(kind=str(read.get("kind", "auto")), image=str(read.get("image", "")))


def _generated(node: Node) -> GeneratedPath:
    read = yaml_strict.mapping(node, required={"path": _path, "reason": yaml_strict.text})
    return GeneratedPath(path=str(read["path"]), reason=str(read["reason"]))


def _waiver(node: Node) -> Waiver:
    texts = dict.fromkeys(("check", "subject", "reason", "owner"), yaml_strict.text)
    word: yaml_strict.Readers = {
        "id": lambda item: yaml_strict.matching(item, _WORD, "a name without spaces"),
        "expires": yaml_strict.day,
    }
    read = {key: str(value) for key, value in yaml_strict.mapping(node, required={**word, **texts}).items()}
    return Waiver(**read)


def _version(node: Node) -> int:
    if yaml_strict.scalar(node, "int") != "1":
        yaml_strict.refuse(node, "expected `version: 1`, the only one there is")
    return 1


def _path(node: Node) -> str:
    text = yaml_strict.text(node)
    if "\\" in text or "\n" in text or any(part in {"", ".", ".."} for part in text.split("/")):
        yaml_strict.refuse(node, f"expected a relative path with `/` between its parts, not {text[:100]!r}")
    return text


def _key(node: Node, check: Callable[[str], bytes]) -> str:
    text = yaml_strict.text(node)
    try:
        check(text)
    except KeyTextError as error:
        yaml_strict.refuse(node, f"the key cannot be used: {error}")
    return text


def _refuse_twice(node: Node, what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            yaml_strict.refuse(node, f"two {what}s are called {name!r}")
