"""The one module that knows GitHub Actions' variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tagseal.context import Run
from tagseal.core import canonical
from tagseal.errors import TagsealError
from tagseal.secret import Secret


def is_actions(environment: Mapping[str, str]) -> bool:
    """Tell whether this process runs on GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def current_run(environment: Mapping[str, str], release_dir: Path, *, is_rehearsal: bool) -> Run:
    """Return the run this process belongs to.

    On GitHub the runner says; elsewhere every step of one release directory belongs to the run of its
    `verify-source` record and to the repository it found; `verify-source` itself begins a new one unless it ran
    there before.
    """
    if is_actions(environment):
        repository = environment.get("GITHUB_REPOSITORY") or None
        return Run(
            id=f"{repository}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}",
            attempt=int(environment.get("GITHUB_RUN_ATTEMPT") or 1),
            repository=repository,
            is_actions=True,
            is_rehearsal=False,
        )
    return Run(
        id=_recorded(release_dir, "record.json", "run_id") or _new_run(),
        attempt=1,
        repository=_recorded(release_dir, "result.json", "repository"),
        is_actions=False,
        is_rehearsal=is_rehearsal,
    )


def _recorded(release_dir: Path, name: str, member: str) -> str | None:
    """Return one text member of a file that `verify-source` left; None when there is none that can be read."""
    try:
        data = canonical.parse((release_dir / "steps" / "verify-source" / name).read_bytes())
    except (OSError, TagsealError):
        return None
    found = data.get(member) if isinstance(data, dict) else None
    return found if isinstance(found, str) else None


def _new_run() -> str:
    return f"local/{os.urandom(16).hex()}"


def forge_token(environment: Mapping[str, str]) -> Secret | None:
    """Return the forge's token from GITHUB_TOKEN, or None."""
    value = environment.get("GITHUB_TOKEN")
    return Secret(value) if value else None
