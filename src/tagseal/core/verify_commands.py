"""The commands by which anybody checks the downloaded files with tools nobody here wrote."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def commands(names: Iterable[str], *, repository: str, builder_id: str, issuer: str) -> tuple[str, ...]:
    """Return POSIX command lines for the folder with the downloaded files, the checksums first.

    `builder_id` is the SAN of the signing certificate and `issuer` its OIDC issuer.
    """
    files = sorted(names)
    signer = f"--cert-identity {shlex.quote(builder_id)}"
    signatures = (
        f"sigstore verify identity --bundle {shlex.quote(f'{name}.sigstore.json')} "
        f"{signer} --cert-oidc-issuer {shlex.quote(issuer)} {shlex.quote(name)}"
        for name in ("SHA256SUMS", *files)
    )
    provenance = (
        f"gh attestation verify {shlex.quote(name)} --bundle {shlex.quote(f'{name}.intoto.jsonl')} "
        f"--repo {shlex.quote(repository)} {signer}"
        for name in files
    )
    return ("sha256sum --check SHA256SUMS", *signatures, *provenance)
