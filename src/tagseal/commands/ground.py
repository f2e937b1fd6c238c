"""What a leg stands on: the records of its ancestors, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.adapters.files import ReleaseDir
from tagseal.core import record
from tagseal.core.checks import Verdict
from tagseal.core.graph import RECORD_EDITED, RECORD_FOREIGN_RUN, STEP_FAILED
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.steps import STEPS, split_node

STEP_NOT_RUN: Final = Code(
    id="step-not-run",
    exit_code=ExitCode.USAGE,
    why="Each step stands on the ones before it; `tagseal --help` lists them in order.",
    fix="Run the step that is named first, with the same --release-dir.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a leg stands on: the verified records of its ancestors."""

    records: Mapping[str, bytes]
    parsed: Mapping[str, record.Record]

    def recorded(self) -> dict[str, str]:
        """Return path -> digest of everything the ancestors wrote, their records included."""
        paths = {f"steps/{name}/record.json": record.digest(data) for name, data in self.records.items()}
        for entry in self.parsed.values():
            paths.update(entry.outputs)
        return paths


def stand(release: ReleaseDir, name: str, run_id: str | None) -> Ground:
    """Load and check the records of every ancestor of node `name`; `run_id` None: of whatever run they are.

    Raises:
        TagsealError: `step-not-run`, `step-failed`, `record-edited`, `record-foreign-run`, `json-invalid`,
            `result-invalid`.
    """
    records: dict[str, bytes] = {}
    parsed: dict[str, record.Record] = {}
    todo = [name]
    while todo:
        step, leg = split_node(todo.pop())
        for before in STEPS[step].legs[leg]:
            if before not in records:
                data = release.read(f"steps/{before}/record.json")
                if data is None:
                    raise TagsealError(STEP_NOT_RUN, f"{name} needs {before}, which has not run in {release.root}.")
                records[before], parsed[before] = data, record.parse(data)
                todo.append(before)
    for before, entry in parsed.items():
        _check_ancestor(before, entry, records, run_id)
    return Ground(records=records, parsed=parsed)


def _check_ancestor(name: str, entry: record.Record, records: Mapping[str, bytes], run_id: str | None) -> None:
    if entry.node != name:
        raise TagsealError(RECORD_EDITED, f"The record in steps/{name} says it is {entry.node}'s.")
    if run_id is not None and entry.run_id != run_id:
        raise TagsealError(RECORD_FOREIGN_RUN, f"The record of {name} is of run {entry.run_id}, not of {run_id}.")
    if entry.verdict is Verdict.FAIL:
        raise TagsealError(STEP_FAILED, f"The step {name} ended with FAIL.")
    step, leg = split_node(name)
    for before in STEPS[step].legs[leg]:
        if entry.predecessors.get(before) != record.digest(records[before]):
            raise TagsealError(
                RECORD_EDITED,
                f"{name} was made on another record of {before} than the one that is there.",
                fix=f"Run {name} again: {before} has run since.",
            )
