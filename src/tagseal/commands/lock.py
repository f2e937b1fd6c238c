"""`tagseal lock`: lock the build requirements with hashes into pylock.build.toml."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tagseal.adapters import trust_config
from tagseal.adapters.files import write_atomically
from tagseal.adapters.wiring import LazyAdapters
from tagseal.command import Command, Console, Outcome
from tagseal.commands.lock_making import LockMade, make_lock, working_copy
from tagseal.core import jsonable
from tagseal.core.checks import Verdict
from tagseal.core.lock import LOCK_NAME, MAX_LOCK_BYTES, BuildLock, parse_lock, parse_resolved
from tagseal.core.lock_text import Change, compare_locks, render_lock
from tagseal.errors import ExitCode, TagsealError
from tagseal.step import option


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Inputs of `tagseal lock`."""

    project: Path = field(default=Path(), metadata=option("The project: a git checkout."))
    no_urls: bool = field(default=False, metadata=option("Name the files alone, without the index's addresses."))
    sandbox: str = field(default="auto", metadata=option("docker, namespaces or process; auto: the best here."))
    image: str = field(default="", metadata=option("Image for the docker sandbox: its Python is the one locked for."))


def run(params: Params, console: Console) -> Outcome:
    """Lock, write pylock.build.toml into the project, and show what changed.

    Raises:
        TagsealError: see `make_lock` and `working_copy`.
    """
    adapters = LazyAdapters(
        config=trust_config.production(),
        project=params.project,
        environment=os.environ,
        repository=None,
        forge_token=None,
    )
    console.say("Resolving the build requirements and asking the backend in the sandbox…")
    with tempfile.TemporaryDirectory(prefix="tagseal-lock-") as name:
        tree = Path(name) / "src"
        working_copy(adapters.git, params.project, tree)
        sandbox = adapters.sandbox(kind=params.sandbox, image=params.image)
        made = make_lock(tree, requirements=adapters.requirements, sandbox=sandbox)
    return write_lock(params.project / LOCK_NAME, made, urls=not params.no_urls)


def write_lock(path: Path, made: LockMade, *, urls: bool) -> Outcome:
    """Write a lock and return what to say about it."""
    old = _old_lock(path)
    data = made.data if urls else render_lock(parse_lock(made.data), urls=False)
    lock = parse_lock(data)
    write_atomically(path, data)
    changes = compare_locks(old, lock)
    return Outcome(
        exit_code=ExitCode.PASS,
        verdict=Verdict.PASS,
        data={
            "path": str(path),
            "digest": lock.digest,
            "packages": {package.name: package.version for package in lock.packages},
            "dynamic": list(made.dynamic),
            "changes": jsonable.encode(changes),
        },
        text="\n".join(
            [*table(lock, changes), "", *_remarks(made.dynamic), f"Wrote {path}; commit it before you tag."]
        ),
    )


def _old_lock(path: Path) -> BuildLock | None:
    """Return the lock that is replaced, or None: one that is not valid is no basis for a comparison."""
    try:
        with path.open("rb") as file:
            return parse_resolved(file.read(MAX_LOCK_BYTES + 1))
    except (OSError, TagsealError):
        return None


def table(lock: BuildLock, changes: Sequence[Change]) -> list[str]:
    """Return the lock as lines for a person: each package, its version, its wheels, and what it was before."""
    before = {change.name: change for change in changes}
    lines = [f"{'requirement':<28}{'version':<16}{'wheels':>6}  change"]
    for package in lock.packages:
        change = before.get(package.name)
        word = "" if change is None else "new" if change.old is None else f"was {change.old}"
        lines.append(f"{package.name:<28}{package.version:<16}{len(package.wheels):>6}  {word}".rstrip())
    lines += [f"{change.name:<28}{'-':<16}{0:>6}  was {change.old}" for change in changes if change.new is None]
    return lines


def _remarks(dynamic: Sequence[str]) -> list[str]:
    return [f"The backend asked for {', '.join(dynamic)} itself."] if dynamic else []


COMMAND: Final = Command(
    name="lock",
    summary="Lock the build requirements with hashes into pylock.build.toml.",
    params=Params,
    run=run,
    positional=("project",),
    reads="pyproject.toml and the files git knows",
    adds="pylock.build.toml in the project",
    needs="a git checkout; a sandbox for the backend; the package index",
    example="tagseal lock --no-urls",
)
