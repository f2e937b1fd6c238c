"""twine and uv upload the sealed files with our PEP 740 attestations to an index that knows nothing of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from support_sealed import FILES, REPOSITORY, Sealed, altered
from tagseal.adapters.clock import SystemClock
from tagseal.rehearsal import tls
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.index import IndexService
from tagseal.rehearsal.index_attestations import SigstoreAttestationVerifier
from tagseal.rehearsal.index_oidc import TrustedPublisher
from tagseal.rehearsal.index_server import IndexServer

BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Upload:
    """A fresh index and a folder with the files to upload."""

    sealed: Sealed
    index: IndexServer
    folder: Path
    ca: Path

    @property
    def files(self) -> list[str]:
        """The sealed files, each with its attestations beside it."""
        return sorted(str(path) for path in self.folder.iterdir() if path.suffix != ".pem")

    @property
    def job(self) -> JobClaims:
        return self.sealed.made.services.publish_job

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.defpath, "HOME": str(self.folder), "NO_COLOR": "1", "COLUMNS": "500", "UV_NO_CONFIG": "1"}
        return subprocess.run(
            [str(BIN / program), *arguments],
            env={**env, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def token(self, job: JobClaims) -> str:
        """Exchange a job's OIDC token for an upload token, as a Trusted Publisher does."""
        jwt = self.sealed.made.services.sigstore.issuer.mint(job, "pypi")
        data = json.dumps({"token": jwt}).encode()
        request = urllib.request.Request(f"{self.index.url}/_/oidc/mint-token", data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["token"])

    def twine(self, job: JobClaims | None = None) -> tuple[int, str]:
        done = self.run(
            *("twine", "upload", "--non-interactive", "--disable-progress-bar", "--attestations", *self.files),
            TWINE_USERNAME="__token__",
            TWINE_PASSWORD=self.token(job or self.job),
            TWINE_REPOSITORY_URL=f"{self.index.url}/legacy/",
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def uv(self, job: JobClaims | None = None) -> tuple[int, str]:
        url = f"{self.index.https_url}/legacy/"
        done = self.run(
            *("uv", "publish", "--trusted-publishing", "always", "--publish-url", url, *self.files),
            SSL_CERT_FILE=str(self.ca),
            GITHUB_ACTIONS="true",
            UV_CACHE_DIR=str(self.folder.parent / "uv-cache"),
            **self.sealed.made.services.sigstore.request_environment(job or self.job),
        )
        return done.returncode, done.stderr

    def served(self, name: str) -> Any:
        """The attestations that the index serves for a file."""
        provenance: Any = self.index.service.files[name].provenance
        (bundle,) = provenance["attestation_bundles"]
        assert bundle["publisher"]["repository"] == REPOSITORY
        return bundle["attestations"]


@pytest.fixture
def upload(sealed: Sealed, tmp_path: Path) -> Iterator[Upload]:
    services, clock, folder = sealed.made.services, SystemClock(), tmp_path / "upload"
    folder.mkdir()
    for name in FILES:
        shutil.copy2(sealed.dist(name), folder)
        for kind in ("publish", "slsa"):
            shutil.copy2(sealed.signed(f"{name}.{kind}.attestation"), folder)
    mine = TrustedPublisher(
        repository=REPOSITORY,
        owner_id=services.publish_job.repository_owner_id,
        workflow="release.yml",
        projects=("example-widget",),
        environment="pypi",
    )
    root = services.sigstore.trust_config_json()
    service = IndexService(
        services.sigstore.issuer,
        SigstoreAttestationVerifier(root),
        [mine, replace(mine, workflow="other.yml")],
        clock,
    )
    made = tls.make(clock.now())
    (tmp_path / "ca.pem").write_bytes(made.ca_pem)
    with IndexServer(service, made.server_context) as index:
        yield Upload(sealed=sealed, index=index, folder=folder, ca=tmp_path / "ca.pem")
    assert service.unknown_routes == []


def assert_everything_is_there(upload: Upload) -> None:
    assert sorted(upload.index.service.files) == sorted(FILES)
    for name in FILES:
        assert upload.index.service.files[name].data == upload.sealed.dist(name).read_bytes()
        signed = [upload.sealed.signed(f"{name}.{kind}.attestation").read_text() for kind in ("publish", "slsa")]
        assert in_order(upload.served(name)) == in_order(map(json.loads, signed))


def in_order(attestations: Iterable[Any]) -> list[str]:
    """Return JSON texts that do not depend on the order of members or items."""
    return sorted(json.dumps(attestation, sort_keys=True) for attestation in attestations)


@pytest.mark.peer("twine")
@pytest.mark.promise("R26")
@pytest.mark.promise("R27")
def test_twine_uploads_files_and_attestations(upload: Upload) -> None:
    code, said = upload.twine()
    assert code == 0, said
    assert_everything_is_there(upload)


@pytest.mark.peer("uv")
@pytest.mark.promise("R26")
@pytest.mark.promise("R27")
def test_uv_publishes_files_and_attestations_as_a_trusted_publisher(upload: Upload) -> None:
    code, said = upload.uv()
    assert code == 0, said
    assert_everything_is_there(upload)
    assert [entry[0] for entry in upload.index.service.log] == ["mint", "upload", "upload", "burn"]
    assert upload.index.service.tokens == {}


@pytest.mark.promise("R14")
@pytest.mark.promise("R27")
@pytest.mark.parametrize("client", [pytest.param(name, marks=pytest.mark.peer(name)) for name in ("twine", "uv")])
def test_one_altered_bit_is_refused(upload: Upload, client: str) -> None:
    altered(upload.sealed.dist(FILES[1]), upload.folder)
    code, said = upload.twine() if client == "twine" else upload.uv()
    assert code in {1, 2}, said
    assert FILES[1] not in upload.index.service.files


@pytest.mark.promise("R26")
@pytest.mark.promise("R27")
@pytest.mark.parametrize("client", [pytest.param(name, marks=pytest.mark.peer(name)) for name in ("twine", "uv")])
def test_attestations_of_another_workflow_are_refused(upload: Upload, client: str) -> None:
    other = replace(upload.job, workflow_path=".github/workflows/other.yml")
    code, said = upload.twine(other) if client == "twine" else upload.uv(other)
    assert code in {1, 2}, said
    assert "does not match expected Trusted Publisher (other.yml @ acme/example-widget)" in said
    assert upload.index.service.files == {}


@pytest.mark.peer("uv")
@pytest.mark.promise("R26")
def test_a_job_that_is_no_trusted_publisher_uploads_nothing(upload: Upload) -> None:
    code, said = upload.uv(replace(upload.job, environment="staging"))
    assert code == 2
    assert "Publisher with matching claims was not found" in said
    assert upload.index.service.files == {}
