"""A release directory as it stands before `hash`, with true records, and the real adapters on loopback services."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from support_sigstore import ISSUER, SEAL, SEAL_SAN
from tagseal.adapters.trust_config import TrustConfig, production
from tagseal.adapters.wiring import LazyAdapters
from tagseal.commands.run_step import StepRun, run_step, schema_of
from tagseal.context import Run
from tagseal.core import canonical, record
from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import Artifact, BuildFacts, InspectFacts, Requirement, Signer, SourceFacts
from tagseal.core.policy import Policy, dump_policy
from tagseal.core.record import Record
from tagseal.errors import TagsealError
from tagseal.rehearsal.claims import JobClaims
from tagseal.rehearsal.sigstore_services import SigstoreServices
from tagseal.step import NoParams
from tagseal.steps import STEPS, split_node

RUN = "acme/widget/actions/runs/1"
WHEEL = "widget-1.0.0-py3-none-any.whl"
SDIST = "widget-1.0.0.tar.gz"
DIST = {WHEEL: b"the wheel's bytes", SDIST: b"the sdist's bytes"}
FLIT = "flit_core-3.12.0-py3-none-any.whl"
FLIT_SHA256 = "sha256:" + "5" * 64
LOCK = f"""lock-version = "1.0"
created-by = "tagseal"

[[packages]]
name = "flit-core"
version = "3.12.0"
wheels = [{{ path = "{FLIT}", hashes = {{ sha256 = "{"5" * 64}" }} }}]
""".encode()
GOOD = (Check(code="good", verdict=Verdict.PASS, subject="all", message="Good."),)
HERE = f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}"
POLICY = dump_policy(Policy())


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


SOURCE = SourceFacts(
    repository="acme/widget",
    tag="v1.0.0",
    version="1.0.0",
    commit="a" * 40,
    tag_object="e" * 40,
    commit_time_s=1_700_000_000,
    signer=Signer(kind="ssh", name="maintainer", fingerprint="SHA256:abc"),
    release_branch="main",
    release_type="final",
    tree_digest="sha256:" + "1" * 64,
    lock_digest=sha256(LOCK),
    lock_path="pylock.build.toml",
    policy_digest=sha256(POLICY),
    checks=GOOD,
)
ARTIFACTS = tuple(
    Artifact(
        name=name,
        kind="wheel" if name == WHEEL else "sdist",
        size_bytes=len(data),
        sha256=sha256(data),
        content_digest=sha256(b"content of " + data),
    )
    for name, data in sorted(DIST.items())
)
BUILT = BuildFacts(
    leg="a",
    artifacts=ARTIFACTS,
    sandbox="namespaces",
    image="",
    interpreter=HERE,
    requirements=(Requirement(name="flit-core", version="3.12.0", filename=FLIT, sha256=FLIT_SHA256),),
    lock_digest=SOURCE.lock_digest,
    source_date_epoch_s=SOURCE.commit_time_s,
    variations={},
    checks=GOOD,
)
INSPECTED = InspectFacts(package="widget", artifacts=ARTIFACTS, checks=GOOD)


class Quiet:
    def say(self, text: str) -> None:
        pass


@dataclass(frozen=True)
class Release:
    """One release directory and what runs in it."""

    root: Path
    adapters: LazyAdapters

    def run(self, name: str, leg: str = "") -> StepRun:
        return run_step(
            name,
            leg=leg,
            params=NoParams(),
            release_dir=self.root,
            project=self.root,
            run=Run(
                id="acme/widget/actions/runs/1",
                attempt=1,
                repository="acme/widget",
                is_actions=False,
                is_rehearsal=True,
            ),
            adapters=self.adapters,
            progress=Quiet(),
        )

    def error(self, name: str, leg: str = "") -> TagsealError:
        """Run a step that must fail, and return its error, recorded or raised."""
        try:
            done = self.run(name, leg)
        except TagsealError as error:
            return error
        assert done.error is not None
        return done.error

    def put(self, node: str, result: object, outputs: Mapping[str, bytes] | None = None) -> None:
        """Write a step's folder as the runner would, its record included."""
        step, leg = split_node(node)
        files = dict(outputs or {})
        files[f"steps/{node}/result.json"] = canonical.dump(record.with_schema(schema_of(step), result))
        for path, data in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(data)
        records = {name: self.root / f"steps/{name}/record.json" for name in STEPS[step].legs[leg]}
        made = Record(
            step=step,
            leg=leg,
            run_id=RUN,
            attempt=1,
            started_at="2026-01-02T03:04:05.678901Z",
            finished_at="2026-01-02T03:04:06.000000Z",
            tools={},
            inputs={},
            outputs={path: record.digest(data) for path, data in files.items()},
            verdict=Verdict.PASS,
            predecessors={name: record.digest(path.read_bytes()) for name, path in records.items()},
        )
        (self.root / f"steps/{node}/record.json").write_bytes(record.dump(made))

    def files(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir()) if (self.root / folder).is_dir() else []


def release(
    root: Path,
    services: SigstoreServices,
    *,
    job: JobClaims = SEAL,
    dist: Mapping[str, bytes] = DIST,
    source: SourceFacts = SOURCE,
    built: BuildFacts = BUILT,
    built_b: BuildFacts | None = None,
    inspected: InspectFacts = INSPECTED,
    policy: bytes = POLICY,
) -> Release:
    """Return a release in which everything up to `inspect` has run."""
    config = replace(production(), sigstore=services.trust_config_json(), oidc_issuer=ISSUER, builder_san=SEAL_SAN)
    made = Release(root=root, adapters=adapters(root, services, config, job))
    lock = {"steps/verify-source/pylock.build.toml": LOCK, "steps/verify-source/policy.json": policy}
    made.put("verify-source", source, lock)
    made.put("build.a", built, {f"dist/{name}": data for name, data in dist.items()})
    made.put("build.b", built_b or replace(built, leg="b"))
    made.put("compare", INSPECTED)
    made.put("inspect", inspected)
    return made


def adapters(root: Path, services: SigstoreServices, config: TrustConfig, job: JobClaims) -> LazyAdapters:
    return LazyAdapters(
        config=config,
        project=root,
        environment=services.request_environment(job),
        repository="acme/widget",
        forge_token=None,
    )
