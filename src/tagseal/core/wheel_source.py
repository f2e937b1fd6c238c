"""Every Python source file of a wheel is a file of its sdist: a wheel adds no code that the source gate did not see."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from tagseal.core.archive import Member
from tagseal.core.checks import Check, Verdict
from tagseal.core.sdist_gate import Source, why_not_version_file
from tagseal.errors import Code, ExitCode

WHEEL_MEMBER_NOT_IN_SDIST: Final = Code(
    id="wheel-member-not-in-sdist",
    exit_code=ExitCode.FAIL,
    why="The wheel is what people install; code in it that the sdist does not have was never compared with the tag.",
    fix="Include the file in the sdist, or name the member under `generated:` in .github/tagseal.yml.",
)
WHEEL_FROM_SDIST: Final = "wheel-from-sdist"
WHEEL_MEMBER_GENERATED: Final = "wheel-member-generated"

_CODE_SUFFIXES: Final = (".py", ".pyw", ".pyc", ".pyo", ".pth")
"""What the interpreter runs by itself: modules, bytecode, and `.pth` lines at each start."""


def check_wheel(name: str, members: tuple[Member, ...], sdist: tuple[Member, ...], source: Source) -> tuple[Check, ...]:
    """Return FAIL for each code file of the wheel whose content the sdist does not have, WAIVED where allowed."""
    known = {hashlib.sha256(member.data).digest() for member in sdist}
    without_shebang = {_rest(member.data) for member in sdist if member.data.startswith(b"#!")}
    checks: list[Check] = []
    count = 0
    for member in members:
        if not member.path.endswith(_CODE_SUFFIXES):
            continue
        count += 1
        is_script = ".data/scripts/" in member.path and _rest(member.data) in without_shebang  # setuptools rewrites it
        if is_script or hashlib.sha256(member.data).digest() in known or _is_version_file(member, source):
            continue
        checks.append(_finding(name, member, source.generated))
    if not any(check.verdict is Verdict.FAIL for check in checks):
        message = f"All {count} code files are files of the sdist or accounted for."
        checks.append(Check(code=WHEEL_FROM_SDIST, verdict=Verdict.PASS, subject=name, message=message))
    return tuple(checks)


def _finding(name: str, member: Member, generated: Mapping[str, str]) -> Check:
    evidence = "sha256:" + hashlib.sha256(member.data).hexdigest()
    subject = f"{name}:{member.path}"
    if member.path in generated:
        message = f"{member.path} is not in the sdist; the policy file allows it: {generated[member.path]}"
        return Check(
            code=WHEEL_MEMBER_GENERATED, verdict=Verdict.WAIVED, subject=subject, message=message, evidence=evidence
        )
    message = f"{member.path} is code that no file of the sdist holds."
    return Check(
        code=WHEEL_MEMBER_NOT_IN_SDIST.id, verdict=Verdict.FAIL, subject=subject, message=message, evidence=evidence
    )


def _is_version_file(member: Member, source: Source) -> bool:
    """A version file that is written while the wheel is built, below the folder that the wheel leaves out (`src/`)."""
    return any(
        (declared == member.path or declared.endswith(f"/{member.path}"))
        and not why_not_version_file(member.path, member.data, source.version)
        for declared in source.declared.version_files
    )


def _rest(data: bytes) -> bytes:
    return data.partition(b"\n")[2]
