"""Speed against references measured in the same run, as ratios of medians, and whether the budgets hold.

usage: bench.py [--repeat 9] [--size-gib 4] [--folder DIR] [--only build|start|hash]... [--json]
Measured and reference runs alternate; one of each goes before, unmeasured. The project is the bundled example
(flit-core, no extension). The reference of build and rehearsal is `python -m build` of it, isolated, as pip does it
with its caches warm; it asks the package index, tagseal does not. Exit 1 when a budget does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support_bench import BenchError, Row, interleaved, large_release, row, timed
from tagseal.rehearsal.source import example_project

TAGSEAL: Final = str(Path(sys.executable).parent / "tagseal")
FILES: Final = 8
STEP_NOT_RUN_EXIT: Final = 2


@dataclass(slots=True, kw_only=True)
class Bench:
    """One run of all measurements."""

    folder: Path
    repeat: int
    size_gib: float
    step_s: dict[str, list[float]] = field(default_factory=dict)
    """Step's leg -> its seconds in every rehearsal, the unmeasured first one included; and what lies outside them."""

    def build(self) -> list[Row]:
        """Build step and whole rehearsal against `python -m build`."""
        project = example_project(self.folder / "example")
        times = interleaved(self.repeat, self._rehearse, lambda: self._build(project))
        legs = [max(pair) for pair in zip(self.step_s["build.a"], self.step_s["build.b"], strict=True)]
        both = [leg + compare for leg, compare in zip(legs, self.step_s["compare"], strict=True)][1:]
        return [
            row("both build legs and compare", "python -m build", (both, times[1]), 0.5),
            row("whole rehearsal", "python -m build", times, 1.5),
        ]

    def start(self) -> list[Row]:
        """Start of the command line against the bare interpreter's."""
        empty = self.folder / "empty"
        empty.mkdir()
        words = (TAGSEAL, "hash", "--release-dir", str(empty))
        times = interleaved(
            self.repeat,
            lambda: timed(words, cwd=self.folder, exit_code=STEP_NOT_RUN_EXIT)[0],
            lambda: timed((sys.executable, "-c", "pass"), cwd=self.folder)[0],
        )
        return [row("start of tagseal hash", "python -c pass", times, 80, is_difference=True)]

    def hash(self) -> list[Row]:
        """The real `tagseal hash`, its records checked, against sha256sum of the same files."""
        release = self.folder / "release"
        size_bytes = int(self.size_gib * 2**30)
        names = large_release(release, size_bytes=size_bytes, count=FILES)
        times = interleaved(
            self.repeat,
            lambda: timed((TAGSEAL, "hash", "--release-dir", str(release)), cwd=self.folder)[0],
            lambda: timed(("sha256sum", *names), cwd=release / "dist")[0],
        )
        shutil.rmtree(release)
        return [row(f"hash of {self.size_gib:g} GiB in {FILES} files", "sha256sum", times, 0.55)]

    def _rehearse(self) -> float:
        out = self.folder / "rehearsal"
        seconds, text = timed((TAGSEAL, "rehearse", "--json", "--out", str(out)), cwd=self.folder)
        result = json.loads(text)["result"]
        steps = {entry["step"]: entry["milliseconds"] / 1000 for entry in result["steps"]}
        in_steps = sum(steps.values()) - min(steps["build.a"], steps["build.b"])
        inside = result["milliseconds"] / 1000
        others = {"before and after": inside - in_steps, "process itself": seconds - inside}
        for name, value in (steps | others).items():
            self.step_s.setdefault(name, []).append(value)
        return seconds

    def _build(self, project: Path) -> float:
        shutil.rmtree(project / "dist", ignore_errors=True)
        return timed((sys.executable, "-m", "build"), cwd=project)[0]


def show(rows: list[Row], bench: Bench) -> None:
    """Print the table, and where a rehearsal's time goes."""
    print(f"medians of {bench.repeat} on {os.cpu_count()} cores, one-minute load {os.getloadavg()[0]:.1f}\n")
    print(f"{'what':<30}{'median':>9}  {'reference':<17}{'median':>9}{'found':>10}{'budget':>10}  within")
    for line in rows:
        unit = "+{:.0f} ms" if line.is_difference else "{:.2f}x"
        found, limit = unit.format(line.value), unit.format(line.limit)
        answer = "yes" if line.is_within else "NO"
        print(
            f"{line.what:<30}{line.median_s:>7.3f} s  {line.reference:<17}{line.reference_s:>7.3f} s"
            f"{found:>10}{limit:>10}  {answer}"
        )
    if bench.step_s:
        print("\nwhere a rehearsal's time goes, milliseconds (build.a and build.b run side by side):")
        for name, values in bench.step_s.items():
            print(f"  {name:<18}{statistics.median(values[1:]) * 1000:>7.0f}")


def as_json(rows: list[Row], bench: Bench) -> str:
    """Return everything as one JSON object."""
    return json.dumps(
        {
            "repeat": bench.repeat,
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "rows": [asdict(line) | {"value": line.value, "within": line.is_within} for line in rows],
            "step_ms": {name: statistics.median(times[1:]) * 1000 for name, times in bench.step_s.items()},
        },
        indent=2,
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Speed as ratios to references, measured in one run.")
    parser.add_argument("--repeat", type=int, default=9, help="runs of each (default: 9)")
    parser.add_argument("--size-gib", type=float, default=4, help="GiB to hash (default: 4)")
    parser.add_argument("--folder", type=Path, help="where to work (default: the temporary folder)")
    parser.add_argument("--only", action="append", choices=("build", "start", "hash"), help="measure only this")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tagseal-bench-", dir=options.folder) as folder:
        bench = Bench(folder=Path(folder), repeat=options.repeat, size_gib=options.size_gib)
        parts: dict[str, Callable[[], list[Row]]] = {"start": bench.start, "build": bench.build, "hash": bench.hash}
        try:
            for name in options.only or parts:
                print(f"measuring {name} …", file=sys.stderr)
                rows += parts[name]()
        except BenchError as error:
            print(error, file=sys.stderr)
            return 2
    if options.json:
        print(as_json(rows, bench))
    else:
        show(rows, bench)
    return 0 if all(line.is_within for line in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
