"""A Docker engine, a base image and our own image for the tests, on a Debian machine that is ours to change.

`up` installs what is missing (as root, with apt), starts an engine when none answers, makes the base image with
debootstrap (kept below the user's cache) and builds `tagseal-test:local` from the Dockerfile; `down` stops the
engine that `up` started. Both can be repeated; a warm `up` takes a second or two. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOCKET: Final = Path("/var/run/docker.sock")
PACKAGES: Final = {"dockerd": "docker.io", "docker": "docker.io", "debootstrap": "debootstrap"}
SUITE: Final = "bookworm"
IN_BASE: Final = (
    "python3",
    "python3-venv",
    "python3-pip",
    "ca-certificates",
    "git",
    "openssh-client",
    "gpgv",
    "faketime",
)
BASE_IMAGE: Final = f"tagseal-test-base:{SUITE}"
OUR_IMAGE: Final = "tagseal-test:local"
CONTEXT: Final = ("Dockerfile", ".dockerignore", "entrypoint.py", "pyproject.toml", "README.md", "LICENSE")
CA_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")


def cache_folder() -> Path:
    """Return where what is expensive is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tagseal-tests"


def run(*argv: str, cwd: Path | None = None) -> None:
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=cwd)
    if done.returncode:
        sys.stderr.write(done.stdout.decode("utf-8", "replace")[-8000:])
        raise SystemExit(f"{argv[0]} failed with exit code {done.returncode}")


def answers() -> bool:
    """Tell whether an engine answers on the usual socket."""
    with socket.socket(socket.AF_UNIX) as engine:
        engine.settimeout(5)
        try:
            engine.connect(str(SOCKET))
            engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in engine.recv(200)
        except OSError:
            return False


def install() -> None:
    """Install the packages that are missing."""
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(f"needs {', '.join(missing)}: install them, or run as root on Debian")
    run("apt-get", "update", "-q")
    run("apt-get", "install", "-q", "-y", "--no-install-recommends", *missing)


def start_engine() -> None:
    """Start an engine when none answers, and wait until it does."""
    if answers():
        return
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    argv = ["dockerd", "--pidfile", str(folder / "dockerd.pid"), "--data-root", "/var/lib/tagseal-tests-docker"]
    argv += ["--iptables=false", "--ip6tables=false", "--bridge=none"]  # builds use the host's network, tests none
    with (folder / "dockerd.log").open("wb") as log:
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    for _ in range(300):
        if answers():
            return
        time.sleep(0.1)
    raise SystemExit(f"dockerd does not answer; see {folder / 'dockerd.log'}")


def has_image(name: str, label: str) -> bool:
    """Tell whether the engine has `name` with the given `tagseal.inputs` label (any, when it is empty)."""
    argv = ["docker", "image", "inspect", "--format", '{{index .Config.Labels "tagseal.inputs"}}', name]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode == 0 and (not label or done.stdout.strip() == label)


def image_id(name: str) -> str:
    """Return the id of image `name`, empty when there is none."""
    argv = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def make_base() -> None:
    """Make the base image from Debian packages, or import the one made before."""
    if has_image(BASE_IMAGE, ""):
        return
    tarball = cache_folder() / f"base-{SUITE}-{hashlib.sha256(' '.join(IN_BASE).encode()).hexdigest()[:12]}.tar"
    if not tarball.exists():
        tree = cache_folder() / "base-tree"
        shutil.rmtree(tree, ignore_errors=True)
        run("debootstrap", "--variant=minbase", f"--include={','.join(IN_BASE)}", SUITE, str(tree))
        shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
        partial = tarball.with_suffix(".partial")
        run("tar", "-C", str(tree), "--numeric-owner", "-cf", str(partial), ".")
        partial.replace(tarball)
        shutil.rmtree(tree)
    run("docker", "import", "--change", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        str(tarball), BASE_IMAGE)  # fmt: skip


def context_files() -> list[Path]:
    """Return the files that go into our image, relative to the checkout."""
    named = [Path(name) for name in CONTEXT] + [Path("requirements/release.txt")]
    sources = [path.relative_to(ROOT) for path in (ROOT / "src").rglob("*") if path.is_file()]
    return sorted(path for path in named + sources if "__pycache__" not in path.parts and (ROOT / path).exists())


def build_ours() -> None:
    """Build our image on the local base, unless it already holds these very files."""
    files = context_files()
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path}\0".encode() + hashlib.sha256((ROOT / path).read_bytes()).digest())
    if has_image(OUR_IMAGE, digest.hexdigest()):
        return
    context = cache_folder() / "context"
    shutil.rmtree(context, ignore_errors=True)
    for path in files:
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, context / path)
    if CA_BUNDLE.exists():  # a machine behind a proxy of its own; see the Dockerfile
        (context / "requirements").mkdir(exist_ok=True)
        shutil.copyfile(CA_BUNDLE, context / "requirements/build-ca.crt")
    argv = [
        "docker",
        "build",
        "--network=host",
        "-q",
        "-t",
        OUR_IMAGE,
        "--label",
        f"tagseal.inputs={digest.hexdigest()}",
    ]
    before = image_id(OUR_IMAGE)
    run(*argv, "--build-arg", f"BASE_IMAGE={BASE_IMAGE}", str(context))
    if before:  # a container of another test may still use it
        subprocess.run(["docker", "image", "rm", before], capture_output=True, check=False)


def down() -> None:
    """Stop the engine that `up` started."""
    pid_file = cache_folder() / "dockerd.pid"
    try:
        pid = int(pid_file.read_text("ascii"))
        if b"dockerd" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    for _ in range(300):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("up", "down"))
    if parser.parse_args().action == "down":
        down()
        return
    install()
    start_engine()
    make_base()
    build_ours()


if __name__ == "__main__":
    main()
