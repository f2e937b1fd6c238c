"""Where project code runs (design section 5): one launcher, three kinds of wall around it."""

from __future__ import annotations

from typing import Final

from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.ports import Sandbox

SANDBOX_UNKNOWN: Final = Code(
    id="sandbox-unknown",
    exit_code=ExitCode.USAGE,
    why="How strongly project code is held must be chosen knowingly.",
    fix="Use one of: auto, docker, namespaces, process; name an image only with docker or auto.",
)
KINDS: Final = ("auto", "docker", "namespaces", "process")


def choose(kind: str, image: str) -> Sandbox:
    """Return the sandbox of that kind; `auto` takes the strongest that works here.

    `image` (`name@sha256:<hex>`) is for `docker` alone, empty for the image this process runs in.

    Raises:
        TagsealError: `sandbox-unknown`, `sandbox-unavailable`.
    """
    if kind not in KINDS or (image and kind not in {"auto", "docker"}):
        raise TagsealError(
            SANDBOX_UNKNOWN, f"There is no sandbox {kind!r}{f' with an image {image!r}' if image else ''}."
        )
    if kind == "process":
        return _process()
    if kind == "namespaces":
        return _namespaces()
    from tagseal.adapters.sandbox import docker, namespaces

    if kind == "docker" or image or docker.is_own_container():
        return docker.DockerSandbox(image)
    return _namespaces() if namespaces.is_available() else _process()


def _process() -> Sandbox:
    from tagseal.adapters.sandbox.process import ProcessSandbox

    return ProcessSandbox()


def _namespaces() -> Sandbox:
    from tagseal.adapters.sandbox.namespaces import NamespacesSandbox

    return NamespacesSandbox()
