"""`tagseal rehearse [PROJECT]`: a whole release on this machine, from signed tag to verified release.

Every step is the real one and talks the real protocols to services of this process. Keys and roots are made for
the run and forgotten; the project's repository is only read; nothing leaves the machine but the download of
the build requirements.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from uuid import uuid4

from tagseal.adapters import trust_config
from tagseal.adapters.clock import SystemClock
from tagseal.adapters.files import write_atomically
from tagseal.adapters.wiring import LazyAdapters
from tagseal.command import Command, Console, Outcome
from tagseal.commands.step_cli import exit_code
from tagseal.context import Run
from tagseal.core import jsonable
from tagseal.core.canonical import Json
from tagseal.core.checks import Check, Verdict
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.rehearsal import public, sequence, show
from tagseal.rehearsal.prepare import Prepared, prepare
from tagseal.rehearsal.services import RehearsalServices, Subject
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.step import option

OUT_IN_USE: Final = Code(
    id="rehearsal-out-in-use",
    exit_code=ExitCode.USAGE,
    why="A rehearsal replaces what an earlier one left, and never anything else.",
    fix="Name a new or empty folder with --out.",
)
OUT_UNUSABLE: Final = Code(
    id="rehearsal-out-unusable",
    exit_code=ExitCode.USAGE,
    why="What a rehearsal leaves must be put somewhere.",
    fix="Name a folder that you may write to with --out.",
)
MARKER: Final = ".tagseal-rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Inputs of `tagseal rehearse`."""

    project: Path | None = field(default=None, metadata=option("A git checkout; without it, the bundled example."))
    tag: str = field(default="", metadata=option("Tag to rehearse, vX.Y.Z; without it, the project's own version."))
    out: Path = field(default=Path("rehearsal"), metadata=option("Folder for what the rehearsal leaves."))
    sandbox: str = field(
        default="auto", metadata=option("Where project code runs: docker, namespaces, process, or the best here.")
    )
    strict: bool = field(default=False, metadata=option("Exit 4 when something could not be decided (UNKNOWN)."))


def run(params: Params, console: Console) -> Outcome:
    """Rehearse.

    Raises:
        TagsealError: `rehearsal-*`, `not-a-repository`, and what a step raises that is no verdict.
    """
    began = time.monotonic()
    out = _fresh(params.out.resolve())
    sequence.import_ahead()
    clock = SystemClock()
    with (
        show.Live(is_live=console.is_live) as live,
        tempfile.TemporaryDirectory(prefix="tagseal-rehearsal-") as folder,
        SigstoreServices(clock=clock) as sigstore,
    ):
        work = Path(folder)
        adapters = _plain_adapters(work / "checkout")
        prepared = prepare(params.project, work, tag=params.tag, adapters=adapters, progress=live)
        subject = _subject(prepared)
        with RehearsalServices(sigstore, subject, clock=clock) as services:
            public.write_trust(out / "trust", services)
            lines = _release(_plan(params, prepared, services, out, live), live)
            is_whole = all(line.run.verdict is not Verdict.FAIL for line in lines)
            if is_whole:
                public.download(out / "public", services)
    checks = public.commands(_dist_names(out), subject) if is_whole else ()
    if checks:
        write_atomically(out / "verify.sh", public.script(checks))
        (out / "verify.sh").chmod(0o755)
    return _outcome(params, prepared, lines, checks, out=out, seconds=time.monotonic() - began)


def _release(plan: sequence.Plan, live: show.Live) -> list[sequence.Line]:
    lines = []
    for line in sequence.run_all(plan):
        live.ended(line)
        lines.append(line)
    return lines


def _fresh(out: Path) -> Path:
    """Return the folder, emptied when an earlier rehearsal left it.

    Raises:
        TagsealError: `rehearsal-out-in-use`, `rehearsal-out-unusable`.
    """
    try:
        if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
            if not (out / MARKER).is_file():
                raise TagsealError(OUT_IN_USE, f"{out} has other things in it.")
            shutil.rmtree(out)
        out.mkdir(parents=True, exist_ok=True)
        (out / MARKER).write_text("tagseal rehearse may replace this folder\n", encoding="utf-8")
        (out / ".gitignore").write_text("*\n", encoding="utf-8")  # in a checkout it must not make the tree dirty
    except OSError as error:
        raise TagsealError(OUT_UNUSABLE, f"{out} cannot be used: {error.strerror or error}.") from error
    return out


