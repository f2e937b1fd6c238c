"""Print every promised row with the tests that prove it and their last state.

usage: promise.py [--check] [--json]
Rows and their state of work are read from docs/reference/promise.md, tests from the markers (`pytest --collect-only`),
their outcomes from the last runs (tests/support_promise.py). With --check: exit 1 when a row that was asked for has
no test, when a test names a row that does not exist, or when the report claims a row that the page calls OPEN.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support_promise import read_states, rows_of
from tagseal.core.report_controls import CONTROLS

TOP: Final = Path(__file__).resolve().parent.parent.parent
PAGE: Final = TOP / "docs" / "reference" / "promise.md"
STATES: Final = ("DONE", "PART", "OPEN")
_ROW: Final = re.compile(r"^\| (R\d+) \| (.+?) \| (DONE|PART|OPEN) \| (.*) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the page."""

    id: str
    promise: str
    work: str
    """`DONE`, `PART` (asked for in part, the rest is open) or `OPEN` (no issue has asked for it yet)."""


@dataclass(slots=True)
class Collector:
    """Pytest plugin: row -> node ids of its tests."""

    tests: dict[str, list[str]] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note every marked test."""
        for item in items:
            for row in rows_of(item):
                self.tests.setdefault(row, []).append(item.nodeid)


def rows() -> tuple[Row, ...]:
    """Return the page's rows.

    Raises:
        SystemExit: the page has no rows, or repeats one.
    """
    found = tuple(Row(id=m[1], promise=m[2], work=m[3]) for m in _ROW.finditer(PAGE.read_text()))
    counts = Counter(row.id for row in found)
    if not found or max(counts.values()) > 1:
        sys.exit(f"{PAGE.relative_to(TOP)}: no rows, or the same row twice")
    return found


def collect() -> Mapping[str, Sequence[str]]:
    """Return row -> node ids, from a collection that runs nothing.

    Raises:
        SystemExit: a test file cannot be imported; pytest's own words are printed.
    """
    collector, said = Collector(), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "-q", "--rootdir", str(TOP), str(TOP / "tests")], plugins=[collector])
    if code != pytest.ExitCode.OK:
        print(said.getvalue(), file=sys.stderr)
        sys.exit("the tests cannot be collected")
    return collector.tests


def problems(known: Sequence[Row], tests: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what `--check` refuses."""
    work = {row.id: row.work for row in known}
    untested = [
        f"{row.id} was asked for and has no test" for row in known if row.work != "OPEN" and not tests.get(row.id)
    ]
    unknown = [f"{row} is named by {found[0]} and is no row" for row, found in tests.items() if row not in work]
    claimed = [
        f"{control.id} is judged by the report and OPEN here"
        for control in CONTROLS
        if work.get(control.id, "OPEN") == "OPEN"
    ]
    return (*untested, *unknown, *claimed)


def state_of(tests: Sequence[str], states: Mapping[str, str]) -> str:
    """Return a row's tests as counts of their last states: `3 passed, 1 not run`."""
    counts = Counter(states.get(test, "not run") for test in tests)
    order = ("failed", "passed", "skipped", "not run")
    return ", ".join(f"{counts[state]} {state}" for state in order if counts[state]) or "no test"


def show(known: Sequence[Row], tests: Mapping[str, Sequence[str]], states: Mapping[str, str]) -> None:
    """Print the table, and below each row its tests."""
    for row in known:
        marked = tests.get(row.id, ())
        print(f"{row.id:<4}{row.work:<6}{state_of(marked, states):<30}{row.promise}")
        functions = Counter((test.partition("[")[0], states.get(test, "not run")) for test in marked)
        for (test, state), count in functions.items():
            print(f"          {state:<8} {test}{f' ({count} cases)' if count > 1 else ''}")
    counts = Counter(row.work for row in known)
    print(f"\n{len(known)} rows: " + ", ".join(f"{counts[work]} {work}" for work in STATES))


def main() -> int:
    """Print; with `--check` judge."""
    parser = argparse.ArgumentParser(description="Every promised row and its tests.")
    parser.add_argument("--check", action="store_true", help="exit 1 when a row that was asked for has no test")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    known, tests, states = rows(), collect(), read_states(TOP)
    found = problems(known, tests)
    if options.json:
        table = {
            row.id: {"work": row.work, "tests": {test: states.get(test, "not run") for test in tests.get(row.id, ())}}
            for row in known
        }
        print(json.dumps({"rows": table, "problems": found}, indent=2))
    else:
        show(known, tests, states)
        for problem in found:
            print(f"problem: {problem}")
    return 1 if options.check and found else 0


if __name__ == "__main__":
    sys.exit(main())
