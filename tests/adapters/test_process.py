from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tagseal.adapters import process
from tagseal.errors import TagsealError


def python(code: str, *, data: bytes = b"", timeout_s: float = 20, room: int = 1 << 22) -> process.Completed:
    return process.run(
        [sys.executable, "-I", "-c", code],
        env=process.clean_environment(),
        input=data,
        timeout_s=timeout_s,
        max_output_bytes=room,
    )


def test_returns_output_error_and_exit_code() -> None:
    done = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_large_input_and_output_at_once_do_not_deadlock() -> None:
    data = b"x" * 3_000_000
    done = python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", data=data)
    assert done.stdout == data


def test_a_program_that_does_not_read_its_input_is_no_error() -> None:
    assert python("pass", data=b"x" * 1_000_000).exit_code == 0


def test_missing_program() -> None:
    with pytest.raises(TagsealError) as caught:
        process.run(["no-such-program"], env=process.clean_environment(), timeout_s=1, max_output_bytes=1)
    assert caught.value.code.id == "tool-missing"
    assert caught.value.exit_code == 2


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if not is_running(pid):
            return True
        time.sleep(0.01)
    return False


def test_timeout_kills_the_children_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(TagsealError) as caught:
        python(code, timeout_s=1.5)
    assert caught.value.code.id == "tool-timeout"
    assert caught.value.exit_code == 3
    assert wait_until_gone(int(note.read_text(encoding="ascii")))


def test_flood_is_cut_off() -> None:
    with pytest.raises(TagsealError) as caught:
        python("while True: print('x' * 1000)", room=100_000)
    assert caught.value.code.id == "tool-output-too-large"
    assert caught.value.exit_code == 1


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"

    def interrupt() -> None:
        while not (note.exists() and note.read_text(encoding="ascii")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        python(code)
    thread.join()
    assert wait_until_gone(int(note.read_text(encoding="ascii")))


def test_environment_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD_LIKE", "evil")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("PATH", f".:bin::{os.environ['PATH']}")
    names = python("import os; print(*sorted(os.environ))").stdout.split()
    assert b"LD_PRELOAD_LIKE" not in names
    assert b"HTTPS_PROXY" not in names
    environment = process.clean_environment({"A": "b"}, network=True)
    assert environment["HTTPS_PROXY"] == "http://127.0.0.1:1"
    assert environment["A"] == "b"
    assert all(entry.startswith("/") for entry in environment["PATH"].split(":"))
