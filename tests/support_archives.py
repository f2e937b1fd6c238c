"""Builders of archives, good and bad, and a context for the steps that read them."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tagseal.adapters.files import ReleaseDir
from tagseal.adapters.step_files import StepFiles
from tagseal.context import Context, Run, TrustFacts
from tagseal.core import canonical, jsonable
from tagseal.core.artifacts import measure
from tagseal.core.facts import BuildFacts, Requirement, Signer, SourceFacts
from tagseal.core.policy import Policy, dump_policy
from tagseal.core.source import Tree, TreeFile, dump_tree

EPOCH_S = 1_700_000_000
COMMIT = "c" * 40
PYPROJECT = b'[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
METADATA = (
    b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nSummary: A demo\nLicense-Expression: MIT\n"
    b"Description-Content-Type: text/markdown\n\n# demo\n"
)
MODULE = b"ANSWER = 42\n"
SDIST_NAME = "demo-1.0.tar.gz"
WHEEL_NAME = "demo-1.0-py3-none-any.whl"
WHEEL_FILE = b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
SOURCE_FILES: Mapping[str, bytes] = {"pyproject.toml": PYPROJECT, "demo/__init__.py": MODULE, "README.md": b"# demo\n"}


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_gz(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_file(path: str, *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.linkname = kind, mode, link
    return info


def sdist(files: Mapping[str, bytes] | None = None, *, top: str = "demo-1.0") -> bytes:
    """An sdist of `files` (default: the demo project with its PKG-INFO)."""
    files = {**SOURCE_FILES, "PKG-INFO": METADATA} if files is None else files
    return tar_gz([(tar_file(f"{top}/{path}"), data) for path, data in files.items()])


def record_line(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def wheel_members(extra: Mapping[str, bytes] | None = None, *, info: str = "demo-1.0.dist-info") -> dict[str, bytes]:
    """A wheel's members with a true RECORD; `extra` adds or replaces some."""
    members = {"demo/__init__.py": MODULE, f"{info}/METADATA": METADATA, f"{info}/WHEEL": WHEEL_FILE, **(extra or {})}
    lines = [record_line(path, data) for path, data in members.items()]
    members[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
    return members


def zip_of(members: Mapping[str, bytes], *, mode: int = 0o100644) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            info = zipfile.ZipInfo(path, (2023, 11, 14, 22, 13, 20))
            info.create_system, info.external_attr, info.compress_type = 3, mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def wheel(extra: Mapping[str, bytes] | None = None) -> bytes:
    return zip_of(wheel_members(extra))


def source_facts(**changes: object) -> SourceFacts:
    values: dict[str, object] = {
        "repository": "acme/demo",
        "tag": "v1.0",
        "version": "1.0",
        "commit": COMMIT,
        "tag_object": "a" * 40,
        "commit_time_s": EPOCH_S,
        "signer": Signer(kind="ssh", name="alice", fingerprint="SHA256:abc"),
        "release_branch": "main",
        "release_type": "final",
        "tree_digest": sha256(b"tree"),
        "lock_digest": sha256(b"lock"),
        "lock_path": "pylock.build.toml",
        "policy_digest": sha256(b"policy"),
        "checks": (),
    }
    return SourceFacts(**{**values, **changes})  # type: ignore[arg-type]  # values by name, checked by decode


def build_facts(leg: str, files: Mapping[str, bytes], **changes: object) -> BuildFacts:
    """What an honest leg says about its files."""
    other = "b" if leg == "b" else "a"
    values: dict[str, object] = {
        "leg": leg,
        "artifacts": tuple(measure(name, data)[0] for name, data in sorted(files.items())),
        "sandbox": "namespaces",
        "image": "",
        "interpreter": "CPython 3.11.2 x86_64",
        "requirements": (Requirement(name="flit-core", version="3.12.0", filename="f.whl", sha256=sha256(b"flit")),),
        "lock_digest": sha256(b"lock"),
        "source_date_epoch_s": EPOCH_S,
        "variations": dict.fromkeys(("HOME", "LC_ALL", "PYTHONHASHSEED", "TZ", "clock", "umask"), other),
        "checks": (),
    }
    return BuildFacts(**{**values, **changes})  # type: ignore[arg-type]  # values by name, checked by decode


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the port names it
        raise AssertionError("nothing here waits")


@dataclass
class TagBlobs:
    """The one method of ports.Git that compare may call."""

    files: Mapping[str, bytes]
    asked: list[str] = field(default_factory=list)

    def blobs(self, commit: str, paths: tuple[str, ...]) -> Mapping[str, bytes]:
        assert commit == COMMIT
        self.asked += paths
        return {path: self.files[path] for path in paths if path in self.files}


@dataclass
class FewAdapters:
    """Only what compare and inspect may touch; anything else is an AttributeError."""

    git: TagBlobs
    clock: FixedClock = field(default_factory=FixedClock)
    trust: TrustFacts | None = None


class Silent:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class Release:
    """A release directory as the steps before compare and inspect leave it."""

    root: Path
    tagged: dict[str, bytes] = field(default_factory=lambda: dict(SOURCE_FILES))
    a: dict[str, bytes] = field(default_factory=lambda: {SDIST_NAME: sdist(), WHEEL_NAME: wheel()})
    b: dict[str, bytes] | None = None
    policy: Policy = field(default_factory=Policy)
    source: SourceFacts = field(default_factory=source_facts)
    claims_a: dict[str, object] = field(default_factory=dict)
    claims_b: dict[str, object] = field(default_factory=dict)
    facts_a: BuildFacts | None = None

    def context(self, name: str, reads: tuple[str, ...]) -> Context:
        """Write everything and return what the step `name` is given."""
        files_b = self.a if self.b is None else self.b
        facts_a = self.facts_a or build_facts("a", self.a, **self.claims_a)
        tree = Tree(
            commit=COMMIT,
            files=tuple(
                TreeFile(path=path, mode="100644", sha256=sha256(data)) for path, data in sorted(self.tagged.items())
            ),
        )
        written = {
            "steps/verify-source/result.json": canonical.dump(jsonable.encode(self.source)),
            "steps/verify-source/tree.json": dump_tree(tree),
            "steps/verify-source/policy.json": dump_policy(self.policy),
            "steps/build.a/result.json": canonical.dump(jsonable.encode(facts_a)),
            "steps/build.b/result.json": canonical.dump(jsonable.encode(build_facts("b", files_b, **self.claims_b))),
            **{f"dist/{name}": data for name, data in self.a.items()},
            **{f"steps/build.b/dist/{name}": data for name, data in files_b.items()},
        }
        for path, data in written.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(data)
        files = StepFiles(
            ReleaseDir(self.root),
            staged=self.root / "staged",
            reads=reads,
            writes=(),
            recorded={path: sha256(data) for path, data in written.items()},
        )
        return Context(
            files=files,
            project=self.root,
            leg="",
            me=f"steps/{name}",
            run=Run(id="local/1", attempt=1, repository="acme/demo", is_actions=False, is_rehearsal=True),
            adapters=FewAdapters(git=TagBlobs(self.tagged)),  # type: ignore[arg-type]  # only the ports these steps use
            progress=Silent(),
        )
