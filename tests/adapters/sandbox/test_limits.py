"""Jobs that take more than they may, and output that is not what it should be."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import support_sandbox
from tagseal.ports import Sandbox


def test_a_hang_ends_as_timeout_and_nothing_is_left(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "4711.25"])
open("/build/out/half", "w").close()
time.sleep(600)
"""
    outcome = sandbox.run(support_sandbox.script(text, wall_s=1), tmp_path / "out")
    assert (outcome.ended, outcome.exit_code) == ("timeout", None)
    assert list((tmp_path / "out").iterdir()) == []
    assert support_sandbox.wait_until(0, "4711.25", at_least=False)


def test_a_daemon_left_behind_is_killed(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
import os
if os.fork() == 0:
    os.setsid()
    os.execvp("sleep", ["sleep", "4712.25"])
"""
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "out")
    assert (outcome.ended, outcome.exit_code) == ("exit", 0)
    assert support_sandbox.wait_until(0, "4712.25", at_least=False)


def test_a_flood_ends_as_disk_full(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
for n in range(1000):
    open("/build/out/%d" % n, "wb").write(bytes(1 << 20))
"""
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "out")
    assert outcome.ended == "disk-full"
    assert "No space left on device" in outcome.log
    assert list((tmp_path / "out").iterdir()) == []


def test_too_much_memory_ends_as_memory(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
import time
held = []
while True:
    held.append(bytearray(b"x") * (8 << 20))
    time.sleep(0.01)
"""
    outcome = sandbox.run(support_sandbox.script(text, memory_bytes=128 * 2**20), tmp_path / "out")
    assert (outcome.ended, outcome.exit_code) == ("memory", None)


def test_a_fork_bomb_stays_within_its_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600)
        made += 1
except BlockingIOError:
    print("stopped", made < 100)
"""
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "out")
    assert (outcome.ended, outcome.exit_code, outcome.log) == ("exit", 0, "stopped True\n")


def test_too_much_output_is_not_handed_back(sandbox: Sandbox, tmp_path: Path) -> None:
    text = 'open("/build/out/big", "wb").write(bytes(5 << 20))'
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "out")
    assert (outcome.ended, outcome.exit_code) == ("output-limit", 0)
    assert list((tmp_path / "out").iterdir()) == []


def test_only_regular_files_directly_in_the_folder_are_handed_back(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
import os, socket
os.chdir("/build/out")
os.symlink("/etc/passwd", "link")
os.mkfifo("pipe")
os.mkdir("folder")
open("folder/inner", "w").close()
socket.socket(socket.AF_UNIX).bind("socket")
open("a.whl", "w").write("wheel")
"""
    dest = tmp_path / "out"
    outcome = sandbox.run(support_sandbox.script(text), dest)
    assert outcome.ended == "exit"
    assert [(path.name, path.read_bytes()) for path in dest.iterdir()] == [("a.whl", b"wheel")]


def test_a_folder_that_became_a_link_is_not_followed(sandbox: Sandbox, tmp_path: Path) -> None:
    text = 'import os; os.rename("/build/out", "/build/tmp/out"); os.symlink("/etc", "/build/tmp/link")'
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "moved")
    assert outcome.exit_code == 1  # /build itself is not the job's
    linked = support_sandbox.script('import os; os.symlink("/etc", "/build/tmp/x")', collect="/build/tmp/x")
    assert sandbox.run(linked, tmp_path / "linked").ended == "exit"
    assert list((tmp_path / "linked").iterdir()) == []


def test_the_log_keeps_its_end_and_loses_terminal_codes(sandbox: Sandbox, tmp_path: Path) -> None:
    text = 'print("x" * 1_000_000); print("\\x1b[31mred\\x1b[0m \\x07end\\u00fc")'
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "out")
    assert outcome.log.endswith("x\nred endü\n")
    assert len(outcome.log) <= 4096


def test_a_command_that_does_not_exist_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    job = support_sandbox.script("pass")
    outcome = sandbox.run(dataclasses.replace(job, command=("/no/such",)), tmp_path / "out")
    assert outcome.exit_code == 127
    assert "'/no/such' could not be started" in outcome.log


def test_the_clock_is_shifted_or_the_outcome_says_it_is_not(sandbox: Sandbox, tmp_path: Path) -> None:
    job = support_sandbox.script("import time; print(int(time.time()))")
    outcome = sandbox.run(dataclasses.replace(job, fake_time_offset_s=86_400), tmp_path / "out")
    ahead = int(outcome.log.splitlines()[-1]) - time.time()
    assert outcome.clock_is_shifted == (86_000 < ahead < 87_000)
