"""The steps of a release in order, on one machine: what the jobs of the workflow do on several."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagseal.adapters.sandbox.session import interrupt_all
from tagseal.adapters.wiring import LazyAdapters
from tagseal.commands.run_step import StepRun, run_step
from tagseal.context import Run
from tagseal.core.checks import Verdict
from tagseal.ports import Progress
from tagseal.step import Step
from tagseal.steps import RELEASE_ORDER, load, split_node

PARALLEL: Final[tuple[str, ...]] = ("build.a", "build.b")
_AGAIN_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table a person sees."""

    node: str
    seconds: float
    run: StepRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the steps need."""

    project: Path
    release_dir: Path
    run: Run
    params: Mapping[str, Mapping[str, object]]
    """Step -> values of its `Params` that are not the defaults."""
    adapters: Callable[[str], LazyAdapters]
    """Node -> the adapters of the job it runs in: its own token, nobody else's."""
    progress: Progress


def run_all(plan: Plan) -> Iterator[Line]:
    """Run every step, the two builds side by side; stop after the first that ends with FAIL.

    Raises:
        TagsealError: what a step raises that is not a verdict.
    """
    todo = list(RELEASE_ORDER)
    while todo:
        group = PARALLEL if todo[0] in PARALLEL else (todo[0],)
        todo = todo[len(group) :]
        lines = _run_group(plan, group)
        yield from lines
        if any(line.run.verdict is Verdict.FAIL for line in lines):
            return


def _run_group(plan: Plan, group: Sequence[str]) -> list[Line]:
    plan.progress.say(f"{' and '.join(group)} …")
    if len(group) == 1:
        return [_run_one(plan, group[0])]
    with ThreadPoolExecutor(max_workers=len(group)) as pool:
        running = [pool.submit(_run_one, plan, node) for node in group]
        try:
            return [future.result() for future in running]
        except KeyboardInterrupt:  # it reaches this thread alone
            interrupt_all()
            while wait(running, timeout=_AGAIN_S).not_done:  # one that was only about to start its sandbox
                interrupt_all()
            raise


def _run_one(plan: Plan, node: str) -> Line:
    step_name, leg = split_node(node)
    step: Step[object] = load(step_name)
    began = time.monotonic()
    done = run_step(
        step_name,
        leg=leg,
        params=step.params(**plan.params.get(step_name, {})),
        release_dir=plan.release_dir,
        project=plan.project,
        run=plan.run,
        adapters=plan.adapters(node),
        progress=plan.progress,
    )
    return Line(node=node, seconds=time.monotonic() - began, run=done)


def import_ahead() -> threading.Thread:
    """Import what the later steps need while git and the builds keep this process waiting; return the thread.

    What is not installed is left to the step that needs it: it says so in a person's words.
    """
    names = ("sigstore.sign", "sigstore.verify", "pypi_attestations", "github", "twine.repository")

    def load_all() -> None:
        with contextlib.suppress(ImportError):
            for name in names:
                importlib.import_module(name)

    thread = threading.Thread(target=load_all, daemon=True, name="import-ahead")
    thread.start()
    return thread
