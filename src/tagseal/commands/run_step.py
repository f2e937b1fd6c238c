"""Runs one leg of one step: checks the records before it, gives it its files, writes its result and record."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tagseal import __version__
from tagseal.adapters import interrupts
from tagseal.adapters.files import ReleaseDir, sha256_of_all, write_atomically, writing
from tagseal.adapters.step_files import StepFiles
from tagseal.commands.ground import Ground, stand
from tagseal.context import Adapters, Context, Run
from tagseal.core import canonical, record
from tagseal.core.checks import Verdict, overall
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.step import Step, StepResult
from tagseal.steps import STEPS, load, node, split_node

if TYPE_CHECKING:
    from tagseal.ports import Progress  # for types alone: a start pays for every dataclass it imports

LEG_UNKNOWN: Final = Code(
    id="leg-unknown",
    exit_code=ExitCode.USAGE,
    why="The leg names the step's folder in the release directory.",
    fix="Leave --leg out for the default, or name one of the legs the step has.",
)
ERROR_SCHEMA: Final = "https://github.com/tagseal/tagseal/docs/reference/schemas/error.v1.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """What became of one leg."""

    node: str
    verdict: Verdict
    result: StepResult | None
    error: TagsealError | None
    """A verdict of FAIL that the step could not go on after."""


def resolve_leg(step: str, leg: str) -> str:
    """Return the leg to run: the one named, or the step's first.

    Raises:
        TagsealError: `leg-unknown`.
    """
    legs = STEPS[step].legs
    if not leg:
        return next(iter(legs))
    if leg not in legs:
        has = ", ".join(name for name in legs if name) or "no legs"
        raise TagsealError(LEG_UNKNOWN, f"The step {step} has no leg {leg!r}; it has {has}.")
    return leg


def _expand(patterns: tuple[str, ...], me: str) -> tuple[str, ...]:
    return tuple(pattern.replace("{me}", me) for pattern in patterns)


def run_step(
    name: str,
    *,
    leg: str,
    params: object,
    release_dir: Path,
    project: Path,
    run: Run,
    adapters: Adapters,
    progress: Progress,
) -> StepRun:
    """Run one leg; its result, record and link are in the release directory when this returns.

    An error that is a verdict (exit 1) is recorded too and returned in `error`; every other one is raised and
    leaves the directory as it was.

    Raises:
        TagsealError: `leg-unknown`, `step-not-run`, `step-busy`, `record-*`, and what the step itself raises.
    """
    leg = resolve_leg(name, leg)
    me = node(name, leg)
    release = ReleaseDir(release_dir)
    with release.lock(me) as staged:
        ground = stand(release, me, run.id)
        started = adapters.clock.now()
        step = load(name)
        folder = f"steps/{me}"
        files = _window(release, staged, step, me, ground)
        context = Context(
            files=files,
            project=project,
            leg=leg,
            me=folder,
            run=run,
            adapters=adapters,
            progress=progress,
            release_dir=release.root,
        )
        done = _call(step, context, params, me)
        if done.error is not None:
            _clear(staged)  # a step that gave up leaves its finding, no outputs
        interrupts.check()
        with writing(release.root):
            _seal(release, staged, done, ground=ground, files=files, run=run, started=_time(started), adapters=adapters)
    return done


def _window(release: ReleaseDir, staged: Path, step: Step[object], me: str, ground: Ground) -> StepFiles:
    folder, (_, leg) = f"steps/{me}", split_node(me)
    return StepFiles(
        release,
        staged=staged,
        reads=_expand(step.reads, folder),
        writes=_expand((*step.writes, *step.writes_by_leg.get(leg, ())), folder),
        recorded=ground.recorded(),
    )


def _clear(staged: Path) -> None:
    for stray in staged.rglob("*"):
        if stray.is_file():
            stray.unlink()


def _call(step: Step[object], context: Context, params: object, me: str) -> StepRun:
    try:
        result = step.run(context, params)
    except TagsealError as error:
        if error.exit_code is not ExitCode.FAIL:
            raise
        return StepRun(node=me, verdict=Verdict.FAIL, result=None, error=error)
    return StepRun(node=me, verdict=overall(result.checks), result=result, error=None)


def _time(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _seal(
    release: ReleaseDir,
    staged: Path,
    done: StepRun,
    *,
    ground: Ground,
    files: StepFiles,
    run: Run,
    started: str,
    adapters: Adapters,
) -> None:
    """Write result.json, link.json and record.json, and move everything into place."""
    folder = f"steps/{done.node}"
    write_atomically(staged / folder / "result.json", result_bytes(done))
    written = sorted(entry for entry in staged.rglob("*") if entry.is_file())
    outputs = {
        path.relative_to(staged).as_posix(): value for path, value in zip(written, sha256_of_all(written), strict=True)
    }
    step, leg = split_node(done.node)
    previous = _previous(release, folder)
    same_run = previous is not None and previous.run_id == run.id
    entry = record.Record(
        step=step,
        leg=leg,
        run_id=run.id,
        attempt=max(run.attempt, previous.attempt + 1 if previous and same_run and not run.is_actions else 1),
        started_at=started,
        finished_at=_time(adapters.clock.now()),
        tools={"tagseal": __version__, "python": ".".join(map(str, sys.version_info[:3]))},
        inputs=dict(sorted(files.inputs.items())),
        outputs=outputs,
        verdict=done.verdict,
        predecessors={name: record.digest(ground.records[name]) for name in STEPS[step].legs[leg]},
    )
    write_atomically(staged / folder / "link.json", record.link(entry))
    write_atomically(staged / folder / "record.json", record.dump(entry))
    stale = [path for path in (previous.outputs if previous else {}) if path not in outputs]
    release.commit(staged, f"{folder}/record.json", stale)


def _previous(release: ReleaseDir, folder: str) -> record.Record | None:
    """Return the record this run replaces; one that cannot be read is replaced as if it were not there."""
    try:
        old = release.read(f"{folder}/record.json")
        return record.parse(old) if old is not None else None
    except TagsealError:
        return None


def schema_of(step: str) -> str:
    """Return the `schema` member of a step's result.json."""
    return f"https://github.com/tagseal/tagseal/docs/reference/schemas/{step}.v1.json"


def result_bytes(done: StepRun) -> bytes:
    """Return the canonical bytes of result.json."""
    if done.error is not None:
        return canonical.dump({"schema": ERROR_SCHEMA, "error": done.error.to_json()})
    return canonical.dump(record.with_schema(schema_of(split_node(done.node)[0]), done.result))
