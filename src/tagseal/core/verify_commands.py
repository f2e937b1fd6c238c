"""The commands by which anybody checks the downloaded files with tools nobody here wrote.

The builder's name alone proves little: whoever calls the seal workflow gets certificates with it. So each command
also insists on the repository, the tag and the commit.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from tagseal.core.facts import SourceFacts


def commands(names: Iterable[str], source: SourceFacts, *, builder_id: str) -> tuple[str, ...]:
    """Return POSIX command lines for the folder with the downloaded files, the checksums first.

    `builder_id` is the SAN of the signing certificate.
    """
    files = sorted(names)
    ref = f"refs/tags/{source.tag}"
    signer = ("--cert-identity", builder_id)
    of_source = ("--repository", source.repository, "--ref", ref, "--sha", source.commit)
    signatures = (
        shlex.join(("sigstore", "verify", "github", "--bundle", f"{name}.sigstore.json", *signer, *of_source, name))
        for name in ("SHA256SUMS", *files)
    )
    of_run = ("--repo", source.repository, "--source-ref", ref, "--source-digest", source.commit)
    provenance = (
        shlex.join(
            (
                *("gh", "attestation", "verify", name, "--bundle", f"{name}.intoto.jsonl"),
                *(*of_run, *signer, "--deny-self-hosted-runners"),
            )
        )
        for name in files
    )
    return ("sha256sum --check SHA256SUMS", *signatures, *provenance)
