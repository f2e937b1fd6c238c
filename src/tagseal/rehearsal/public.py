"""What a rehearsal leaves for other people's tools: the files as the public gets them, roots, and verify.sh."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagseal.adapters import trust_config
from tagseal.adapters.files import write_atomically
from tagseal.adapters.wiring import LazyAdapters
from tagseal.ports import IndexFile
from tagseal.rehearsal.claims import BUILDER, ISSUER
from tagseal.rehearsal.services import BUILDER_SAN, SIGNER_DIGEST, RehearsalServices, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdPartyCommand:
    """One command by which somebody else's program checks the result."""

    program: str
    """What must be installed; empty when it always is."""
    words: tuple[str, ...]
    folder: str = "."
    """Where it runs, relative to the rehearsal's folder."""
    environment: tuple[tuple[str, str], ...] = ()

    def shell(self) -> str:
        """Return the command as a shell line."""
        variables = "".join(f"{name}={shlex.quote(value)} " for name, value in self.environment)
        line = variables + shlex.join(self.words)
        return line if self.folder == "." else f"(cd {shlex.quote(self.folder)} && {line})"


def write_trust(folder: Path, services: RehearsalServices) -> None:
    """Write the run's roots and trust configuration to `DIR/trust`."""
    files: Mapping[str, bytes] = {
        "trusted_root.json": services.sigstore.trusted_root_json().encode(),
        "trusted_root.jsonl": services.sigstore.trusted_root_jsonl().encode(),
        "client_trust_config.json": services.sigstore.trust_config_json().encode(),
        "tagseal_trust.json": trust_config.dump(services.config()),
        "index_ca.pem": services.tls.ca_pem,
    }
    for name, data in files.items():
        write_atomically(folder / name, data)


def download(folder: Path, services: RehearsalServices) -> tuple[str, ...]:
    """Download everything back from index and forge into `DIR/public`, without a token; return the paths.

    Raises:
        TagsealError: `service-*`, `index-bytes-differ`.
    """
    adapters = LazyAdapters(
        config=services.config(),
        project=folder,
        environment={},
        repository=services.subject.repository,
        forge_token=None,
    )
    found: list[str] = []
    for file in adapters.index.files(services.subject.project):
        found += _from_index(folder / "index", file, adapters)
    release = adapters.forge.release(services.subject.tag)
    for asset in release.assets if release else ():
        dest = folder / "forge" / asset.name
        dest.parent.mkdir(parents=True, exist_ok=True)
        adapters.forge.download_asset(asset, dest, as_public=True)
        found.append(f"forge/{asset.name}")
    return tuple(found)


def _from_index(folder: Path, file: IndexFile, adapters: LazyAdapters) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    adapters.index.download(file, folder / file.name)
    found = [f"index/{file.name}"]
    if (provenance := adapters.index.provenance(file)) is not None:
        write_atomically(folder / f"{file.name}.provenance", provenance)
        found.append(f"index/{file.name}.provenance")
    return found


def commands(names: Sequence[str], subject: Subject) -> tuple[ThirdPartyCommand, ...]:
    """Return the commands that check the files `names` (base names in release/dist) with other people's programs."""
    found = [
        ThirdPartyCommand(
            program="", words=("sha256sum", "--check", "--strict", "../SHA256SUMS"), folder="release/dist"
        )
    ]
    for name in names:
        found += _for_file(name, subject)
    return tuple(found)


_SIGSTORE: Final = ("-m", "sigstore", "--trust-config", "trust/client_trust_config.json", "verify", "github")


def _for_file(name: str, subject: Subject) -> list[ThirdPartyCommand]:
    """Return the commands for one file: each insists on builder, repository, tag and commit."""
    dist, attestations = f"release/dist/{name}", f"release/attestations/{name}"
    ref = f"refs/tags/{subject.tag}"
    of_source = ("--repository", subject.repository, "--ref", ref, "--sha", subject.commit)
    cosign = (
        *("--trusted-root", "trust/trusted_root.json"),
        *("--certificate-identity", BUILDER_SAN, "--certificate-oidc-issuer", ISSUER),
        *("--certificate-github-workflow-repository", subject.repository),
        *("--certificate-github-workflow-ref", ref, "--certificate-github-workflow-sha", subject.commit),
    )
    of_run = ("--repo", subject.repository, "--source-ref", ref, "--source-digest", subject.commit)
    signer = ("--signer-workflow", BUILDER, "--signer-digest", SIGNER_DIGEST, "--deny-self-hosted-runners")
    bundle, provenance = f"{attestations}.sigstore.json", f"{attestations}.intoto.jsonl"
    return [
        ThirdPartyCommand(
            program="",
            words=(sys.executable, *_SIGSTORE, "--bundle", bundle, "--cert-identity", BUILDER_SAN, *of_source, dist),
        ),
        ThirdPartyCommand(program="cosign", words=("cosign", "verify-blob", "--bundle", bundle, *cosign, dist)),
        ThirdPartyCommand(
            program="cosign",
            words=(
                *("cosign", "verify-blob-attestation", "--bundle", provenance),
                *(*cosign, "--type", "slsaprovenance1", dist),
            ),
        ),
        ThirdPartyCommand(
            program="gh",
            words=(
                *("gh", "attestation", "verify", dist, "--bundle", provenance),
                *("--custom-trusted-root", "trust/trusted_root.jsonl", *of_run, *signer),
            ),
        ),
    ]


def script(checks: Sequence[ThirdPartyCommand]) -> bytes:
    """Return verify.sh: every command, one after the other; exit 1 when one fails, a missing client is named."""
    lines = [
        "#!/bin/sh",
        "# Checks this rehearsal with other people's programs; needs no service and no network.",
        'cd "$(dirname "$0")" || exit 2',
        "failed=0",
        "check() {",
        '  echo "+ $1"',
        '  sh -c "$1" || { echo "FAILED: $1"; failed=1; }',
        "}",
    ]
    missing: set[str] = set()
    for check in checks:
        line = f"check {shlex.quote(check.shell())}"
        if check.program:
            lines.append(f"command -v {check.program} >/dev/null 2>&1 && {line}")
            missing.add(check.program)
        else:
            lines.append(line)
    lines += [
        f'command -v {name} >/dev/null 2>&1 || echo "skipped: {name} is not installed"' for name in sorted(missing)
    ]
    lines += ['[ "$failed" = 0 ] && echo "Everything verified."', 'exit "$failed"', ""]
    return "\n".join(lines).encode()
