"""Where every service is and whom to trust: one configuration, production built in.

A file replaces it for rehearsals and private instances; with `GITHUB_ACTIONS` set no input or environment
variable can (design section 5). This module is the only place that names the public indexes' hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagseal.core import canonical, jsonable
from tagseal.errors import Code, ExitCode, TagsealError

TRUST_CONFIG_REFUSED: Final = Code(
    id="trust-config-refused",
    exit_code=ExitCode.USAGE,
    why="An input that could redirect uploads or signatures would let a changed workflow publish elsewhere.",
    fix="Remove --trust-config from the workflow; it is for rehearsals and private instances outside GitHub Actions.",
)
TRUST_CONFIG_UNREADABLE: Final = Code(
    id="trust-config-unreadable",
    exit_code=ExitCode.USAGE,
    why="Without it, it is not known which services to talk to and which keys to trust.",
    fix="Name the tagseal_trust.json that `tagseal rehearse` left in DIR/trust/, or leave the option out.",
)

GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"
SCHEMA: Final = "https://github.com/tagseal/tagseal/docs/reference/schemas/trust-config.v1.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEndpoints:
    """One package index."""

    name: str
    upload_url: str
    """Legacy upload, with its final slash."""
    base_url: str
    """No final slash; `/simple/`, `/_/oidc/` and `/integrity/` are below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustConfig:
    """Endpoints and trust roots."""

    index: IndexEndpoints
    forge_api_url: str
    """No final slash."""
    server_url: str
    """Web address of the forge, no final slash: the prefix of repository URIs in certificates."""
    oidc_issuer: str
    sigstore: str
    """A Sigstore client trust config (JSON text); empty means the public good instance."""
    builder_san: str
    """Certificate SAN that our own signatures must carry; empty: any seal.yml of the run's own claims."""
    builder_digest: str
    """Build Signer Digest that goes with it; empty: not asked for."""
    ca_file: str
    """PEM file with the certificate authority of the services, for loopback HTTPS; empty: the system's."""


PYPI: Final = IndexEndpoints(name="pypi", upload_url="https://upload.pypi.org/legacy/", base_url="https://pypi.org")
TESTPYPI: Final = IndexEndpoints(
    name="testpypi", upload_url="https://test.pypi.org/legacy/", base_url="https://test.pypi.org"
)


def production() -> TrustConfig:
    """Return the built-in configuration."""
    return TrustConfig(
        index=PYPI,
        forge_api_url="https://api.github.com",
        server_url="https://github.com",
        oidc_issuer=GITHUB_ISSUER,
        sigstore="",
        builder_san="",
        builder_digest="",
        ca_file="",
    )


def load(path: Path | None, *, is_actions: bool) -> TrustConfig:
    """Return the configuration in `path`, or production's when there is none.

    Raises:
        TagsealError: `trust-config-refused` on GitHub Actions, `trust-config-unreadable`.
    """
    if path is None:
        return production()
    if is_actions:
        raise TagsealError(TRUST_CONFIG_REFUSED, f"--trust-config {path} was given on GitHub Actions.")
    try:
        data = canonical.parse(path.read_bytes())
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise TagsealError(TRUST_CONFIG_UNREADABLE, f"{path} is not a tagseal trust configuration.")
        return jsonable.decode(TrustConfig, {k: v for k, v in data.items() if k != "schema"})
    except (OSError, TagsealError) as error:
        raise TagsealError(
            TRUST_CONFIG_UNREADABLE, f"The trust configuration {path} cannot be read: {error}."
        ) from error


def dump(config: TrustConfig) -> bytes:
    """Return the bytes `load` reads."""
    data = jsonable.encode(config)
    if not isinstance(data, dict):
        raise TypeError("a dataclass encodes to an object")
    return canonical.dump({"schema": SCHEMA, **data}, pretty=True)
