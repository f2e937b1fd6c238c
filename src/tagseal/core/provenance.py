"""The SLSA Provenance v1 predicate of a release.

Everything stands in one of the dataclasses below; nothing is taken from a dictionary that a build wrote.
Spec: SLSA v1.1 "Provenance", https://slsa.dev/provenance/v1; our build type is docs/reference/build-type.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagseal.core.canonical import Json

BUILD_TYPE: Final = "https://github.com/tagseal/tagseal/blob/main/docs/reference/build-type.md#v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a person chose: `externalParameters`, complete."""

    repository: str
    """URI of the repository: `https://github.com/owner/name`."""
    tag: str
    ref: str
    """`refs/tags/<tag>`."""
    workflow_path: str
    """The caller's workflow file in its repository."""
    workflow_ref: str
    """The ref that file was taken from."""
    lock_path: str
    lock_digest: str
    """`sha256:<hex>`."""
    policy_digest: str
    """`sha256:<hex>` of the effective policy: signers, release branch, sandbox, generated paths, waivers."""
    sandbox_kind: str
    """The kind asked for; `auto` leaves the choice to the runner."""
    sandbox_image: str
    """The image asked for, `name@sha256:<hex>`; empty: tagseal's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One resolved dependency (a ResourceDescriptor)."""

    uri: str
    digest: Mapping[str, str]
    """Algorithm -> hex; empty when the thing has none (an interpreter)."""
    name: str = ""
    annotations: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Byproduct:
    """One more thing the run made."""

    name: str
    """Path in the release directory, or `content/<file>` for a content digest."""
    sha256: str
    """`sha256:<hex>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Who built, in which run."""

    builder_id: str
    """The certificate's SAN."""
    tagseal_version: str
    invocation_id: str
    """URI of the run's attempt."""
    started_on: str
    """RFC 3339, UTC."""
    finished_on: str
    internal: Mapping[str, str]
    """What the platform set: event, ids, runner environment."""


def predicate(
    parameters: Parameters,
    run: RunFacts,
    dependencies: tuple[Dependency, ...],
    byproducts: tuple[Byproduct, ...],
) -> Mapping[str, Json]:
    """Return the predicate; the source commit must be the first dependency (verifiers look there)."""
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": _external(parameters),
            "internalParameters": {"github": dict(run.internal)},
            "resolvedDependencies": [_descriptor(dependency) for dependency in dependencies],
        },
        "runDetails": {
            "builder": {"id": run.builder_id, "version": {"tagseal": run.tagseal_version}},
            "metadata": {
                "invocationId": run.invocation_id,
                "startedOn": run.started_on,
                "finishedOn": run.finished_on,
            },
            "byproducts": [
                {"name": item.name, "digest": {"sha256": item.sha256.removeprefix("sha256:")}} for item in byproducts
            ],
        },
    }


def _external(parameters: Parameters) -> Json:
    return {
        "workflow": {
            "repository": parameters.repository,
            "path": parameters.workflow_path,
            "ref": parameters.workflow_ref,
        },
        "source": {"repository": parameters.repository, "tag": parameters.tag, "ref": parameters.ref},
        "lock": {"path": parameters.lock_path, "digest": {"sha256": parameters.lock_digest.removeprefix("sha256:")}},
        "policy": {"digest": {"sha256": parameters.policy_digest.removeprefix("sha256:")}},
        "sandbox": {"kind": parameters.sandbox_kind, "image": parameters.sandbox_image},
    }


def _descriptor(dependency: Dependency) -> Json:
    found: dict[str, Json] = {"uri": dependency.uri}
    if dependency.digest:
        found["digest"] = dict(dependency.digest)
    if dependency.name:
        found["name"] = dependency.name
    if dependency.annotations:
        found["annotations"] = dict(dependency.annotations)
    return found
