"""Unmodified clients against the index, over real sockets, with the rehearsal's own issuer and Sigstore."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support_dists import wheel_bytes, write_dists
from support_index import API_TOKEN, PUBLISHER
from support_sigstore import PUBLISH
from tagseal.adapters.clock import SystemClock
from tagseal.rehearsal import tls
from tagseal.rehearsal.http import Fault
from tagseal.rehearsal.index import IndexService
from tagseal.rehearsal.index_attestations import SigstoreAttestationVerifier
from tagseal.rehearsal.index_server import IndexServer
from tagseal.rehearsal.sigstore_services import SigstoreServices

BIN = Path(sys.executable).parent
NAMES = ["tinyproj-1.2.3-py3-none-any.whl", "tinyproj-1.2.3.tar.gz"]


class Running:
    """A whole rehearsal's services and the files to upload."""

    def __init__(self, sigstore: SigstoreServices, index: IndexServer, folder: Path, ca_pem: bytes) -> None:
        self.sigstore = sigstore
        self.index = index
        self.service = index.service
        self.folder = folder
        self.dists = write_dists(folder / "dist")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(ca_pem)

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a client of this environment, without any configuration of this machine."""
        env = {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": str(self.folder / "uv-cache"),
            "NO_COLOR": "1",
            "COLUMNS": "500",
            **environment,
        }
        argv = [str(BIN / program), *arguments]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)

    def twine(self, *arguments: str, token: str = API_TOKEN) -> subprocess.CompletedProcess[str]:
        return self.run(
            "twine", "upload", "--non-interactive", "--disable-progress-bar", *arguments,
            TWINE_USERNAME="__token__", TWINE_PASSWORD=token, TWINE_REPOSITORY_URL=f"{self.index.url}/legacy/",
        )  # fmt: skip

    def uv_publish(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        url = f"{self.index.https_url}/legacy/"
        return self.run(
            "uv", "publish", "--publish-url", url, *arguments, SSL_CERT_FILE=str(self.ca), **environment
        )  # fmt: skip

    def mint(self) -> str:
        """Exchange a fresh token of the publishing job, as our adapter does."""
        jwt = self.sigstore.issuer.mint(PUBLISH, "pypi")
        request = urllib.request.Request(
            f"{self.index.url}/_/oidc/mint-token", data=json.dumps({"token": jwt}).encode()
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["token"])

    def attest(self, *, job: Any = PUBLISH) -> list[Path]:
        """Sign a publish attestation for each file, as the publishing job would."""
        from pypi_attestations import Attestation, Distribution
        from sigstore.models import ClientTrustConfig
        from sigstore.oidc import IdentityToken
        from sigstore.sign import SigningContext

        context = SigningContext.from_trust_config(ClientTrustConfig.from_json(self.sigstore.trust_config_json()))
        made = []
        with context.signer(IdentityToken(self.sigstore.issuer.mint(job, "sigstore"))) as signer:
            for path in self.dists:
                attestation = Attestation.sign(signer, Distribution.from_file(path))
                made.append(path.with_name(f"{path.name}.publish.attestation"))
                made[-1].write_text(attestation.model_dump_json())
        return made

    def get(self, path: str, **headers: str) -> bytes:
        request = urllib.request.Request(self.index.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    clock = SystemClock()
    made = tls.make(clock.now())
    with SigstoreServices(clock=clock) as sigstore:
        service = IndexService(
            sigstore.issuer,
            SigstoreAttestationVerifier(sigstore.trust_config_json()),
            [PUBLISHER],
            clock,
            api_tokens={API_TOKEN: ()},
        )
        with IndexServer(service, made.server_context) as index:
            yield Running(sigstore, index, tmp_path, made.ca_pem)
        assert service.unknown_routes == []


def sha256s(service: IndexService) -> Mapping[str, str]:
    return {name: file.digests.sha256 for name, file in service.files.items()}


@pytest.mark.peer("twine")
def test_twine_uploads_with_attestations(running: Running) -> None:
    attestations = running.attest()
    result = running.twine("--attestations", *map(str, [*running.dists, *attestations]), token=running.mint())
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(running.service.files) == NAMES
    for path, attestation in zip(running.dists, attestations, strict=True):
        provenance: Any = running.service.files[path.name].provenance
        (bundle,) = provenance["attestation_bundles"]
        assert bundle["publisher"]["repository"] == "acme/widget"
        assert (bundle["publisher"]["workflow"], bundle["publisher"]["environment"]) == ("release.yml", "pypi")
        assert bundle["attestations"] == [json.loads(attestation.read_text())]


@pytest.mark.peer("twine")
def test_an_attestation_of_another_file_is_refused(running: Running) -> None:
    running.attest()
    running.dists[0].write_bytes(wheel_bytes(text="X = 2\n"))
    wheel = running.dists[0]
    result = running.twine(
        "--attestations", str(wheel), f"{wheel}.publish.attestation", token=running.mint()
    )  # fmt: skip
    assert result.returncode == 1
    assert (
        "Could not verify the uploaded artifact using the included attestation: Verification failed: "
        "subject does not match distribution digest"
    ) in " ".join(result.stdout.split())
    assert running.service.files == {}


@pytest.mark.peer("twine")
def test_an_attestation_by_another_workflow_is_refused(running: Running) -> None:
    from dataclasses import replace

    running.attest(job=replace(PUBLISH, workflow_path=".github/workflows/ci.yml"))
    wheel = running.dists[0]
    result = running.twine("--attestations", str(wheel), f"{wheel}.publish.attestation", token=running.mint())
    assert result.returncode == 1
    assert "does not match expected Trusted Publisher (release.yml @ acme/widget)" in " ".join(result.stdout.split())
    assert running.service.files == {}


@pytest.mark.peer("twine")
def test_twine_sees_a_changed_file_refused(running: Running) -> None:
    assert running.twine(*map(str, running.dists)).returncode == 0
    before = sha256s(running.service)
    assert running.twine(*map(str, running.dists)).returncode == 0
    running.dists[0].write_bytes(wheel_bytes(text="X = 2\n"))
    result = running.twine(*map(str, running.dists))
    assert result.returncode == 1
    assert "File already exists" in result.stdout + result.stderr
    assert sha256s(running.service) == before


@pytest.mark.peer("uv")
def test_uv_publishes_as_a_trusted_publisher(running: Running) -> None:
    attestations = running.attest()
    result = running.uv_publish(
        "--trusted-publishing", "always", *map(str, [*running.dists, *attestations]),
        GITHUB_ACTIONS="true", **running.sigstore.request_environment(PUBLISH),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert sorted(running.service.files) == NAMES
    assert all(file.provenance for file in running.service.files.values())
    assert [entry[0] for entry in running.service.log] == ["mint", "upload", "upload", "burn"]
    assert running.service.tokens == {}


@pytest.mark.peer("uv")
def test_uv_hears_why_it_is_no_trusted_publisher(running: Running) -> None:
    from dataclasses import replace

    job = running.sigstore.request_environment(replace(PUBLISH, environment="staging"))
    result = running.uv_publish(
        "--trusted-publishing", "always", str(running.dists[0]), GITHUB_ACTIONS="true", **job
    )  # fmt: skip
    assert result.returncode == 2
    assert "Publisher with matching claims was not found" in result.stderr
    assert running.service.files == {}


@pytest.mark.peer("uv")
def test_uv_skips_what_is_there_and_refuses_what_differs(running: Running) -> None:
    assert running.twine(*map(str, running.dists)).returncode == 0
    options = ["--check-url", f"{running.index.https_url}/simple/", "--token", API_TOKEN, str(running.dists[0])]
    same = running.uv_publish(*options)
    assert same.returncode == 0
    assert "already exists, skipping" in same.stderr
    running.dists[0].write_bytes(wheel_bytes(text="X = 2\n"))
    other = running.uv_publish(*options)
    assert other.returncode == 2
    assert "Local file and index file do not match" in other.stderr


@pytest.mark.peer("pip")
def test_pip_installs_by_hash(running: Running, tmp_path: Path) -> None:
    assert running.twine(*map(str, running.dists)).returncode == 0
    options = ["install", "--isolated", "--no-deps", "--index-url", f"{running.index.url}/simple/", "--require-hashes"]
    locked = tmp_path / "locked.txt"
    locked.write_text(f"tinyproj==1.2.3 --hash=sha256:{sha256s(running.service)[NAMES[0]]}\n")
    good = running.run("pip", *options, "--target", str(tmp_path / "good"), "-r", str(locked))
    assert good.returncode == 0, good.stderr
    assert (tmp_path / "good" / "tinyproj" / "__init__.py").read_text() == "X = 1\n"
    locked.write_text(f"tinyproj==1.2.3 --hash=sha256:{'0' * 64}\n")
    bad = running.run("pip", *options, "--target", str(tmp_path / "bad"), "-r", str(locked))
    assert bad.returncode == 1
    assert "DO NOT MATCH THE HASHES" in bad.stderr
    assert not (tmp_path / "bad").exists()


@pytest.mark.peer("pip")
def test_pip_passes_over_a_yanked_release(running: Running, tmp_path: Path) -> None:
    assert running.twine(*map(str, running.dists)).returncode == 0
    running.service.store.yank("tinyproj", "1.2.3")
    result = running.run(
        "pip", "download", "--isolated", "--no-deps", "--index-url", f"{running.index.url}/simple/",
        "-d", str(tmp_path / "out"), "tinyproj",
    )  # fmt: skip
    assert result.returncode == 1
    assert "No matching distribution found for tinyproj" in result.stderr


@pytest.mark.peer("uv")
def test_uv_installs_over_https(running: Running, tmp_path: Path) -> None:
    assert running.twine(*map(str, running.dists)).returncode == 0
    target = tmp_path / "target"
    result = running.run(
        "uv", "pip", "install", "--python", sys.executable, "--target", str(target), "--no-deps",
        "--default-index", f"{running.index.https_url}/simple/", "tinyproj", SSL_CERT_FILE=str(running.ca),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (target / "tinyproj" / "__init__.py").read_text() == "X = 1\n"


@pytest.mark.peer("pypi-attestations")
def test_pypi_attestations_verifies_what_is_served(running: Running, tmp_path: Path) -> None:
    attestations = running.attest()
    assert (
        running.twine("--attestations", *map(str, [*running.dists, *attestations]), token=running.mint()).returncode
        == 0
    )
    # The client knows the public good instance alone; `--offline` reads its trust root from this cache unverified.
    cache = tmp_path / "cache" / "sigstore-python" / "tuf" / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
    cache.mkdir(parents=True)
    config = json.loads(running.sigstore.trust_config_json())
    (cache / "trusted_root.json").write_text(json.dumps(config["trustedRoot"]))
    (cache / "signing_config.v0.2.json").write_text(json.dumps(config["signingConfig"]))
    wheel = running.dists[0]
    provenance = tmp_path / "provenance.json"
    provenance.write_bytes(running.get(f"/integrity/tinyproj/1.2.3/{wheel.name}/provenance"))
    options = ["verify", "pypi", "--offline", "--provenance-file", str(provenance), "--repository"]
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "cache")}
    good = running.run("pypi-attestations", *options, "https://github.com/acme/widget", str(wheel), **environment)
    assert good.returncode == 0, good.stderr
    assert f"OK: {wheel.name}" in good.stderr
    wheel.write_bytes(wheel_bytes(text="X = 2\n"))
    bad = running.run("pypi-attestations", *options, "https://github.com/acme/widget", str(wheel), **environment)
    assert bad.returncode == 1
    assert "subject does not match distribution digest" in bad.stderr


@pytest.mark.peer("twine")
def test_a_lost_answer_leaves_the_file_and_a_retry_is_harmless(running: Running) -> None:
    with running.index.fault(Fault(match="POST /legacy/", status=503, after=True)):
        result = running.twine(str(running.dists[0]))  # twine retries a 5xx by itself
    assert result.returncode == 0
    assert running.service.log == [("upload", NAMES[0]), ("duplicate", NAMES[0])]


def test_a_plain_start_imports_no_verifier() -> None:
    code = (
        "import sys, time; started = time.perf_counter();"
        "import tagseal.rehearsal.index_server, tagseal.rehearsal.forge;"
        "heavy = {'sigstore', 'pypi_attestations', 'pydantic', 'requests', 'cryptography'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
