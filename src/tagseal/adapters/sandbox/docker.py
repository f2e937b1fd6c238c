"""A sibling container through the engine's socket."""

from __future__ import annotations

from tagseal.adapters.sandbox import session
from tagseal.errors import TagsealError
from tagseal.ports import Sandbox


def is_own_container() -> bool:
    """Tell whether this process runs in a container of an engine it can reach."""
    return False


def DockerSandbox(image: str) -> Sandbox:  # noqa: N802 - becomes a class in the next commit
    """Raises: sandbox-unavailable."""
    raise TagsealError(session.SANDBOX_UNAVAILABLE, f"The docker sandbox for {image!r} is not there yet.")
