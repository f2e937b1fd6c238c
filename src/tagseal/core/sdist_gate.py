"""The source gate: every file of an sdist is a file of the tagged tree, or one its build backend is known to make.

What an archive holds beyond its source is where the xz backdoor hid. A file passes for one of these reasons:

- the tagged tree has it at the same path with the same content;
- it is PKG-INFO (or setuptools' copy of it) and equals the wheel's METADATA;
- it is in setuptools' `.egg-info` folder, by exact name;
- it is `setup.cfg` as setuptools rewrites it, computed from the tagged one;
- the tagged pyproject.toml declares it as a version file and it holds constants alone;
- the policy file names it (WAIVED, with its reason).
"""

from __future__ import annotations

import configparser
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.core.archive import Member
from tagseal.core.checks import Check, Verdict
from tagseal.core.generated_files import Declared, is_egg_info
from tagseal.core.version_file import why_not_constants
from tagseal.errors import Code, ExitCode

SDIST_MEMBER_NOT_IN_SOURCE: Final = Code(
    id="sdist-member-not-in-source",
    exit_code=ExitCode.FAIL,
    why="A file that is in the sdist but not in the tagged source was reviewed by nobody.",
    fix="Commit the file, exclude it from the sdist, or name it under `generated:` in .github/tagseal.yml.",
)
SDIST_FROM_SOURCE: Final = "sdist-from-source"
SDIST_MEMBER_GENERATED: Final = "sdist-member-generated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the tag says, all of it trusted."""

    package: str
    version: str
    tree: Mapping[str, str]
    """Path -> `sha256:<hex>` of every file."""
    declared: Declared
    setup_cfg: bytes | None
    """The tagged setup.cfg; None when the tag has none."""
    generated: Mapping[str, str]
    """Path -> reason, from the policy file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one member comes from."""

    verdict: Verdict
    """PASS, WAIVED or FAIL."""
    is_source: bool
    message: str


def check_sdist(name: str, members: tuple[Member, ...], source: Source, metadata: bytes) -> tuple[Check, ...]:
    """Judge every member of the sdist; `metadata` is the wheel's METADATA.

    One FAIL per member that nothing explains, one WAIVED per member the policy names, and a summary.
    """
    checks = []
    counts = {True: 0, False: 0}
    for member in members:
        path = member.path.partition("/")[2]
        origin = origin_of(path, member.data, source, metadata)
        counts[origin.is_source] += 1
        if origin.verdict is not Verdict.PASS:
            code = SDIST_MEMBER_NOT_IN_SOURCE.id if origin.verdict is Verdict.FAIL else SDIST_MEMBER_GENERATED
            evidence = "sha256:" + hashlib.sha256(member.data).hexdigest()
            subject = f"{name}:{path}"
            checks.append(
                Check(code=code, verdict=origin.verdict, subject=subject, message=origin.message, evidence=evidence)
            )
    if not any(check.verdict is Verdict.FAIL for check in checks):
        message = f"{counts[True]} files are the tag's own; {counts[False]} were generated and are accounted for."
        checks.append(Check(code=SDIST_FROM_SOURCE, verdict=Verdict.PASS, subject=name, message=message))
    return tuple(checks)


def origin_of(path: str, data: bytes, source: Source, metadata: bytes) -> Origin:
    """Say where the file `path` (relative to the project) comes from."""
    if source.tree.get(path) == "sha256:" + hashlib.sha256(data).hexdigest():
        return Origin(verdict=Verdict.PASS, is_source=True, message="is a file of the tag")
    why = _why_not_generated(path, data, source, metadata)
    if not why:
        return Origin(verdict=Verdict.PASS, is_source=False, message="was made by the build backend")
    if path in source.generated:
        message = f"{path} is not in the tag; the policy file allows it: {source.generated[path]}"
        return Origin(verdict=Verdict.WAIVED, is_source=False, message=message)
    return Origin(verdict=Verdict.FAIL, is_source=False, message=f"{path} {why}.")


def _why_not_generated(path: str, data: bytes, source: Source, metadata: bytes) -> str:
    """Return what is wrong with `path` as a generated file; empty when it is one."""
    if path == "PKG-INFO" or (is_egg_info(source.declared, path, source.package) and path.endswith("/PKG-INFO")):
        # Newlines at the end are all that backends let differ between the two.
        return "" if data.rstrip(b"\n") == metadata.rstrip(b"\n") else "differs from the METADATA of the wheel"
    if is_egg_info(source.declared, path, source.package):
        return ""
    if path == "setup.cfg" and source.declared.uses_setuptools:
        return "" if data == setuptools_setup_cfg(source.setup_cfg) else "is not the tag's as setuptools rewrites it"
    if path in source.declared.version_files:
        return why_not_version_file(path, data, source.version)
    return "has other content than in the tag" if path in source.tree else "is not in the tag"


def why_not_version_file(path: str, data: bytes, version: str) -> str:
    """Return why a declared version file is more than that; empty when it is not."""
    if path.endswith((".py", ".pyi")):
        why = why_not_constants(data)
        return f"is declared as a version file, but {why}" if why else ""
    return "" if data.strip() == version.encode() else f"is declared as a version file, but is not just {version}"


def setuptools_setup_cfg(original: bytes | None) -> bytes | None:
    """Return what setuptools' sdist command writes as setup.cfg: the tagged one read, `[egg_info]` set, written.

    None when the tagged one cannot be read.
    """
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keep the case, as setuptools does
    try:
        parser.read_string((original or b"").decode("utf-8"))
        if not parser.has_section("egg_info"):
            parser.add_section("egg_info")
    except (configparser.Error, ValueError):
        return None
    parser.set("egg_info", "tag_build", "")
    parser.set("egg_info", "tag_date", "0")
    text = io.StringIO()
    parser.write(text)
    return text.getvalue().encode("utf-8")
