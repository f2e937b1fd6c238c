"""`tagseal rehearse` without a project: what it leaves, and verify.sh when the services are gone."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support_peers import peer
from support_rehearsal import Rehearsed, environment, rehearse, words
from tagseal.core import sums
from tagseal.steps import RELEASE_ORDER

pytestmark = pytest.mark.registry  # a cold cache: the locked build requirements are downloaded

FILES = ["example_widget-1.0.0-py3-none-any.whl", "example_widget-1.0.0.tar.gz"]
SIGNED = [".intoto.jsonl", ".publish.attestation", ".sigstore.json", ".slsa.attestation"]
# Brings loopback up in a network namespace that has nothing else, then becomes the command.
LOOPBACK_ALONE = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lo:
    fcntl.ioctl(lo, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    return rehearse(tmp_path_factory.mktemp("example") / "out")


@pytest.fixture
def copy(example: Rehearsed, tmp_path: Path) -> Path:
    """A copy of what the rehearsal left, in another place."""
    shutil.copytree(example.out, tmp_path / "copy")
    return tmp_path / "copy"


def verify(out: Path, *, path: str) -> subprocess.CompletedProcess[str]:
    """Run verify.sh from another folder, with `path` for finding clients."""
    return subprocess.run(
        [out / "verify.sh"],
        env=environment(PATH=path),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def bare_path(folder: Path) -> str:
    """Return a PATH with the machine's own programs that verify.sh needs, and no client."""
    folder.mkdir()
    for name in ("sh", "dirname", "sha256sum"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def test_every_step_passes(example: Rehearsed) -> None:
    assert example.exit_code == 0, example.data
    assert list(example.verdicts) == list(RELEASE_ORDER)
    assert "FAIL" not in example.verdicts.values()
    assert example.result["tag"] == "v1.0.0"
    assert all(line["error"] is None and line["milliseconds"] >= 0 for line in example.result["steps"])
    assert example.data["command"] == "rehearse"
    assert example.result["out"] == str(example.out)
    assert list(example.problems) == ["no-signers"]


def test_everything_is_where_the_manual_says(example: Rehearsed) -> None:
    found = sorted(path.name for path in example.out.iterdir())
    assert found == [".gitignore", ".tagseal-rehearsal", "public", "release", "trust", "verify.sh"]
    assert sorted(path.name for path in (example.out / "trust").iterdir()) == [
        "client_trust_config.json",
        "index_ca.pem",
        "tagseal_trust.json",
        "trusted_root.json",
        "trusted_root.jsonl",
    ]
    assert sorted(path.name for path in (example.out / "release" / "dist").iterdir()) == FILES
    assert not list(example.out.rglob("*.key"))
    assert b"PRIVATE KEY" not in b"".join(path.read_bytes() for path in example.out.rglob("*") if path.is_file())


@pytest.mark.promise("R10")
@pytest.mark.promise("R24")
def test_the_public_downloads_what_was_sealed(example: Rehearsed) -> None:
    release, public = example.out / "release", example.out / "public"
    sealed = sums.parse((release / "SHA256SUMS").read_bytes())
    assert sorted(sealed) == FILES
    for channel in ("index", "forge"):
        for name in FILES:
            digest = hashlib.sha256((public / channel / name).read_bytes()).hexdigest()
            assert sealed[name] == f"sha256:{digest}", (channel, name)
    for name in [f"{file}{suffix}" for file in FILES for suffix in SIGNED]:
        assert (public / "forge" / name).read_bytes() == (release / "attestations" / name).read_bytes()
    assert sorted(path.name for path in (public / "index").iterdir()) == sorted(
        [*FILES, *(f"{name}.provenance" for name in FILES)]
    )


@pytest.mark.peer("cosign")
@pytest.mark.peer("gh")
@pytest.mark.promise("R15")
def test_verify_sh_runs_every_client_after_the_services_are_gone(copy: Path) -> None:
    clients = {str(Path(peer(name)).parent) for name in ("cosign", "gh")}
    done = verify(copy, path=os.pathsep.join([*clients, os.defpath]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Everything verified.\n")
    assert "skipped" not in done.stdout
    ran = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert [ran.count(program) for program in ("(cd", sys.executable, "cosign", "gh")] == [1, 2, 4, 2]


def test_verify_sh_names_a_client_that_is_missing(copy: Path, tmp_path: Path) -> None:
    done = verify(copy, path=bare_path(tmp_path / "bin"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped: cosign is not installed\nskipped: gh is not installed\n" in done.stdout
    assert done.stdout.count("\n+ ") == 2  # after the sums: the environment's own sigstore, once for each file


@pytest.mark.promise("R10")
@pytest.mark.promise("R15")
@pytest.mark.parametrize("name", FILES)
def test_verify_sh_refuses_an_altered_file(copy: Path, tmp_path: Path, name: str) -> None:
    file = copy / "release" / "dist" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    done = verify(copy, path=bare_path(tmp_path / "bin"))
    assert done.returncode == 1
    assert f"{name}: FAILED" in done.stdout
    assert done.stdout.count("FAILED: ") == 2  # its sum and its signature
    assert "Everything verified" not in done.stdout


def test_a_person_sees_steps_times_and_commands(tmp_path: Path) -> None:
    done = subprocess.run(
        words("--out", tmp_path / "out"), env=environment(), capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # progress is for a terminal
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Rehearsal of acme/example-widget v1.0.0")
    rows = [line.split()[0] for line in lines if line.split()[1:2] and line.split()[0] in RELEASE_ORDER]
    assert rows == list(RELEASE_ORDER)
    assert "What would have stopped a real release:" in lines
    assert f"Check it with other people's programs, in {tmp_path}/out:" in lines
    assert "  ./verify.sh" in lines
    assert f"Release directory: {tmp_path}/out/release   report: {tmp_path}/out/release/report.md" in lines
    assert lines[-1].split(":")[0] in {"PASS", "UNKNOWN"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a network namespace everywhere")
def test_nothing_but_loopback_is_needed_when_the_cache_is_warm(example: Rehearsed, tmp_path: Path) -> None:
    assert example.exit_code == 0
    alone = ["unshare", "--net", sys.executable, "-c", LOOPBACK_ALONE]
    ended = rehearse(tmp_path / "out", wrapper=alone)
    assert ended.exit_code == 0, ended.data
    assert "FAIL" not in ended.verdicts.values()
