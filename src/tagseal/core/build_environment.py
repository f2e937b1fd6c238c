"""In what the files were built: named in the provenance only when something trusted confirms what the builds say."""

from __future__ import annotations

from tagseal.core.checks import Check, Verdict
from tagseal.core.facts import BuildFacts
from tagseal.core.provenance import Dependency


def environment(
    legs: tuple[BuildFacts, ...], *, observed: str, asked_image: str
) -> tuple[Check, tuple[Dependency, ...]]:
    """Return the finding and what the provenance may name.

    Outside an image the interpreter is confirmed by `observed`, this process's own (`CPython 3.13.5 x86_64`); an
    image by `asked_image` (`name@sha256:<hex>`), which the policy file names. Anything else cannot be seen from
    here: UNKNOWN, and the provenance does not name it.
    """
    interpreters = {leg.interpreter for leg in legs}
    images = {leg.image for leg in legs}
    name, _, digest = asked_image.partition("@")
    if images == {""} and interpreters == {observed}:
        return _confirmed(observed, "as this job does"), (_interpreter(observed),)
    if asked_image and images <= {asked_image, digest}:
        image = Dependency(
            uri=f"docker://{asked_image}", digest={"sha256": digest.removeprefix("sha256:")}, name="image"
        )
        return _confirmed(asked_image, "as the policy file asks"), (image,)
    claimed = ", ".join(sorted(f"{leg.interpreter} {leg.image}".strip() for leg in legs))
    unknown = Check(
        code="build-environment-confirmed",
        verdict=Verdict.UNKNOWN,
        subject="build environment",
        message=f"The builds name {claimed}; this job ({observed}) cannot confirm it.",
        evidence=name,
    )
    return unknown, ()


def _confirmed(what: str, how: str) -> Check:
    return Check(
        code="build-environment-confirmed",
        verdict=Verdict.PASS,
        subject="build environment",
        message=f"Both builds name {what}, {how}.",
    )


def _interpreter(text: str) -> Dependency:
    name, version, machine = text.split(" ", 2)
    return Dependency(uri=f"pkg:generic/{name.lower()}@{version}?arch={machine}", digest={}, name="interpreter")
