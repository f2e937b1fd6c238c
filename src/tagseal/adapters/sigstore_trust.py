"""The Sigstore trust configuration: where to sign, and whom to believe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tagseal.adapters.deadline import within
from tagseal.adapters.service_errors import said
from tagseal.errors import Code, ExitCode, TagsealError

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig

REFRESH_DEADLINE_S: Final = 60.0
REKOR_MAJOR: Final = 1

TRUST_ROOT_INVALID: Final = Code(
    id="trust-root-invalid",
    exit_code=ExitCode.USAGE,
    why="Without its keys no signature can be told from a forged one.",
    fix="Use the client_trust_config.json exactly as the Sigstore instance (or `tagseal rehearse`) wrote it.",
)
TRUST_ROOT_UNAVAILABLE: Final = Code(
    id="trust-root-unavailable",
    exit_code=ExitCode.SERVICE,
    why="The public Sigstore keys are refreshed through TUF before anything is signed or verified with them.",
    fix="Run the step again; if it stays so, look at the status page of Sigstore.",
)


def trust_config(client_trust_config_json: str) -> ClientTrustConfig:
    """Return the configuration given, or the public instance's after one TUF refresh.

    Rekor v1 is asked for by name: PEP 740 has no place for the timestamps that Rekor v2 needs.

    Raises:
        TagsealError: `trust-root-invalid`, `trust-root-unavailable`, `service-timeout`.
    """
    from sigstore.models import ClientTrustConfig

    try:
        if client_trust_config_json:
            config = ClientTrustConfig.from_json(client_trust_config_json)
        else:
            config = within(REFRESH_DEADLINE_S, "the refresh of Sigstore's keys", ClientTrustConfig.production)
        config.force_tlog_version = REKOR_MAJOR
        _ = (config.trusted_root, config.signing_config)  # both are checked when they are read
    except TagsealError:
        raise
    except Exception as error:  # the library documents no types for what its parsers and TUF client raise
        code = TRUST_ROOT_INVALID if client_trust_config_json else TRUST_ROOT_UNAVAILABLE
        raise TagsealError(
            code, f"The Sigstore trust configuration is unusable: {said(str(error).encode())}"
        ) from error
    return config