def _plain_adapters(project: Path) -> LazyAdapters:
    return LazyAdapters(
        config=trust_config.production(), project=project, environment={}, repository=None, forge_token=None
    )


def _subject(prepared: Prepared) -> Subject:
    from tagseal.rehearsal.source import git

    return Subject(
        repository=prepared.repository,
        project=prepared.project,
        tag=prepared.tag,
        commit=prepared.clone.head,
        tag_object=git(prepared.clone.path, "rev-parse", f"refs/tags/{prepared.tag}"),
        branch=prepared.clone.branch,
    )


def _plan(params: Params, prepared: Prepared, services: RehearsalServices, out: Path, live: show.Live) -> sequence.Plan:
    base = LazyAdapters(
        config=services.config(),
        project=prepared.clone.path,
        environment={},
        repository=prepared.repository,
        forge_token=None,
    )
    seal = services.sigstore.request_environment(services.seal_job)
    publish = services.sigstore.request_environment(services.publish_job)
    jobs = {
        "provenance": replace(base, environment=seal),
        "sign.release": replace(base, environment=seal),
        "publish": replace(base, environment=publish),
        "release.draft": replace(base, forge_token=services.forge_token),
        "verify-release": replace(base, forge_token=services.forge_token),
        "release.complete": replace(base, forge_token=services.forge_token),
    }
    return sequence.Plan(
        project=prepared.clone.path,
        release_dir=out / "release",
        run=Run(id=f"local/{uuid4()}", attempt=1, repository=prepared.repository, is_actions=False, is_rehearsal=True),
        params={
            "verify-source": {"tag": prepared.tag, "policy": prepared.policy, "lock": prepared.lock},
            "build": {"sandbox": params.sandbox},
            "verify-release": {"wait_s": 10, "poll_s": 1},
        },
        adapters=lambda node: jobs.get(node) or replace(base),
        progress=live,
    )


def _dist_names(out: Path) -> tuple[str, ...]:
    folder = out / "release" / "dist"
    return tuple(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else ()


def _outcome(
    params: Params,
    prepared: Prepared,
    lines: list[sequence.Line],
    checks: tuple[public.ThirdPartyCommand, ...],
    *,
    out: Path,
    seconds: float,
) -> Outcome:
    verdicts = {line.run.verdict for line in lines}
    verdict = (
        Verdict.FAIL if Verdict.FAIL in verdicts else Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts else Verdict.PASS
    )
    view = show.View(
        prepared=prepared,
        lines=tuple(lines),
        unknown=_unknown(lines),
        checks=checks,
        out=out,
        verdict=verdict,
        seconds=seconds,
    )
    return Outcome(
        exit_code=exit_code(verdict, is_strict=params.strict),
        verdict=verdict,
        data=_data(view),
        text=show.text(view),
    )


def _data(view: show.View) -> Json:
    """Return the object that `--json` prints under `result`."""
    steps: list[Json] = [
        {
            "step": line.node,
            "milliseconds": round(line.seconds * 1000),
            "verdict": str(line.run.verdict),
            "error": line.run.error.to_json() if line.run.error else None,
        }
        for line in view.lines
    ]
    return {
        "tag": view.prepared.tag,
        "repository": view.prepared.repository,
        "out": str(view.out),
        "milliseconds": round(view.seconds * 1000),
        "steps": steps,
        "would_have_stopped": jsonable.encode(view.prepared.problems),
        "unknown": jsonable.encode(view.unknown),
        "verify": [check.shell() for check in view.checks],
    }


def _unknown(lines: list[sequence.Line]) -> tuple[Check, ...]:
    found = {}
    for line in lines:
        for check in line.run.result.checks if line.run.result else ():
            if check.verdict is Verdict.UNKNOWN:
                found[check.code, check.subject] = check
    return tuple(found.values())


COMMAND: Final = Command(
    name="rehearse",
    summary="Practise a whole release on this machine, from tag to verified release.",
    params=Params,
    run=run,
    positional=("project",),
    reads="a git checkout, which is never written to; without one, the bundled example",
    adds="release/, trust/, public/ and verify.sh in the folder that --out names",
    needs="git and ssh-keygen; the package index, for build requirements that are not in the cache",
    example="tagseal rehearse ~/src/widget --tag v1.2.0 --out /tmp/rehearsal",
)
