"""The commands by which anybody checks the downloaded files with tools nobody here wrote."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def commands(names: Iterable[str], *, repository: str, builder_id: str, issuer: str) -> tuple[str, ...]:
    """Return POSIX command lines for the folder with the downloaded files, the checksums first.

    `builder_id` is the SAN of the signing certificate and `issuer` its OIDC issuer.
    """
    lines = ["sha256sum --check SHA256SUMS"]
    for name in ("SHA256SUMS", *sorted(names)):
        lines.append(
            f"sigstore verify identity --bundle {shlex.quote(name + '.sigstore.json')} "
            f"--cert-identity {shlex.quote(builder_id)} --cert-oidc-issuer {shlex.quote(issuer)} {shlex.quote(name)}"
        )
    lines.extend(
        f"gh attestation verify {shlex.quote(name)} --bundle {shlex.quote(name + '.intoto.jsonl')} "
        f"--repo {shlex.quote(repository)} --cert-identity {shlex.quote(builder_id)}"
        for name in sorted(names)
    )
    return tuple(lines)
