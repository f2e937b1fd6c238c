"""The parts of a release's statements: what it depended on, what it left behind, and the statements themselves."""

from __future__ import annotations

from collections.abc import Mapping

from tagseal.core import record
from tagseal.core.build_claims import Locked
from tagseal.core.canonical import Json
from tagseal.core.facts import SourceFacts
from tagseal.core.provenance import Byproduct, Dependency
from tagseal.core.statement import PROVENANCE, PUBLISH, Subject, build_statement


def dependencies(
    source: SourceFacts, repository: str, used: tuple[Locked, ...], environment: tuple[Dependency, ...]
) -> tuple[Dependency, ...]:
    """Return the source commit (first: verifiers look there), its tag object, the locked build requirements, and
    what is confirmed of the build's environment.

    `repository` is the repository's URI.
    """
    uri = f"git+{repository}@refs/tags/{source.tag}"
    commit = Dependency(uri=uri, digest={"gitCommit": source.commit}, name="source")
    signer = f"{source.signer.kind}:{source.signer.fingerprint}"
    tag = Dependency(uri=uri, digest={"gitTag": source.tag_object}, name="tag", annotations={"signer": signer})
    locked = tuple(
        Dependency(
            uri=f"pkg:pypi/{wheel.name}@{_purl_version(wheel.version)}",
            digest={"sha256": wheel.sha256.removeprefix("sha256:")},
            name=wheel.filename,
        )
        for wheel in used
    )
    return (commit, tag, *locked, *environment)


def _purl_version(version: str) -> str:
    """Percent-encode what the package-url specification asks for in a PEP 440 version."""
    return version.replace("+", "%2B").replace("!", "%21")


def byproducts(records: Mapping[str, bytes], sums_data: bytes, contents: Mapping[str, str]) -> tuple[Byproduct, ...]:
    """Return the records before this one (path -> bytes), SHA256SUMS, and each file's content digest."""
    return (
        *(Byproduct(name=path, sha256=record.digest(data)) for path, data in sorted(records.items())),
        Byproduct(name="SHA256SUMS", sha256=record.digest(sums_data)),
        *(Byproduct(name=f"content/{name}", sha256=digest) for name, digest in sorted(contents.items())),
    )


def rfc3339_seconds(time: str) -> str:
    """Return a record's time without its microseconds."""
    return time.partition(".")[0].removesuffix("Z") + "Z"


def statements(digests: Mapping[str, str], predicate: Mapping[str, Json]) -> Mapping[str, bytes]:
    """Return base name -> statement: provenance and publish statement for each file, and provenance of all files."""
    subjects = [Subject(name=name, sha256=digest) for name, digest in digests.items()]
    found = {"multiple.intoto.json": build_statement(subjects, predicate_type=PROVENANCE, predicate=predicate)}
    for subject in subjects:
        alone = [subject]
        found[f"{subject.name}.intoto.json"] = build_statement(alone, predicate_type=PROVENANCE, predicate=predicate)
        found[f"{subject.name}.publish.json"] = build_statement(alone, predicate_type=PUBLISH, predicate=None)
    return found
