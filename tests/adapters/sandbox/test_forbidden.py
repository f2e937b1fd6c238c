"""A hostile job tries what issue 3 lists; each attempt must fail, in both kinds, and the probe must say so."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import support_sandbox
from tagseal.core.checks import Verdict
from tagseal.ports import Sandbox, SandboxInput

HOSTILE = """
import json, os, socket, sys
wanted = json.loads(sys.argv[1])
met = {}
def attempt(name, action):
    try:
        action()
        met[name] = "succeeded"
    except Exception as error:
        met[name] = type(error).__name__
def tcp(host, port):
    return lambda: socket.create_connection((host, port), 2).close()
def unix(path):
    def connect():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
    return connect
def write(path):
    return lambda: open(path, "a").write("stolen")
attempt("loopback", tcp("127.0.0.1", wanted["port"]))
attempt("outside", tcp("192.0.2.1", 80))
attempt("dns", lambda: socket.getaddrinfo("example.org", 80))
attempt("docker", unix("/var/run/docker.sock"))
attempt("variable", lambda: os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
attempt("file-command", write(wanted["file_command"]))
attempt("other-build", lambda: open(wanted["other_build"]).read())
attempt("release-directory", lambda: os.listdir(wanted["release"]))
attempt("home", lambda: open(wanted["home_file"]).read())
attempt("root-file-system", write("/usr/stolen"))
attempt("input", write("/build/in/requirement"))
attempt("root", lambda: os.setuid(0))
attempt("parent", lambda: os.kill(wanted["parent"], 0))
attempt("launcher-memory", lambda: open("/proc/1/mem", "r+b"))
attempt("hypervisor", lambda: socket.socket(40, socket.SOCK_STREAM))
attempt("io-uring", lambda: __import__("ctypes").CDLL(None).syscall(425, 1, 0) >= 0 or 1 / 0)
attempt("user-namespace", lambda: __import__("ctypes").CDLL(None).unshare(0x10000000) == 0 or 1 / 0)
json.dump(met, open("/build/out/met.json", "w"))
"""


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.promise("R11")
def test_every_forbidden_attempt_fails(
    sandbox: Sandbox, tmp_path: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tmp_path / "release"
    other = release / "steps/build.b/dist/other.whl"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"other")
    home_file = Path(os.environ["HOME"]) / ".pypirc"
    home_file.write_text("token", "ascii")
    command_file = tmp_path / "set_output_1"
    command_file.touch(mode=0o666)
    requirement = tmp_path / "requirement"
    requirement.write_bytes(b"genuine")
    for name, value in (("GITHUB_OUTPUT", str(command_file)), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret")):
        monkeypatch.setenv(name, value)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # a permission bit must not be what refuses
    wanted = {
        "port": listener,
        "file_command": str(command_file),
        "other_build": str(other),
        "release": str(release),
        "home_file": str(home_file),
        "parent": os.getpid(),
    }
    job = support_sandbox.script(HOSTILE, SandboxInput(host=requirement, inside="/build/in/requirement"))
    command = (*job.command, json.dumps(wanted))
    dest = release / "steps/build.a/dist"

    outcome = sandbox.run(dataclasses.replace(job, command=command), dest)

    assert (outcome.ended, outcome.exit_code, outcome.log) == ("exit", 0, "")
    met = json.loads((dest / "met.json").read_bytes())
    assert met == {
        "loopback": "ConnectionRefusedError",
        "outside": "OSError",
        "dns": "gaierror",
        "docker": "FileNotFoundError",
        "variable": "KeyError",
        "file-command": "FileNotFoundError",
        "other-build": "FileNotFoundError",
        "release-directory": "FileNotFoundError",
        "home": "FileNotFoundError",
        "root-file-system": met["root-file-system"],
        "input": "PermissionError",
        "root": "PermissionError",
        "parent": "ProcessLookupError",
        "launcher-memory": "PermissionError",
        "hypervisor": "PermissionError",
        "io-uring": "ZeroDivisionError",
        "user-namespace": "ZeroDivisionError",
    }
    assert met["root-file-system"] in {"OSError", "PermissionError"}
    assert command_file.read_bytes() == b""
    assert sorted(path.name for path in dest.iterdir()) == ["met.json"]
    assert {check.verdict for check in outcome.probe} == {Verdict.PASS}
    assert [check.code for check in outcome.probe] == [
        "sandbox-loopback",
        "sandbox-network",
        "sandbox-dns",
        "sandbox-engine-socket",
        "sandbox-runner-variables",
        "sandbox-host-files",
        "sandbox-other-processes",
        "sandbox-launcher",
        "sandbox-root-files",
        "sandbox-privileges",
        "sandbox-user-namespace",
    ]


def test_the_job_gets_its_environment_and_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    text = "import os; print(sorted(os.environ)); print(os.getcwd(), os.read(0, 1), os.listdir('/proc/self/fd'))"
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "out")
    names, rest = outcome.log.splitlines()
    assert names == "['LC_ALL', 'PATH']"
    assert rest == "/build b'' ['0', '1', '2', '3']"  # 3 is the listing itself


def test_inputs_are_at_their_places_and_a_copy_is_writable(sandbox: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "src"
    (source / "pkg").mkdir(parents=True)
    (source / "pkg/run.sh").write_bytes(b"#!/bin/sh\n")
    (source / "pkg/run.sh").chmod(0o755)
    (source / "link").symlink_to("pkg/run.sh")
    (source / "ümläut").write_bytes(b"x" * 100_000)
    text = """
import os
os.chdir("/build/src")
open("pkg/new", "w").close()
print(oct(os.stat("pkg/run.sh").st_mode), os.readlink("link"), os.path.getsize("\\u00fcml\\u00e4ut"))
"""
    job = support_sandbox.script(text, SandboxInput(host=source, inside="/build/src", writable_copy=True))
    outcome = sandbox.run(job, tmp_path / "out")
    assert outcome.log == "0o100755 pkg/run.sh 100000\n"
    assert not (source / "pkg/new").exists()


def test_two_builds_at_once_do_not_see_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    text = """
import os, sys, time
open("/build/out/%s" % sys.argv[1], "w").close()
time.sleep(0.5)
print(sorted(os.listdir("/build/out")), len([n for n in os.listdir("/proc") if n.isdigit()]))
"""

    def run(name: str) -> str:
        job = support_sandbox.script(text)
        outcome = sandbox.run(dataclasses.replace(job, command=(*job.command, name)), tmp_path / name)
        return outcome.log

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, "ab")) == ["['a'] 2\n", "['b'] 2\n"]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")) == ["a/a", "b/b"]
