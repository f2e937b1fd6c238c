"""Pytest plugin: keeps the last state of every test that carries `@pytest.mark.promise`, for tests/tools/promise.py.

A run adds to what earlier runs left, so that running one file does not forget the others. Under xdist the workers'
reports reach the controller, which alone writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

MARKER: Final = "promise"
STATES_FILE: Final = Path(".pytest_cache") / "tagseal-promise.json"
"""Relative to the project's top folder; an object: node id -> `passed`, `failed` or `skipped`."""

_seen: Final[dict[str, str]] = {}


def rows_of(item: pytest.Item) -> tuple[str, ...]:
    """Return the ids of the rows a test proves, in the order of its marks."""
    return tuple(dict.fromkeys(str(row) for mark in item.iter_markers(MARKER) for row in mark.args))


def read_states(top: Path) -> dict[str, str]:
    """Return node id -> state as earlier runs left it; empty when there was none or the file is spoilt."""
    try:
        found = json.loads((top / STATES_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(state) for name, state in found.items()} if isinstance(found, dict) else {}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let the test's reports carry its rows, through xdist too."""
    if rows := rows_of(item):
        item.user_properties.append((MARKER, " ".join(rows)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the state; a set-up or a tear-down that fails is a failure of the test."""
    if MARKER not in dict(report.user_properties):
        return
    if report.failed:
        _seen[report.nodeid] = "failed"
    elif report.skipped or report.when == "call":
        _seen.setdefault(report.nodeid, report.outcome)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what was seen over what is known."""
    if not _seen or hasattr(session.config, "workerinput"):
        return
    path = session.config.rootpath / STATES_FILE
    path.parent.mkdir(exist_ok=True)
    states = read_states(session.config.rootpath) | _seen
    path.write_text(json.dumps(dict(sorted(states.items())), indent=1) + "\n")
