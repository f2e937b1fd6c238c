"""What `make bench` measures with: timed processes, medians, and a large release directory with true records."""

from __future__ import annotations

import secrets
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagseal.adapters.files import sha256_of_all, write_atomically
from tagseal.commands.run_step import schema_of
from tagseal.core import canonical, record
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact, BuildFacts, InspectFacts
from tagseal.steps import STEPS, split_node

BLOCK_BYTES: Final = 64 * 2**20
_NODES: Final = ("verify-source", "build.a", "build.b", "compare", "inspect")
_TIME: Final = "2026-01-01T00:00:00.000000Z"


class BenchError(Exception):
    """What was to be measured did not work."""


def timed(words: Sequence[str], *, cwd: Path, exit_code: int = 0) -> tuple[float, str]:
    """Run a process; return its wall clock in seconds and its standard output.

    Raises:
        BenchError: it ended with another exit code; its last words are in the message.
    """
    began = time.perf_counter()
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=1800)
    seconds = time.perf_counter() - began
    if done.returncode != exit_code:
        said = (done.stdout + done.stderr)[-2000:]
        raise BenchError(f"{' '.join(words)} ended with {done.returncode}:\n{said}")
    return seconds, done.stdout


def interleaved(
    repeat: int, measured: Callable[[], float], reference: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Return the seconds of `repeat` runs of each, one after the other, so that both meet the same machine.

    One run of each goes before, unmeasured: caches are warm on both sides.
    """
    measured()
    reference()
    pairs = [(measured(), reference()) for _ in range(repeat)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    reference: str
    median_s: float
    reference_s: float
    limit: float
    """Largest ratio, or largest difference in milliseconds."""
    is_difference: bool = False

    @property
    def value(self) -> float:
        """Ratio of the medians, or their difference in milliseconds."""
        if self.is_difference:
            return (self.median_s - self.reference_s) * 1000
        return self.median_s / self.reference_s

    @property
    def is_within(self) -> bool:
        """Tell whether the budget holds."""
        return self.value <= self.limit


def row(
    what: str, reference: str, times: tuple[list[float], list[float]], limit: float, *, is_difference: bool = False
) -> Row:
    mine, theirs = (statistics.median(values) for values in times)
    return Row(
        what=what,
        reference=reference,
        median_s=mine,
        reference_s=theirs,
        limit=limit,
        is_difference=is_difference,
    )


def large_release(folder: Path, *, size_bytes: int, count: int) -> tuple[str, ...]:
    """Make a release directory in which `hash` can run over `count` files of together `size_bytes`; return their names.

    The bytes are one random block repeated, each file with a number of its own. The records are written as the
    steps would have: `hash` checks them like any others.
    """
    names = tuple(f"bench-1.0.{number}.tar.gz" for number in range(count))
    dist = folder / "dist"
    dist.mkdir(parents=True)
    block = secrets.token_bytes(BLOCK_BYTES)
    for number, name in enumerate(names):
        left = size_bytes // count
        with (dist / name).open("wb") as file:
            left -= file.write(number.to_bytes(8, "big"))
            while left > 0:
                left -= file.write(block[:left])
    digests = sha256_of_all([dist / name for name in names])
    artifacts = tuple(
        Artifact(
            name=name,
            kind="sdist",
            size_bytes=(dist / name).stat().st_size,
            sha256=digest,
            content_digest=digest,
        )
        for name, digest in zip(names, digests, strict=True)
    )
    _write_records(folder, artifacts)
    return names


def _write_records(folder: Path, artifacts: tuple[Artifact, ...]) -> None:
    written: dict[str, bytes] = {}
    for node in _NODES:
        step, leg = split_node(node)
        result = canonical.dump(record.with_schema(schema_of(step), _result(node, artifacts)))
        outputs = {f"steps/{node}/result.json": record.digest(result)}
        if node == "build.a":
            outputs |= {f"dist/{artifact.name}": artifact.sha256 for artifact in artifacts}
        entry = record.Record(
            step=step,
            leg=leg,
            run_id="local/bench",
            attempt=1,
            started_at=_TIME,
            finished_at=_TIME,
            tools={},
            inputs={},
            outputs=outputs,
            verdict=Verdict.PASS,
            predecessors={before: record.digest(written[before]) for before in STEPS[step].legs[leg]},
        )
        written[node] = record.dump(entry)
        write_atomically(folder / "steps" / node / "result.json", result)
        write_atomically(folder / "steps" / node / "record.json", written[node])


def _result(node: str, artifacts: tuple[Artifact, ...]) -> object:
    checks = (Check(code="bench", verdict=Verdict.PASS, subject=node, message="Made for a measurement."),)
    if node != "build.a":
        return InspectFacts(package="bench", artifacts=artifacts, checks=checks)
    return BuildFacts(
        leg="a",
        artifacts=artifacts,
        sandbox="process",
        image="",
        interpreter="",
        requirements=(),
        lock_digest="",
        source_date_epoch_s=0,
        variations={},
        checks=checks,
    )
