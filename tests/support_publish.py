"""A sealed release directory of a made-up project, and the loopback services to publish it on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import support_dists
from tagseal.adapters.files import sha256_of
from tagseal.adapters.identity import ActionsIdentity
from tagseal.adapters.sigstore import KeylessSigner, SigstoreVerifier
from tagseal.adapters.trust_config import IndexEndpoints, TrustConfig
from tagseal.adapters.wiring import LazyAdapters
from tagseal.commands.run_step import StepRun, run_step
from tagseal.context import Run
from tagseal.core import canonical, record, statement, sums
from tagseal.core.canonical import Json
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact, InspectFacts, Signer, SourceFacts
from tagseal.core.statement import Subject
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.forge import ForgeService
from tagseal.rehearsal.forge_records import TagRef
from tagseal.rehearsal.http import Server
from tagseal.rehearsal.index import IndexService
from tagseal.rehearsal.index_attestations import SigstoreAttestationVerifier
from tagseal.rehearsal.index_oidc import TrustedPublisher
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.secret import Secret
from tagseal.step import NoParams
from tagseal.steps import STEPS, split_node

PROJECT, VERSION, TAG, COMMIT = "tinyproj", "1.2.3", "v1.2.3", "a" * 40
WHEEL, SDIST = "tinyproj-1.2.3-py3-none-any.whl", "tinyproj-1.2.3.tar.gz"
REPOSITORY = "acme/widget"
SERVER_URL = "https://github.com"
ISSUER = "https://token.actions.githubusercontent.com"
SEAL_DIGEST = "b" * 40
BUILDER = "https://github.com/tagseal/tagseal/.github/workflows/seal.yml@refs/tags/v0.1.0"
TOKEN = "forge-token-that-may-write"
API_TOKEN = "pypi-made-up-api-token-of-the-project"
RUN = Run(id="acme/widget/actions/runs/1", attempt=1, repository=REPOSITORY, is_actions=False, is_rehearsal=True)
CALLER = JobClaims(repository=REPOSITORY, ref=f"refs/tags/{TAG}", sha=COMMIT)
SEALED = ("verify-source", "build.a", "build.b", "compare", "inspect", "hash", "provenance", "sign.release")
ATTESTED = (".intoto.jsonl", ".sigstore.json", ".slsa.attestation", ".publish.attestation")
ASSETS = sorted(
    [WHEEL, SDIST, "SHA256SUMS", "SHA256SUMS.sigstore.json", "multiple.intoto.jsonl"]
    + [name + suffix for name in (WHEEL, SDIST) for suffix in ATTESTED]
)
SOURCE = SourceFacts(
    repository=REPOSITORY,
    tag=TAG,
    version=VERSION,
    commit=COMMIT,
    tag_object="c" * 40,
    commit_time_s=1_700_000_000,
    signer=Signer(kind="ssh", name="alice", fingerprint="SHA256:made-up"),
    release_branch="main",
    release_type="final",
    tree_digest="sha256:" + "1" * 64,
    lock_digest="sha256:" + "2" * 64,
    lock_path="pylock.build.toml",
    policy_digest="sha256:" + "3" * 64,
    checks=(Check(code="tag-signature", verdict=Verdict.PASS, subject=TAG, message="The tag is signed by alice."),),
)


class QuickClock:
    """The system's time, plus what was slept: nobody waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=sum(self.slept))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Silence:
    def say(self, text: str) -> None:
        pass


@dataclass(frozen=True)
class Plain:
    """Result of a step that nobody here reads."""

    checks: tuple[Check, ...]


@dataclass(kw_only=True)
class RigAdapters(LazyAdapters):
    """The real adapters on a quick clock."""

    quick: QuickClock = field(default_factory=QuickClock)

    @property
    def clock(self) -> QuickClock:
        return self.quick


