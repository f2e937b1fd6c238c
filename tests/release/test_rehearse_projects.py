"""`tagseal rehearse PROJECT`: the user's repository is only read, and what would stop a real release is told."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support_git import Repo, SshKey, make_repository, make_ssh_key
from support_rehearsal import environment, fingerprint, make_example, rehearse, words
from support_release import example_files, make_project
from tagseal.adapters.git import GitCli
from tagseal.command import Console
from tagseal.rehearsal import problems, source
from tagseal.steps import RELEASE_ORDER

pytestmark = pytest.mark.registry  # a cold cache: the build requirements are downloaded
# time.sleep would not do: it fails under libfaketime, by which the second build shifts the clock
HANGS = """import threading
from good import *
def build_sdist(sdist_directory, config_settings=None):
    threading.Event().wait()
"""
PROJECTS = Path(__file__).parent.parent / "projects"
LOCK = "pylock.build.toml"


def in_tree(path: Path, backend: str = "from good import *\n") -> Repo:
    """Make a project with a backend of its own, locked like the example."""
    shutil.copytree(PROJECTS / "in-tree", path)
    return make_repository(path, {LOCK: example_files()[LOCK], "backend/chosen.py": backend})


def test_the_repository_is_only_read_and_a_lock_is_made_and_shown(tmp_path: Path) -> None:
    project = make_example(tmp_path / "project", without=[LOCK])
    project.git("tag", "v0.9.0")
    project.write({"untracked.txt": "x", "src/example_widget/__init__.py": "changed = True\n"})
    project.git("status")  # settles the index before the first look
    before, refs = fingerprint(project.path), project.git("for-each-ref")
    done = subprocess.run(
        words(project.path, "--out", tmp_path / "out"),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert fingerprint(project.path) == before
    assert project.git("for-each-ref") == refs
    locked = done.stdout.split("Build requirements locked for this rehearsal:")[1].split("\n\n")[0]
    assert {"build", "flit-core", "packaging"} <= {line.split()[0] for line in locked.splitlines() if line.strip()}
    told = done.stdout.split("What would have stopped a real release:")[1]
    assert "lock-missing: The project has no pylock.build.toml" in told
    assert "dirty-tree: The checkout has changes that are not committed" in told
    assert "(src/example_widget/__init__.py, untracked.txt)" in told
    assert "no-signers: " in told


def test_rehearsing_inside_the_checkout_leaves_the_tree_clean(tmp_path: Path) -> None:
    project = make_example(tmp_path / "project")
    for _ in range(2):
        done = subprocess.run(
            words(".", "--tag", "v9.0.0", "--json"),  # stops before anything is signed
            cwd=project.path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 1, done.stderr
        assert "dirty-tree" not in done.stdout
        assert (project.path / "rehearsal" / "release" / "dist").is_dir()
        assert project.git("status", "--porcelain") == ""


@pytest.mark.promise("R9")
def test_a_well_signed_tag_is_rehearsed_at_its_own_commit(tmp_path: Path) -> None:
    project = make_project(tmp_path / "source")
    released = project.git("rev-parse", "HEAD")
    project.commit({"later.txt": "after the release\n"})
    project.git("remote", "add", "origin", "git@github.com:acme/example-widget.git")
    before, refs = fingerprint(project.path), project.git("for-each-ref")
    ended = rehearse(tmp_path / "out", project.path, "--tag", "v1.0.0")
    assert ended.exit_code == 0, ended.data
    assert ended.problems == {}
    assert ended.result["repository"] == "acme/example-widget"
    assert f'"commit":"{released}"' in (tmp_path / "out/release/steps/verify-source/result.json").read_text()
    assert fingerprint(project.path) == before
    assert project.git("for-each-ref") == refs


def tag_problems(project: Repo, work: Path, tag: str = "v1.0.0") -> list[problems.Problem]:
    """Return what a rehearsal of `tag` would tell about it."""
    work.mkdir()
    git = GitCli(project.path)
    clone = source.clone(project.path, work, tag=tag)
    return problems.of_tag(
        git,
        tag,
        clone=clone,
        upstream=project.path,
        repository="acme/example-widget",
        progress=Console(is_json=False, is_quiet=True),
    )


@pytest.mark.promise("R9")
def test_the_projects_own_tag_is_judged_as_a_release_would(tmp_path: Path) -> None:
    project = make_project(tmp_path / "source")
    assert tag_problems(project, tmp_path / "good") == []
    assert tag_problems(project, tmp_path / "new", "v1.0.1") == []  # no such tag: no problem yet
    refs = project.git("for-each-ref")

    project.git("tag", "v2.0.0")
    project.tag_unsigned("v3.0.0")
    project.tag_ssh("v4.0.0", make_ssh_key(tmp_path / "stranger"))
    found = {tag: tag_problems(project, tmp_path / tag, tag) for tag in ("v2.0.0", "v3.0.0", "v4.0.0")}
    codes = {tag: [problem.code for problem in listed] for tag, listed in found.items()}
    assert codes == {"v2.0.0": ["tag-lightweight"], "v3.0.0": ["tag-unsigned"], "v4.0.0": ["tag-signer-unknown"]}
    assert found["v2.0.0"][0].what == "The tag v2.0.0 points straight at a commit."
    assert found["v2.0.0"][0].fix.startswith("Make it with `git tag -s`")
    assert refs in project.git("for-each-ref")


@pytest.mark.promise("R9")
def test_a_tag_is_judged_by_the_servers_branches_not_by_local_ones(tmp_path: Path) -> None:
    project = make_project(tmp_path / "source")
    server = tmp_path / "server.git"
    project.git("clone", "--quiet", "--bare", ".", str(server))
    project.git("remote", "add", "origin", str(server))
    project.git("fetch", "--quiet", "origin")
    project.git("remote", "set-head", "origin", "main")
    project.commit({"local.txt": "never pushed\n"})
    key = tmp_path / "source" / "key"
    project.tag_ssh("v1.1.0", SshKey(key, key.with_suffix(".pub").read_text().strip()))
    assert [problem.code for problem in tag_problems(project, tmp_path / "local", "v1.1.0")] == [
        "commit-not-on-release-branch"
    ]
    project.git("push", "--quiet", "origin", "main")
    assert tag_problems(project, tmp_path / "pushed", "v1.1.0") == []


def test_a_version_that_was_tagged_before_is_told(tmp_path: Path) -> None:
    project = make_project(tmp_path / "source")
    project.commit({"later.txt": "after the release\n"})
    (tmp_path / "work").mkdir()
    clone = source.clone(project.path, tmp_path / "work", tag=None)
    (problem,) = problems.of_tag(
        GitCli(project.path),
        "v1.0.0",
        clone=clone,
        upstream=project.path,
        repository="acme/example-widget",
        progress=Console(is_json=False, is_quiet=True),
    )
    assert problem.code == "tag-not-head"
    assert problem.fix == "Raise the project's version, or rehearse that tag: `tagseal rehearse --tag v1.0.0`."


def test_a_detached_head_is_rehearsed_as_it_stands(tmp_path: Path) -> None:
    project = make_example(tmp_path / "project")
    first = project.git("rev-parse", "HEAD")
    project.commit({"later.txt": "later\n"})
    project.git("checkout", "--quiet", "--detach", first)
    ended = rehearse(tmp_path / "out", project.path)
    assert ended.exit_code == 0, ended.data
    assert f'"commit":"{first}"' in (tmp_path / "out/release/steps/verify-source/result.json").read_text()


def test_a_shallow_clone_is_refused_by_name(tmp_path: Path) -> None:
    project = make_example(tmp_path / "project")
    project.commit({"later.txt": "later\n"})
    project.git("clone", "--quiet", "--depth=1", f"file://{project.path}", str(tmp_path / "shallow"))
    ended = rehearse(tmp_path / "out", tmp_path / "shallow")
    assert ended.exit_code == 1
    assert ended.verdicts == {"verify-source": "FAIL"}
    (step,) = ended.result["steps"]
    assert step["error"]["code"] == "shallow-clone"
    assert "--unshallow" in step["error"]["fix"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".gitignore",
        ".tagseal-rehearsal",
        "release",
        "trust",
    ]


def test_what_cannot_be_rehearsed_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    empty = Repo(tmp_path / "empty")
    empty.path.mkdir()
    empty.git("init", "--quiet")
    broken = make_example(tmp_path / "broken")
    blob = broken.git("rev-parse", "HEAD:pyproject.toml")
    (broken.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for name, error in (
        ("nothing", "not-a-repository"),
        ("empty", "no-commits"),
        ("broken", "rehearsal-clone-failed"),
    ):
        ended = rehearse(tmp_path / "out", tmp_path / name)
        assert (ended.exit_code, ended.error) == (2, error)
    not_a_version = rehearse(tmp_path / "out", empty.path, "--tag=--all")
    assert (not_a_version.exit_code, not_a_version.error) == (1, "tag-not-a-version")


def test_a_version_that_the_backend_makes_up_must_be_named(tmp_path: Path) -> None:
    project = in_tree(tmp_path / "project")
    text = (project.path / "pyproject.toml").read_text().replace('version = "1.2.3"', 'version = "one"')
    project.commit({"pyproject.toml": text})
    ended = rehearse(tmp_path / "out", project.path)
    assert (ended.exit_code, ended.error) == (2, "rehearsal-version-unknown")


def test_other_peoples_files_are_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    ended = rehearse(out)
    assert (ended.exit_code, ended.error) == (2, "rehearsal-out-in-use")
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("thesis.txt", "mine")]
    file = rehearse(out / "thesis.txt")
    assert (file.exit_code, file.error) == (2, "rehearsal-out-in-use")
    below = rehearse(out / "thesis.txt" / "chapter")
    assert (below.exit_code, below.error) == (2, "rehearsal-out-unusable")
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("thesis.txt", "mine")]


def test_a_step_that_fails_stops_everything_and_nothing_is_public(tmp_path: Path) -> None:
    project = make_example(tmp_path / "project")
    out = tmp_path / "out"
    done = subprocess.run(
        words(project.path, "--tag", "v2.0.0", "--out", out),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    table = [line.split() for line in done.stdout.splitlines()]
    rows = {words[0]: words[2] for words in table if words and words[0] in RELEASE_ORDER}
    assert list(rows.values())[-1] == "FAIL"
    assert list(rows) == list(RELEASE_ORDER[: RELEASE_ORDER.index("inspect") + 1])
    assert "1.0.0" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("FAIL: the release was stopped in ")
    assert "Check it with other people's programs" not in done.stdout
    assert not (out / "public").exists()
    assert not (out / "verify.sh").exists()
    assert sorted(path.name for path in (out / "release" / "steps").iterdir()) == sorted(rows)
    assert not (out / "release" / "attestations").exists()


@pytest.mark.parametrize(("options", "exit_code"), [((), 0), (("--strict",), 4)])
def test_what_this_machine_cannot_decide_is_unknown(tmp_path: Path, options: tuple[str, ...], exit_code: int) -> None:
    ended = rehearse(tmp_path / "out", "--sandbox", "process", *options)
    assert ended.exit_code == exit_code, ended.data
    assert ended.data["verdict"] == "UNKNOWN"
    assert (ended.verdicts["build.a"], ended.verdicts["build.b"]) == ("UNKNOWN", "UNKNOWN")
    assert {"sandbox-network", "sandbox-host-files"} <= {check["code"] for check in ended.result["unknown"]}
    assert (tmp_path / "out" / "verify.sh").is_file()


def test_ctrl_c_ends_at_once_and_a_second_rehearsal_finishes(tmp_path: Path) -> None:
    project, out, scratch = in_tree(tmp_path / "project", HANGS), tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    variables = environment(TMPDIR=str(scratch))
    variables.pop("COVERAGE_PROCESS_CONFIG", None)  # a signal inside coverage can leave its own lock held
    process = subprocess.Popen(
        words(project.path, "--out", out),
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    staging = out / "release" / ".staging"
    deadline = time.monotonic() + 60
    while not (staging / "build.b").is_dir() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(2)  # both backends hang now
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - began < 10) == (130, True)
    assert stderr.decode().startswith("tagseal: interrupted: ")
    assert list(scratch.iterdir()) == []
    assert sorted(path.name for path in (out / "release" / "steps").iterdir() if (path / "record.json").exists()) == [
        "verify-source"
    ]
    project.commit({"backend/chosen.py": "from good import *\n"})
    ended = rehearse(out, project.path)
    assert ended.exit_code == 0, ended.data
    assert list(ended.verdicts) == list(RELEASE_ORDER)
