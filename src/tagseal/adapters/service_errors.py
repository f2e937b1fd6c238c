"""How a service can fail us: the codes every network adapter shares (all exit 3: a retry makes sense)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.secret import mask

_RETRY: Final = (
    "Run the step again; what it had done before is kept. If it stays so, look at the service's status page."
)
_MAX_SHOWN_CHARS: Final = 200

SERVICE_UNREACHABLE: Final = Code(
    id="service-unreachable",
    exit_code=ExitCode.SERVICE,
    why="The release needs an answer from this service and nothing was decided without one.",
    fix=_RETRY,
)
SERVICE_TIMEOUT: Final = Code(
    id="service-timeout",
    exit_code=ExitCode.SERVICE,
    why="A service that never answers must not hold a job with a token open for hours.",
    fix=_RETRY,
)
SERVICE_ERROR: Final = Code(
    id="service-error",
    exit_code=ExitCode.SERVICE,
    why="The service says that it failed; whether the request took effect is not known.",
    fix=_RETRY,
)
SERVICE_CUT_OFF: Final = Code(
    id="service-cut-off",
    exit_code=ExitCode.SERVICE,
    why="Half an answer could hide the part that matters, so it counts as none.",
    fix=_RETRY,
)
SERVICE_NONSENSE: Final = Code(
    id="service-nonsense",
    exit_code=ExitCode.SERVICE,
    why="An answer in another form than the service documents cannot be relied on.",
    fix="Check that no proxy or login page answers in the service's place, then run the step again.",
)
SERVICE_TOO_LARGE: Final = Code(
    id="service-too-large",
    exit_code=ExitCode.SERVICE,
    why="An answer without limit could fill the memory or the disk of a job that holds a token.",
    fix="Look at what the address serves; if a file of that size is right, raise the limit in tagseal.",
)
DOWNLOAD_DIFFERS: Final = Code(
    id="download-differs",
    exit_code=ExitCode.FAIL,
    why="Bytes other than the expected ones are somebody else's file, or a damaged one.",
    fix="Do not use the file; find out which of the two sides changed before releasing.",
)


def shown(url: str) -> str:
    """Return a URL as messages may show it: without query and fragment, which can hold tokens."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def said(body: bytes) -> str:
    """Return the start of a service's answer for a message: one printable line, secrets masked."""
    text = mask(body[: 4 * _MAX_SHOWN_CHARS].decode("utf-8", "replace"))
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _MAX_SHOWN_CHARS else line[:_MAX_SHOWN_CHARS] + " …"


def too_late(what: str, seconds: float) -> TagsealError:
    """Return the error for a call that had no answer within its deadline."""
    return TagsealError(SERVICE_TIMEOUT, f"{what} did not finish within {seconds:g} seconds.")
