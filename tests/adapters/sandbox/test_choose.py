"""Which sandbox is taken, and what is refused before any job starts."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import support_sandbox
from tagseal.adapters.sandbox import bundle, choose, engine, intake, local, namespaces, session
from tagseal.adapters.sandbox.docker import DockerSandbox
from tagseal.core.checks import Verdict
from tagseal.errors import TagsealError
from tagseal.ports import SandboxInput

PINNED = "example/image@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("kind", "image", "code", "exit_code"),
    [
        ("chroot", "", "sandbox-unknown", 2),
        ("namespaces", PINNED, "sandbox-unknown", 2),
        ("process", PINNED, "sandbox-unknown", 2),
        ("docker", "python:3.13", "sandbox-image-unpinned", 2),
        ("auto", "python@sha256:abc", "sandbox-image-unpinned", 2),
    ],
)
def test_a_wrong_choice_is_refused(kind: str, image: str, code: str, exit_code: int) -> None:
    with pytest.raises(TagsealError) as caught:
        choose(kind, image)
    assert (caught.value.code.id, caught.value.exit_code) == (code, exit_code)


def test_an_engine_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(TagsealError) as caught:
        DockerSandbox(PINNED, engine=engine.Engine(tmp_path / "docker.sock"))
    assert caught.value.code.id == "sandbox-unavailable"
    assert str(tmp_path / "docker.sock") in caught.value.what


def test_auto_without_an_image_takes_namespaces_where_they_work() -> None:
    assert choose("auto", "").kind == ("namespaces" if namespaces.is_available() else "process")
    expected = f"CPython {sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]} {os.uname().machine}"
    assert choose("auto", "").interpreter() == expected


def test_a_sandbox_that_leaks_runs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    place = intake.Place(
        root=str(folder), uid=os.getuid(), is_alone=False, is_mount=False, tolerated=(), limits_processes=False
    )
    argv = [str(local.interpreter_path()), "-I", "-S", "-c", bundle.program("launcher.main()")]
    job = support_sandbox.script(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    with pytest.raises(TagsealError) as caught:
        session.hold(
            local.ChildTransport(argv), job, tmp_path / "out", place=place, kind="namespaces", forbidden=(tmp_path,)
        )
    assert (caught.value.code.id, caught.value.exit_code) == ("sandbox-leaks", 1)
    assert f"host-files: {tmp_path}" in caught.value.what
    assert not (tmp_path / "ran").exists()
    assert list((tmp_path / "out").iterdir()) == []


def test_an_input_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in/pipe")
    job = support_sandbox.script("pass", SandboxInput(host=tmp_path / "in", inside="/build/in"))
    with pytest.raises(TagsealError) as caught:
        choose("process", "").run(job, tmp_path / "out")
    assert (caught.value.code.id, caught.value.exit_code) == ("sandbox-input-unreadable", 2)


def test_a_sandbox_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    last = "launcher.start(lambda: (_ for _ in ()).throw(OSError('not here')))"
    transport = local.ChildTransport([str(local.interpreter_path()), "-I", "-S", "-c", bundle.program(last)])
    place = intake.Place(root="/build", uid=1, is_alone=True, is_mount=True, tolerated=(), limits_processes=False)
    with pytest.raises(TagsealError) as caught:
        session.hold(
            transport, support_sandbox.script("pass"), tmp_path / "out", place=place, kind="namespaces", forbidden=()
        )
    assert caught.value.code.id == "sandbox-unavailable"
    assert caught.value.what == "The namespaces sandbox could not be made: not here"


def test_a_plain_process_says_what_it_cannot_isolate(tmp_path: Path) -> None:
    sandbox = choose("process", "")
    text = "import os; print(os.getcwd()); open('/build/out/a', 'w').write('/build')"
    outcome = sandbox.run(support_sandbox.script(text), tmp_path / "out")
    assert (outcome.ended, outcome.exit_code) == ("exit", 0)
    assert outcome.log == f"{tempfile.gettempdir()}/tagseal-build-{os.getuid()}\n"
    assert (tmp_path / "out/a").read_text("ascii") == f"{tempfile.gettempdir()}/tagseal-build-{os.getuid()}"
    verdicts = {check.code: check.verdict for check in outcome.probe}
    assert verdicts["sandbox-loopback"] is Verdict.UNKNOWN
    assert verdicts["sandbox-host-files"] is Verdict.UNKNOWN
    assert verdicts["sandbox-other-processes"] is Verdict.UNKNOWN
    assert not Path(f"{tempfile.gettempdir()}/tagseal-build-{os.getuid()}").exists()


def test_a_plain_process_leaves_no_daemon_and_bounds_its_folder(tmp_path: Path) -> None:
    text = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "4715.25"])
    os._exit(0)
for n in range(1000):
    open("/build/tmp/%d" % n, "wb").write(bytes(1 << 20))
    time.sleep(0.01)
"""
    outcome = choose("process", "").run(support_sandbox.script(text), tmp_path / "out")
    assert outcome.ended == "disk-full"
    assert support_sandbox.wait_until(0, "4715.25", at_least=False)


def test_a_plain_user_gets_namespaces_too(tmp_path: Path) -> None:
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or not python.exists():
        pytest.skip("needs root to become another user, and the system's Python")
    tests = Path(support_sandbox.__file__).parent
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:  # up to the machine's own, however deep xdist nests it
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    program = """
import os, sys
from pathlib import Path
import support_sandbox
from tagseal.adapters.sandbox import choose
text = "import os; print(os.getuid() >= 2**30, os.listdir('/build/home')); open('/build/out/a', 'w').close()"
outcome = choose("namespaces", "").run(support_sandbox.script(text), Path(sys.argv[1]))
print(os.getuid(), outcome.ended, outcome.exit_code, outcome.log.strip(), {str(c.verdict) for c in outcome.probe})
"""
    done = subprocess.run(
        [python, "-c", program, str(tmp_path / "out")],
        env={"PYTHONPATH": f"{tests.parent / 'src'}:{tests}", "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        user=4242,
        group=4242,
        extra_groups=[],
        cwd="/",
    )
    if "sandbox-unavailable" in done.stderr or "could not be made" in done.stderr:
        pytest.skip("this kernel lets plain users make no namespaces")
    assert (done.stdout, done.stderr) == ("4242 exit 0 True [] {'PASS'}\n", "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_what_runs_inside_is_readable_by_python_3_8() -> None:
    for path in sorted(Path(bundle.__file__).with_name("inside").glob("*.py")):
        ast.parse(path.read_text("utf-8"), feature_version=(3, 8))