@dataclass(kw_only=True)
class Rig:
    """Services and a release directory."""

    folder: Path
    sigstore: SigstoreServices
    index: IndexService
    index_server: Server
    forge: ForgeService
    forge_server: Server
    job: JobClaims = CALLER
    builder_digest: str = SEAL_DIGEST
    builder_san: str = BUILDER
    forge_token: str = TOKEN
    adapters: RigAdapters = field(init=False)

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """Make the adapters anew, for the job and trust as they are now."""
        self.adapters = RigAdapters(
            config=TrustConfig(
                index=IndexEndpoints(
                    name="rehearsal", upload_url=f"{self.index_server.url}/legacy/", base_url=self.index_server.url
                ),
                forge_api_url=self.forge_server.url,
                server_url=SERVER_URL,
                oidc_issuer=ISSUER,
                sigstore=self.sigstore.trust_config_json(),
                builder_san=self.builder_san,
                builder_digest=self.builder_digest,
                ca_file="",
            ),
            project=self.folder,
            environment=self.sigstore.request_environment(self.job),
            repository=REPOSITORY,
            forge_token=Secret(self.forge_token) if self.forge_token else None,
        )

    def step(self, node: str, params: object = NoParams()) -> StepRun:
        """Run one leg through the real runner."""
        step, leg = split_node(node)
        return run_step(
            step,
            leg=leg,
            params=params,
            release_dir=self.folder,
            project=self.folder,
            run=RUN,
            adapters=self.adapters,
            progress=Silence(),
        )

    def asset(self, name: str) -> bytes:
        """What the forge holds under a name."""
        found = [a for release in self.forge.releases.values() for a in release.assets if a.name == name]
        assert len(found) == 1
        return found[0].data


def seal(folder: Path, sigstore: SigstoreServices, *, facts: SourceFacts = SOURCE) -> None:
    """Write what the steps up to `sign` leave: files, sums, real signatures, results and records."""
    support_dists.write_dists(folder / "dist", PROJECT, VERSION)
    digests = {path.name: sha256_of(path) for path in sorted((folder / "dist").iterdir())}
    (folder / "SHA256SUMS").write_bytes(sums.render(digests))
    write_signed(folder, sigstore, digests, facts)
    results: dict[str, object] = {name: Plain(checks=(_done(name),)) for name in SEALED}
    results["verify-source"] = facts
    results["inspect"] = InspectFacts(
        package=PROJECT,
        artifacts=tuple(
            Artifact(
                name=name,
                kind="wheel" if name.endswith(".whl") else "sdist",
                size_bytes=(folder / "dist" / name).stat().st_size,
                sha256=digest,
                content_digest="sha256:" + "4" * 64,
            )
            for name, digest in digests.items()
        ),
        checks=(_done("secret-scan"),),
    )
    write_records(folder, results)


def write_signed(folder: Path, sigstore: SigstoreServices, digests: Mapping[str, str], facts: SourceFacts) -> None:
    job = CALLER.in_seal(version="0.1.0", commit=SEAL_DIGEST)
    config = sigstore.trust_config_json()
    signer = KeylessSigner(config, ActionsIdentity(sigstore.request_environment(job)))
    verifier = SigstoreVerifier(config)
    predicate = make_predicate(facts)
    named = {name: (name,) for name in digests} | {"multiple": tuple(digests)}
    statements = [
        statement.build_statement(
            [Subject(name=name, sha256=digests[name]) for name in names],
            predicate_type=statement.PROVENANCE,
            predicate=predicate,
        )
        for names in named.values()
    ]
    publish = [
        statement.build_statement([Subject(name=n, sha256=d)], predicate_type=statement.PUBLISH, predicate=None)
        for n, d in digests.items()
    ]
    bundles = signer.sign_statements([*statements, *publish])
    out = folder / "attestations"
    out.mkdir()
    for name, bundle in zip(named, bundles, strict=False):
        (out / f"{name}.intoto.jsonl").write_bytes(bundle.rstrip() + b"\n")
        if name in digests:
            (out / f"{name}.slsa.attestation").write_bytes(verifier.to_pep740(bundle))
    for name, bundle in zip(digests, bundles[len(named) :], strict=True):
        (out / f"{name}.publish.attestation").write_bytes(verifier.to_pep740(bundle))
    signed = {**digests, "SHA256SUMS": sha256_of(folder / "SHA256SUMS")}
    for name, bundle in zip(signed, signer.sign_files(list(signed.values())), strict=True):
        (out / f"{name}.sigstore.json").write_bytes(bundle)


