"""What tests of builds need: a loopback package index with the build tools, sample projects, and a context."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import support_git
from tagseal.adapters import trust_config
from tagseal.adapters.files import ReleaseDir
from tagseal.adapters.requirements import IndexRequirements
from tagseal.adapters.step_files import StepFiles
from tagseal.adapters.wiring import LazyAdapters
from tagseal.context import Context, Run
from tagseal.core import canonical, jsonable
from tagseal.core.facts import Signer, SourceFacts
from tagseal.core.policy import Policy, SandboxPolicy, dump_policy
from tagseal.steps.build import STEP

PROJECTS = Path(__file__).parent / "projects"
BUILD_TOOLS = ("build", "packaging", "pyproject_hooks")


def wheel_of(name: str, folder: Path) -> Path:
    """Make a wheel from an installed pure distribution."""
    dist = importlib.metadata.distribution(name)
    path = folder / f"{name}-{dist.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in dist.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts and file.name != "INSTALLER":
                archive.writestr(zipfile.ZipInfo(str(file), (2020, 1, 1, 0, 0, 0)), file.read_binary())
    return path


@dataclass(frozen=True, slots=True)
class LoopbackIndex:
    """A package index that serves one folder: `simple/<name>/<wheel>`."""

    root: Path
    port: int

    def add(self, wheel: Path) -> None:
        """List a wheel, with its digest as indexes do."""
        folder = self.root / "simple" / wheel.name.split("-")[0].lower().replace("_", "-")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(wheel, folder)
        links = [
            f'<a href="{w.name}#sha256={sha256(w.read_bytes())}">{w.name}</a>' for w in sorted(folder.glob("*.whl"))
        ]
        (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>")

    def environment(self, home: Path) -> dict[str, str]:
        """The settings that make pip and uv use this index and nothing else."""
        url = f"http://127.0.0.1:{self.port}/simple/"
        return {"HOME": str(home), "PIP_INDEX_URL": url, "UV_INDEX_URL": url, "PIP_CONFIG_FILE": "/dev/null"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def loopback_index(root: Path) -> Iterator[LoopbackIndex]:
    """Serve the build tools that are installed here."""
    (root / "made").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    index = LoopbackIndex(root, server.server_address[1])
    for name in BUILD_TOOLS:
        index.add(wheel_of(name, root / "made"))
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def requirements(index: LoopbackIndex, home: Path) -> IndexRequirements:
    """The real adapter, on the loopback index."""
    return IndexRequirements(index.environment(home))


def copy_project(dest: Path, backend: str = "good") -> Path:
    """Write the sample project with one of the backends of tests/projects/backends."""
    shutil.copytree(PROJECTS / "in-tree", dest)
    shutil.copy2(PROJECTS / "backends" / f"{backend}.py", dest / "backend" / "chosen.py")
    return dest


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(kw_only=True)
class IndexAdapters(LazyAdapters):
    """The real adapters with the build requirements from a loopback index."""

    index_settings: Mapping[str, str]

    @property
    def requirements(self) -> IndexRequirements:
        return IndexRequirements(self.index_settings)


class Lines:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass(frozen=True, slots=True)
class Stage:
    """A release directory after verify-source, and where a build leg's outputs are staged."""

    root: Path
    context: Context

    @property
    def staged(self) -> Path:
        return self.root / "staged"

    def written(self) -> list[str]:
        """Every file the step wrote."""
        found = (path for path in self.staged.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.staged).as_posix() for path in found)


def make_stage(
    root: Path,
    project: Path,
    lock: bytes,
    settings: Mapping[str, str],
    *,
    leg: str = "a",
    version: str = "1.2.3",
    kind: str = "auto",
    lock_digest: str = "",
) -> Stage:
    """Commit `project` into a new repository and write what verify-source would have written about it."""
    files = {path.relative_to(project).as_posix(): path.read_bytes() for path in project.rglob("*") if path.is_file()}
    repo = support_git.make_repository(
        root / "repo", {name: data for name, data in files.items() if ".git/" not in name}
    )
    policy = dump_policy(Policy(sandbox=SandboxPolicy(kind=kind)))
    source = SourceFacts(
        repository="example/tiny",
        tag=f"v{version}",
        version=version,
        commit=repo.git("rev-parse", "HEAD"),
        tag_object="0" * 40,
        commit_time_s=support_git.COMMIT_TIME_S,
        signer=Signer(kind="ssh", name="ada", fingerprint="SHA256:x"),
        release_branch="main",
        release_type="final",
        tree_digest="sha256:" + "0" * 64,
        lock_digest=lock_digest or f"sha256:{sha256(lock)}",
        lock_path="pylock.build.toml",
        policy_digest=f"sha256:{sha256(policy)}",
        checks=(),
    )
    encoded = jsonable.encode(source)
    assert isinstance(encoded, dict)
    written = {"result.json": canonical.dump(encoded), "pylock.build.toml": lock, "policy.json": policy}
    folder = root / "release" / "steps" / "verify-source"
    folder.mkdir(parents=True)
    for name, data in written.items():
        (folder / name).write_bytes(data)
    (root / "staged").mkdir()
    me = f"steps/build.{leg}"
    patterns = (pattern.replace("{me}", me) for pattern in (*STEP.writes, *STEP.writes_by_leg[leg]))
    context = Context(
        files=StepFiles(
            ReleaseDir(root / "release"),
            staged=root / "staged",
            reads=STEP.reads,
            writes=tuple(patterns),
            recorded={f"steps/verify-source/{name}": f"sha256:{sha256(data)}" for name, data in written.items()},
        ),
        project=repo.path,
        leg=leg,
        me=me,
        run=Run(id="local/test", attempt=1, repository="example/tiny", is_actions=False, is_rehearsal=True),
        adapters=IndexAdapters(
            config=trust_config.production(),
            project=repo.path,
            environment={},
            repository=None,
            forge_token=None,
            index_settings=settings,
        ),
        progress=Lines(),
    )
    return Stage(root, context)
