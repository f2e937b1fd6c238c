from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope

from support_attest import (
    ARTIFACTS,
    BUILT,
    DIST,
    FLIT,
    FLIT_SHA256,
    HERE,
    SDIST,
    SOURCE,
    WHEEL,
    Release,
    release,
    sha256,
)
from support_sigstore import SEAL, SEAL_SAN
from tagseal import __version__
from tagseal.adapters.clock import SystemClock
from tagseal.core.facts import BuildFacts, Requirement
from tagseal.core.policy import Policy, SandboxPolicy, dump_policy
from tagseal.core.signed_records import record_digests
from tagseal.core.statement import PAYLOAD_TYPE
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.steps import STEPS
from tagseal.steps.provenance import RECORDS


@pytest.fixture(scope="module")
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=SystemClock()) as running:
        yield running


def hashed(root: Path, services: SigstoreServices, **changes: Any) -> Release:
    made = release(root, services, **changes)
    assert made.run("hash").verdict == "PASS"
    return made


@pytest.mark.promise("R6")
@pytest.mark.promise("R12")
def test_the_statement_says_everything_and_nothing_else(tmp_path: Path, services: SigstoreServices) -> None:
    made = hashed(tmp_path, services)
    assert made.run("provenance").verdict == "PASS"
    statement = json.loads((tmp_path / f"steps/provenance/{WHEEL}.intoto.json").read_bytes())
    predicate = statement.pop("predicate")
    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": WHEEL, "digest": {"sha256": sha256(DIST[WHEEL])[7:]}}],
        "predicateType": "https://slsa.dev/provenance/v1",
    }
    assert predicate["buildDefinition"] == {
        "buildType": "https://github.com/tagseal/tagseal/blob/main/docs/reference/build-type.md#v1",
        "externalParameters": {
            "workflow": {
                "repository": "https://github.com/acme/widget",
                "path": ".github/workflows/release.yml",
                "ref": "refs/tags/v1.0.0",
            },
            "source": {"repository": "https://github.com/acme/widget", "tag": "v1.0.0", "ref": "refs/tags/v1.0.0"},
            "lock": {"path": "pylock.build.toml", "digest": {"sha256": SOURCE.lock_digest[7:]}},
            "policy": {"digest": {"sha256": SOURCE.policy_digest[7:]}},
            "sandbox": {"kind": "auto", "image": ""},
        },
        "internalParameters": {
            "github": {
                "event_name": "push",
                "repository_id": "1296269",
                "repository_owner_id": "583231",
                "runner_environment": "github-hosted",
            }
        },
        "resolvedDependencies": [
            {
                "uri": "git+https://github.com/acme/widget@refs/tags/v1.0.0",
                "digest": {"gitCommit": "a" * 40},
                "name": "source",
            },
            {
                "uri": "git+https://github.com/acme/widget@refs/tags/v1.0.0",
                "digest": {"gitTag": "e" * 40},
                "name": "tag",
                "annotations": {"signer": "ssh:SHA256:abc"},
            },
            {"uri": "pkg:pypi/flit-core@3.12.0", "digest": {"sha256": "5" * 64}, "name": FLIT},
            {"uri": "pkg:generic/cpython@{}?arch={}".format(*HERE.split()[1:]), "name": "interpreter"},
        ],
    }
    details = predicate["runDetails"]
    assert details["builder"] == {"id": SEAL_SAN, "version": {"tagseal": __version__}}
    assert details["metadata"]["invocationId"] == "https://github.com/acme/widget/actions/runs/1/attempts/1"
    assert details["metadata"]["startedOn"] == "2026-01-02T03:04:05Z"
    names = [entry["name"] for entry in details["byproducts"]]
    assert names == [
        *(f"steps/{n}/record.json" for n in ("build.a", "build.b", "compare", "hash", "inspect", "verify-source")),
        "SHA256SUMS",
        f"content/{WHEEL}",
        f"content/{SDIST}",
    ]


def test_the_records_it_names_are_those_of_every_predecessor() -> None:
    assert sorted(RECORDS) == sorted(f"steps/{node}/record.json" for node in STEPS["provenance"].legs[""])


def test_it_names_the_records_before_it(tmp_path: Path, services: SigstoreServices) -> None:
    hashed(tmp_path, services).run("provenance")
    found = record_digests((tmp_path / "steps/provenance/multiple.intoto.json").read_bytes())
    assert found == {path: sha256((tmp_path / path).read_bytes()) for path in found}
    assert len(found) == 6


def test_one_statement_for_each_file_and_one_for_all(tmp_path: Path, services: SigstoreServices) -> None:
    made = hashed(tmp_path, services)
    made.run("provenance")
    names = [name for name in made.files("steps/provenance") if name not in {"link.json", "record.json", "result.json"}]
    assert names == sorted(
        [
            "multiple.intoto.json",
            *(f"{name}.{kind}.json" for name in (WHEEL, SDIST) for kind in ("intoto", "publish")),
        ]
    )
    subjects = json.loads((tmp_path / "steps/provenance/multiple.intoto.json").read_bytes())["subject"]
    assert [subject["name"] for subject in subjects] == [WHEEL, SDIST]
    publish = json.loads((tmp_path / f"steps/provenance/{SDIST}.publish.json").read_bytes())
    assert publish == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": SDIST, "digest": {"sha256": sha256(DIST[SDIST])[7:]}}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": None,
    }