def make_predicate(facts: SourceFacts) -> Mapping[str, Json]:
    """The part of a SLSA v1 predicate that says where the files come from; the rest belongs to other tests."""
    repository = f"{SERVER_URL}/{facts.repository}"
    return {
        "buildDefinition": {
            "buildType": "https://example.test/build",
            "externalParameters": {
                "source": {"repository": repository, "tag": facts.tag, "ref": f"refs/tags/{facts.tag}"},
                "lock": {"digest": {"sha256": facts.lock_digest.removeprefix("sha256:")}},
                "policy": {"digest": {"sha256": facts.policy_digest.removeprefix("sha256:")}},
            },
            "resolvedDependencies": [{"uri": f"git+{repository}", "digest": {"gitCommit": facts.commit}}],
        },
        "runDetails": {"builder": {"id": BUILDER}},
    }


def write_records(folder: Path, results: Mapping[str, object]) -> None:
    """Write result.json and record.json of each node, chained."""
    outputs = {
        "build.a": [f"dist/{WHEEL}", f"dist/{SDIST}"],
        "hash": ["SHA256SUMS"],
        "sign.release": [f"attestations/{path.name}" for path in sorted((folder / "attestations").iterdir())],
    }
    for node in SEALED:
        step, leg = split_node(node)
        here = folder / "steps" / node
        here.mkdir(parents=True, exist_ok=True)
        result = results[node]
        if not isinstance(result, bytes):
            result = canonical.dump(record.with_schema(f"https://example.test/{step}", result))
        (here / "result.json").write_bytes(result)
        paths = [f"steps/{node}/result.json", *outputs.get(node, [])]
        entry = record.Record(
            step=step,
            leg=leg,
            run_id=RUN.id,
            attempt=1,
            started_at="2026-01-01T00:00:00.000000Z",
            finished_at="2026-01-01T00:00:01.000000Z",
            tools={},
            inputs={},
            outputs={path: sha256_of(folder / path) for path in paths},
            verdict=Verdict.PASS,
            predecessors={n: sha256_of(folder / f"steps/{n}/record.json") for n in STEPS[step].legs[leg]},
        )
        (here / "record.json").write_bytes(record.dump(entry))


def _done(subject: str) -> Check:
    return Check(code=f"{subject}-done", verdict=Verdict.PASS, subject=subject, message="It was done.")


@contextmanager
def rig(template: Path, folder: Path, sigstore: SigstoreServices, *, immutable: bool = False) -> Iterator[Rig]:
    """Copy a sealed directory and start an index and a forge of its own."""
    shutil.copytree(template, folder)
    clock = QuickClock()
    index = IndexService(
        sigstore.issuer,
        SigstoreAttestationVerifier(sigstore.trust_config_json()),
        [
            TrustedPublisher(
                repository=REPOSITORY,
                owner_id=CALLER.repository_owner_id,
                workflow="release.yml",
                projects=(PROJECT,),
            )
        ],
        clock,
        api_tokens={API_TOKEN: ()},
    )
    forge = ForgeService(
        REPOSITORY,
        clock,
        tokens={TOKEN: "write"},
        tags={TAG: TagRef(sha="c" * 40, kind="tag")},
        branches={"main": COMMIT},
        immutable=immutable,
    )
    with ExitStack() as stack:
        index_server = stack.enter_context(Server(index.handle))
        forge_server = stack.enter_context(Server(forge.handle))
        yield Rig(
            folder=folder,
            sigstore=sigstore,
            index=index,
            index_server=index_server,
            forge=forge,
            forge_server=forge_server,
        )


def altered(facts: SourceFacts, **changes: str) -> SourceFacts:
    """The source facts with some texts changed."""
    return replace(facts, **changes)  # type: ignore[arg-type]  # all of them are texts
