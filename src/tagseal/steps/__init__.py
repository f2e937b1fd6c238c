"""The steps in release order, by import path: only the chosen one is imported.

A step appears here when it works. Each leg names its predecessors as `step` or `step.leg`; the graph of
records is made and audited from this table alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tagseal.step import Step


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the registry."""

    module: str
    summary: str
    """One line, the same as the step's own `summary`: help must not import every step."""
    legs: Mapping[str, tuple[str, ...]]
    """Leg -> its predecessors' nodes; a step without legs has the single leg `""`. The first is the default."""


_BUILT: Final = ("verify-source", "build.a", "build.b")
_SEALED: Final = (*_BUILT, "compare", "inspect", "hash", "provenance", "sign.release")

STEPS: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        "verify-source": Entry(
            "tagseal.steps.verify_source",
            "Verify the tag's signature, its commit and its place on the release branch.",
            {"": ()},
        ),
        "build": Entry(
            "tagseal.steps.build",
            "Build sdist and wheel in a sandbox without network, from the tagged commit and the locked requirements.",
            {"a": ("verify-source",), "b": ("verify-source",)},
        ),
        "compare": Entry(
            "tagseal.steps.compare",
            "Compare the two builds byte by byte, and the sdist with the tag's tree.",
            {"": _BUILT},
        ),
        "inspect": Entry(
            "tagseal.steps.inspect",
            "Inspect the built files: archive safety, metadata, version, index rules, secrets.",
            {"": (*_BUILT, "compare")},
        ),
        "hash": Entry(
            "tagseal.steps.hash", "Write SHA256SUMS for every file in dist/.", {"": ("build.a", "compare", "inspect")}
        ),
        "provenance": Entry(
            "tagseal.steps.provenance",
            "Write the SLSA provenance and publish statements, unsigned.",
            {"": (*_BUILT, "compare", "inspect", "hash")},
        ),
        "sign": Entry(
            "tagseal.steps.sign",
            "Sign statements and files with Sigstore, and verify what was signed.",
            {"release": (*_BUILT, "compare", "inspect", "hash", "provenance")},
        ),
        "publish": Entry(
            "tagseal.steps.publish",
            "Upload the sealed files with their attestations to the package index.",
            {"": (*_SEALED, "release.draft")},
        ),
        "release": Entry(
            "tagseal.steps.release",
            "Draft and publish the release on the forge with all evidence.",
            {
                "draft": _SEALED,
                "complete": (*_SEALED, "release.draft", "publish", "verify-release", "report"),
            },
        ),
        "verify-release": Entry(
            "tagseal.steps.verify_release",
            "Verify what the public can download against what was sealed.",
            {"": (*_SEALED, "release.draft", "publish")},
        ),
        "report": Entry(
            "tagseal.steps.report",
            "Write the evidence report: report.md and report.json.",
            {"": (*_SEALED, "release.draft", "publish", "verify-release")},
        ),
    }
)
"""Step name -> entry, in the order `--help` lists them; RELEASE_ORDER is the order they run in."""

RELEASE_ORDER: Final = (*_SEALED, "release.draft", "publish", "verify-release", "report", "release.complete")


def node(step: str, leg: str) -> str:
    """Return the name of a step's leg in the graph: `build.a`, or `compare` for a step without legs."""
    return f"{step}.{leg}" if leg else step


def split_node(name: str) -> tuple[str, str]:
    """Return (step, leg) of a node's name; the leg is `""` when the step has none."""
    step, _, leg = name.partition(".")
    return step, leg


def load(name: str) -> Step[object]:
    """Import one step's module and return its `STEP`."""
    from importlib import import_module

    step: Step[object] = import_module(STEPS[name].module).STEP
    return step