def test_again_the_same_statements(tmp_path: Path, services: SigstoreServices) -> None:
    made = hashed(tmp_path, services)
    made.run("provenance")
    path = tmp_path / "steps/provenance/multiple.intoto.json"
    first = path.read_bytes()
    made.run("provenance")
    assert path.read_bytes() == first


def test_securesystemslib_reads_the_payload(tmp_path: Path, services: SigstoreServices) -> None:
    hashed(tmp_path, services).run("provenance")
    data = (tmp_path / "steps/provenance/multiple.intoto.json").read_bytes()
    envelope = Envelope(payload=data, payload_type=PAYLOAD_TYPE, signatures={})
    assert envelope.pae().startswith(b"DSSEv1 28 application/vnd.in-toto+json ")


OTHER = Requirement(name="flit-core", version="3.12.0", filename=FLIT, sha256="sha256:" + "6" * 64)


@pytest.mark.promise("R6")
@pytest.mark.parametrize(
    ("built", "said"),
    [
        (replace(BUILT, lock_digest="sha256:" + "0" * 64), "used the build lock"),
        (replace(BUILT, source_date_epoch_s=1), "used the epoch 1"),
        (replace(BUILT, requirements=(OTHER,)), f"used {FLIT} (sha256:666"),
        (replace(BUILT, requirements=(replace(OTHER, sha256=FLIT_SHA256, name="evil"),)), f"used {FLIT}"),
        (replace(BUILT, requirements=(*BUILT.requirements, *BUILT.requirements)), "twice"),
        (replace(BUILT, requirements=()), "did not use flit-core"),
        (replace(BUILT, artifacts=ARTIFACTS[:1]), "made other files"),
        (
            replace(BUILT, artifacts=tuple(replace(a, content_digest="sha256:" + "0" * 64) for a in ARTIFACTS)),
            "other content digests",
        ),
    ],
)
def test_a_build_that_says_otherwise_is_stopped(
    tmp_path: Path, services: SigstoreServices, built: BuildFacts, said: str
) -> None:
    made = hashed(tmp_path, services, built_b=replace(built, leg="b"))
    error = made.error("provenance")
    assert (error.code.id, error.exit_code) == ("provenance-claim-differs", 1)
    assert error.what.startswith("Build leg b ")
    assert said in error.what
    assert made.files("steps/provenance") == ["link.json", "record.json", "result.json"]


def test_a_lock_that_the_source_did_not_pin_is_stopped(tmp_path: Path, services: SigstoreServices) -> None:
    other = "sha256:" + "0" * 64
    made = hashed(
        tmp_path, services, source=replace(SOURCE, lock_digest=other), built=replace(BUILT, lock_digest=other)
    )
    error = made.error("provenance")
    assert error.code.id == "provenance-claim-differs"
    assert error.what == f"The build lock is {SOURCE.lock_digest}; the source has {other}."


@pytest.mark.promise("R12")
@pytest.mark.parametrize(
    ("job", "said"),
    [
        (replace(SEAL, repository="acme/gadget"), "repository is acme/gadget"),
        (replace(SEAL, sha="f" * 40), "commit is ffff"),
        (replace(SEAL, ref="refs/tags/v1.0.1"), "ref is refs/tags/v1.0.1"),
        (replace(SEAL, ref="refs/heads/v1.0.0"), "ref is refs/heads/v1.0.0"),
        (SEAL.in_environment(""), "builder is https://github.com/acme/widget/.github/workflows/release.yml"),
    ],
)
def test_an_identity_of_another_release_is_stopped(
    tmp_path: Path, services: SigstoreServices, job: JobClaims, said: str
) -> None:
    error = hashed(tmp_path, services, job=job).error("provenance")
    assert (error.code.id, error.exit_code) == ("identity-not-for-this-release", 1)
    assert said in error.what


def test_a_runner_of_ones_own_is_unknown(tmp_path: Path, services: SigstoreServices) -> None:
    made = hashed(tmp_path, services, job=replace(SEAL, runner_environment="self-hosted"))
    assert made.run("provenance").verdict == "UNKNOWN"


def test_an_image_is_named_only_when_the_policy_asks_for_it(tmp_path: Path, services: SigstoreServices) -> None:
    image = "example/builder@sha256:" + "7" * 64
    in_image = replace(BUILT, image=image, sandbox="docker", interpreter="CPython 3.14.0 x86_64")
    unasked = hashed(tmp_path / "unasked", services, built=in_image)
    assert unasked.run("provenance").verdict == "UNKNOWN"
    assert "7777" not in (tmp_path / "unasked/steps/provenance/multiple.intoto.json").read_text()
    policy = dump_policy(Policy(sandbox=SandboxPolicy(kind="docker", image=image)))
    source = replace(SOURCE, policy_digest=sha256(policy))
    asked = hashed(tmp_path / "asked", services, built=in_image, policy=policy, source=source)
    assert asked.run("provenance").verdict == "PASS"
    statement = json.loads((tmp_path / "asked/steps/provenance/multiple.intoto.json").read_bytes())
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["sandbox"] == {"kind": "docker", "image": image}
    assert definition["resolvedDependencies"][-1] == {
        "uri": f"docker://{image}",
        "digest": {"sha256": "7" * 64},
        "name": "image",
    }
