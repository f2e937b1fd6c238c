"""Makes a build lock: resolves what pyproject.toml asks for, asks the backend for the rest, resolves again.

The backend is project code: it is asked in the sandbox, in a copy that is thrown away. `tagseal lock` writes
the result into the project; a rehearsal of a project without a lock uses it as it is.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagseal.adapters.sandbox_scripts import FOLDER
from tagseal.core import canonical, jsonable
from tagseal.core.build_result import BUILD_FAILED, failure, log_tail
from tagseal.core.buildenv import feature_version, leg_settings
from tagseal.core.pyproject import ProjectFacts, build_requires, check_requirements, static_facts
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import Git, Requirements, Sandbox, SandboxInput, SandboxJob, SandboxLimits

BACKEND_UNANSWERED: Final = Code(
    id="backend-unanswered",
    exit_code=ExitCode.FAIL,
    why="A backend may need more than pyproject.toml says, and all of it must be locked.",
    fix="Read the end of the log above; `python -m build` in a clean clone often shows the same.",
)

_EPOCH_S: Final = 1_577_836_800  # 2020-01-01; nothing made here is kept
_TIMEOUT_S: Final = 300
_MAX_ANSWER_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class LockMade:
    """A fresh build lock."""

    data: bytes
    """TOML with addresses where the index gave https ones; `render_lock` writes it without."""
    dynamic: tuple[str, ...]
    """What the backend asked for beyond [build-system].requires."""
    facts: ProjectFacts | None
    """Name and version: static, or from the backend; None when it could not say."""


def make_lock(tree: Path, *, requirements: Requirements, sandbox: Sandbox, with_facts: bool = False) -> LockMade:
    """Resolve and lock the build requirements of the project in `tree`, which is left as it is.

    `with_facts` also asks the backend for name and version when pyproject.toml does not state them.

    Raises:
        TagsealError: `pyproject-invalid`, `requirement-*`, `index-unreachable`, `backend-unanswered`, `build-*`,
            `sandbox-*`.
    """
    path = tree / "pyproject.toml"
    pyproject = path.read_bytes() if path.is_file() and not path.is_symlink() else None
    python = feature_version(sandbox.interpreter())
    stated = build_requires(pyproject)
    data = requirements.lock((*stated, "build"), python_version=python)
    asked = _ask(tree, "requirements", data, requirements=requirements, sandbox=sandbox)
    dynamic = tuple(line for line in check_requirements(asked.requirements) if line not in stated)
    if dynamic:
        data = requirements.lock((*stated, *dynamic, "build"), python_version=python)
    facts = static_facts(pyproject)
    if facts is None and with_facts:
        facts = backend_facts(tree, data, requirements=requirements, sandbox=sandbox)
    return LockMade(data=data, dynamic=dynamic, facts=facts)


def backend_facts(tree: Path, lock: bytes, *, requirements: Requirements, sandbox: Sandbox) -> ProjectFacts | None:
    """Ask the backend for name and version in the sandbox; None when it cannot say (they come from git tags, say).

    Raises:
        TagsealError: `lock-*`, `requirement-*`, `index-unreachable`, `build-*`, `sandbox-*`.
    """
    try:
        metadata = _ask(tree, "metadata", lock, requirements=requirements, sandbox=sandbox).metadata
    except TagsealError as error:
        if error.code is BACKEND_UNANSWERED:
            return None
        raise
    name, version = metadata.get("name", ""), metadata.get("version", "")
    return ProjectFacts(name=name, version=version) if name and version else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """answer.json of ask_backend.py."""

    requirements: tuple[str, ...]
    metadata: dict[str, str]


def _ask(tree: Path, question: str, lock: bytes, *, requirements: Requirements, sandbox: Sandbox) -> _Answer:
    environment = dict(leg_settings("a", epoch_s=_EPOCH_S, version="0").environment)
    if question == "metadata":  # the pretended version would be the answer
        del environment["SETUPTOOLS_SCM_PRETEND_VERSION"]
    with tempfile.TemporaryDirectory(prefix="tagseal-ask-") as name:
        folder = Path(name)
        requirements.fetch(lock, folder / "wheels", python_version=feature_version(sandbox.interpreter()))
        job = SandboxJob(
            command=("{python}", "-S", "-B", "/build/in/scripts/ask_backend.py", question),
            environment=environment,
            inputs=(
                SandboxInput(host=tree, inside="/build/src", writable_copy=True),
                SandboxInput(host=folder / "wheels", inside="/build/in/wheels"),
                SandboxInput(host=FOLDER, inside="/build/in/scripts"),
            ),
            collect="/build/out",
            limits=SandboxLimits(wall_s=_TIMEOUT_S),
        )
        outcome = sandbox.run(job, folder / "out")
        error = failure(ended=outcome.ended, exit_code=outcome.exit_code, log=outcome.log)
        if error is not None and error.code is not BUILD_FAILED:
            raise error
        answer = folder / "out" / "answer.json"
        if error is not None or not answer.is_file():
            raise TagsealError(BACKEND_UNANSWERED, f"The backend did not name its {question}.{log_tail(outcome.log)}")
        return jsonable.decode(_Answer, canonical.parse(answer.read_bytes(), max_bytes=_MAX_ANSWER_BYTES))


def working_copy(git: Git, project: Path, dest: Path) -> None:
    """Write the project as it would be committed now to `dest`: HEAD, changed and new files included.

    Raises:
        TagsealError: `not-a-repository`, `no-commits` and what the export refuses.
    """
    state = git.state()
    git.export(state.head, dest)
    for path in state.dirty_paths:
        source, target = project / path, dest / path
        target.unlink(missing_ok=True)
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
