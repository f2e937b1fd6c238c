from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tagseal.commands.run_step import StepRun
from tagseal.core.checks import Verdict
from tagseal.rehearsal.sequence import Line
from tagseal.rehearsal.show import Live

ENDED = Line(node="build.a", seconds=1.234, run=StepRun(node="build.a", verdict=Verdict.PASS, result=None, error=None))


def test_nobody_watches_and_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with Live(is_live=False) as live:
        live.say("building")
        live.ended(ENDED)
    assert capfd.readouterr() == ("", "")


def test_a_step_s_end_stays_on_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    with Live(is_live=True) as live:
        live.say("building [bold]as it stands")
        live.ended(ENDED)
    out, err = capfd.readouterr()
    assert out == ""
    assert "PASS     build.a            1.23 s" in err


def test_progress_is_shown_at_a_terminal_alone(tmp_path: Path) -> None:
    """Stderr a terminal: lines of progress there; stdout is the result alone, in both cases."""
    words = [sys.executable, "-m", "tagseal", "audit", str(tmp_path / "release")]
    (tmp_path / "release" / "steps").mkdir(parents=True)
    reader, writer = pty.openpty()
    shown = subprocess.run(words, stdout=subprocess.PIPE, stderr=writer, check=False)
    os.close(writer)
    seen = os.read(reader, 4096)
    os.close(reader)
    silent = subprocess.run(words, capture_output=True, check=False)
    assert b"Reading records and files" in seen
    assert silent.stderr == b""
    assert shown.stdout == silent.stdout
