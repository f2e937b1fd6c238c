"""A release step by step through the real command line, against services that live in the test.

The project has what a real one has: a policy on its default branch, a committed lock, a tag that its signer signed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tagseal.rehearsal
from support_git import Repo, SshKey, make_repository, make_ssh_key
from tagseal import cli
from tagseal.adapters import trust_config
from tagseal.adapters.clock import SystemClock
from tagseal.adapters.files import write_atomically
from tagseal.rehearsal.services import RehearsalServices, Subject
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.steps import RELEASE_ORDER, split_node

EXAMPLE = Path(tagseal.rehearsal.__file__).parent / "example"
REPOSITORY = "acme/example-widget"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ["HOME"]) / ".cache")  # before HOME is scrubbed


def example_files() -> dict[str, str | bytes]:
    """Return the bundled example's files, path -> content."""
    files = (path for path in sorted(EXAMPLE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(EXAMPLE).as_posix(): path.read_bytes() for path in files}


def policy_for(key: SshKey, extra: str = "") -> str:
    """Return a policy file that lets `key` sign."""
    return f"version: 1\nrelease-branch: main\nsigners:\n  - name: maintainer\n    ssh: {key.public}\n{extra}"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    data: Mapping[str, Any]
    """The object `--json` printed."""
    stderr: str

    @property
    def error(self) -> str:
        """The error's id, or an empty string."""
        return str((self.data.get("error") or {}).get("code", ""))


@dataclass(frozen=True)
class Release:
    """A project, its services, and its release directory."""

    project: Repo
    directory: Path
    services: RehearsalServices
    trust: Path
    tag: str = "v1.0.0"
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, node: str, *options: str) -> list[str]:
        """Return the command line of one node."""
        step, leg = split_node(node)
        words = [sys.executable, "-m", "tagseal", step, "--json", "--release-dir", str(self.directory)]
        words += ["--project", str(self.project.path), "--trust-config", str(self.trust)]
        words += ["--leg", leg] if leg else []
        extra = {
            "verify-source": ["--tag", self.tag, "--repository", REPOSITORY],
            "verify-release": ["--wait-s", "3", "--poll-s", "1"],
        }
        return [*words, *extra.get(step, []), *options]

    def variables(self, node: str) -> dict[str, str]:
        """Return the environment of one node's process: the token of its own job and no other."""
        step, _ = split_node(node)
        jobs = {"provenance": self.services.seal_job, "sign": self.services.seal_job}
        jobs["publish"] = self.services.publish_job
        found = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        found["XDG_CACHE_HOME"] = str(CACHE)
        passed = ("CERT_FILE", "CA_BUNDLE", "CERT", "COVERAGE_PROCESS_CONFIG")
        found |= {name: value for name, value in os.environ.items() if name.endswith(passed)}
        if job := jobs.get(step):
            found |= self.services.sigstore.request_environment(job)
        if step in {"release", "verify-release"}:
            found["GITHUB_TOKEN"] = self.services.forge_token.reveal()
        return {**found, **self.environment}

    def step(self, node: str, *options: str, timeout_s: float = 120) -> Ended:
        """Run one node as a process of its own."""
        done = subprocess.run(
            self.command(node, *options),
            env=self.variables(node),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout.startswith("{"), done.stderr
        return Ended(done.returncode, json.loads(done.stdout), done.stderr)

    def until(self, node: str, *, first: str = "verify-source") -> None:
        """Run every node from `first` up to and without `node`; each must PASS or be UNKNOWN."""
        order = list(RELEASE_ORDER)
        stop = order.index(node) if node else len(order)
        for name in order[order.index(first) : stop]:
            ended = self.step(name)
            assert ended.exit_code == 0, (name, ended.data, ended.stderr)

    def audit(self) -> Ended:
        """Run `tagseal audit` in this process: what it imports is paid once."""
        words = ["audit", str(self.directory), "--json", "--trust-config", str(self.trust)]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            exit_code = cli.main(words)
        return Ended(exit_code, json.loads(out.getvalue()), err.getvalue())

    def interrupted(self, node: str, how: signal.Signals, when: Callable[[], bool], *options: str) -> int:
        """Start a node, send it (alone) a signal as soon as `when()` holds; return its exit code."""
        variables = self.variables(node)
        variables.pop("COVERAGE_PROCESS_CONFIG", None)  # a signal inside coverage can leave its own lock held
        process = subprocess.Popen(
            self.command(node, *options),
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 30
        while not when() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(how)
        return process.wait(timeout=30)


def subject_of(project: Repo, tag: str = "v1.0.0") -> Subject:
    """Return what is released."""
    return Subject(
        repository=REPOSITORY,
        project="example-widget",
        tag=tag,
        commit=project.git("rev-parse", "HEAD").strip(),
        tag_object=project.git("rev-parse", f"refs/tags/{tag}").strip(),
        branch="main",
    )


def make_project(folder: Path, files: Mapping[str, str | bytes] | None = None, *, policy: str = "") -> Repo:
    """Make the example's repository with policy, lock and a signed tag v1.0.0."""
    folder.mkdir(parents=True, exist_ok=True)
    key = make_ssh_key(folder / "key")
    content = {**example_files(), ".github/tagseal.yml": policy_for(key, policy), **(files or {})}
    project = make_repository(folder / "project", content)
    project.tag_ssh("v1.0.0", key)
    return project


@contextlib.contextmanager
def release(folder: Path, project: Repo | None = None) -> Iterator[Release]:
    """Give a release of `project` (the example) with its services running."""
    project = project or make_project(folder / "source")
    clock = SystemClock()
    with (
        SigstoreServices(clock=clock) as sigstore,
        RehearsalServices(sigstore, subject_of(project), clock=clock) as services,
    ):
        trust = folder / "trust" / "tagseal_trust.json"
        write_atomically(trust, trust_config.dump(services.config()))
        yield Release(project=project, directory=folder / "release", services=services, trust=trust)
        assert services.forge.unknown_routes == []
        assert services.index.service.unknown_routes == []


def copied(made: Release, directory: Path) -> Release:
    """Return the same release with a copy of its directory."""
    import shutil

    shutil.copytree(made.directory, directory)
    return replace(made, directory=directory)


def codes(ended: Ended, verdict: str = "FAIL") -> Sequence[str]:
    """Return the codes of a result's findings with that verdict, in order, without repeats."""
    checks = ended.data["result"]["checks"]
    return list(dict.fromkeys(check["code"] for check in checks if check["verdict"] == verdict))
