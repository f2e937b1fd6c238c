"""What a person sees of a rehearsal: a line per step while it runs, and the whole picture at the end."""

from __future__ import annotations

import io
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tagseal.core.checks import Check, Verdict
from tagseal.rehearsal.prepare import Prepared
from tagseal.rehearsal.public import ThirdPartyCommand
from tagseal.rehearsal.sequence import Line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_STYLES: Final = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.UNKNOWN: "yellow",
    Verdict.WAIVED: "magenta",
    Verdict.NOT_APPLICABLE: "dim",
}
_MIN_WIDTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All there is to tell."""

    prepared: Prepared
    lines: tuple[Line, ...]
    unknown: tuple[Check, ...]
    checks: tuple[ThirdPartyCommand, ...]
    out: Path
    verdict: Verdict
    seconds: float


class Live:
    """A spinner with what is going on and a line for each step that has ended; silent when nobody watches."""

    def __init__(self, *, is_live: bool) -> None:
        """`is_live`: a person watches, at a terminal."""
        self._is_live = is_live
        self._console: Console | None = None
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if self._is_live:
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False, markup=False)
            self._status = self._console.status("preparing…")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """Show what is going on now."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(text))

    def ended(self, line: Line) -> None:
        """Show a step's end; it stays on the screen."""
        if self._console is not None:
            verdict = line.run.verdict
            self._console.print(f"{verdict:<8} {line.node:<16} {line.seconds:6.2f} s", style=_STYLES[verdict])


def text(view: View) -> str:
    """Return the end of a rehearsal as text; coloured when standard output is a terminal."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = max(_MIN_WIDTH, shutil.get_terminal_size((_MIN_WIDTH, 24)).columns)
    console = Console(file=io.StringIO(), width=width, force_terminal=is_terminal, highlight=False, markup=False)
    _steps(console, view)
    _failure(console, view)
    _stopped(console, view)
    _unknown(console, view)
    _rest(console, view)
    file = console.file
    return file.getvalue().rstrip("\n") if isinstance(file, io.StringIO) else ""


def _say(console: Console, lines: str, style: str = "") -> None:
    """Print whole lines: commands and paths are copied from them."""
    console.print(lines, style=style, soft_wrap=True)


def _steps(console: Console, view: View) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    title = f"Rehearsal of {view.prepared.repository} {view.prepared.tag}"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("verdict")
    table.add_column("what was found")
    for line in view.lines:
        verdict = Text(str(line.run.verdict), style=_STYLES[line.run.verdict])
        table.add_row(line.node, f"{line.seconds:.2f}", verdict, Text(_found(line)))
    console.print(table)


def _found(line: Line) -> str:
    if line.run.error is not None:
        return f"{line.run.error.code.id}: {line.run.error.what}"
    checks = line.run.result.checks if line.run.result else ()
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def _failure(console: Console, view: View) -> None:
    for line in view.lines:
        if line.run.error is not None:
            _say(console, "\n".join(f"  {part}" for part in line.run.error.lines()), style="red")
        elif line.run.verdict is Verdict.FAIL and line.run.result is not None:
            for check in line.run.result.checks:
                if check.verdict is Verdict.FAIL:
                    _say(console, f"  {check.code} {check.subject}: {check.message}", style="red")


def _stopped(console: Console, view: View) -> None:
    if view.prepared.lock_lines:
        console.print("Build requirements locked for this rehearsal:", style="bold")
        console.print("\n".join(f"  {line}" for line in view.prepared.lock_lines) + "\n")
    if view.prepared.problems:
        console.print("What would have stopped a real release:", style="bold")
        for problem in view.prepared.problems:
            _say(console, f"  {problem.code}: {problem.what}\n      {problem.fix}")
        console.print()


def _unknown(console: Console, view: View) -> None:
    if view.unknown:
        console.print("Not decided on this machine (UNKNOWN):", style="bold")
        for check in view.unknown:
            _say(console, f"  {check.code} {check.subject}: {check.message}")
        console.print()


def _rest(console: Console, view: View) -> None:
    if view.verdict is not Verdict.FAIL:
        _say(console, f"Check it with other people's programs, in {view.out}:", style="bold")
        console.print("  ./verify.sh")
        for check in view.checks[:4]:
            _say(console, f"  {check.shell()}")
        if len(view.checks) > 4:  # noqa: PLR2004 - the first file's commands stand for all
            console.print(f"  … {len(view.checks) - 4} more in verify.sh")
        console.print()
    report = view.out / "release" / "report.md"
    _say(console, f"Release directory: {view.out}/release" + (f"   report: {report}" if report.is_file() else ""))
    words = {Verdict.PASS: "verified", Verdict.FAIL: "stopped", Verdict.UNKNOWN: "verified, with things left UNKNOWN"}
    ending = words.get(view.verdict, "ended")
    console.print(f"{view.verdict}: the release was {ending} in {view.seconds:.1f} s.", style=_STYLES[view.verdict])
