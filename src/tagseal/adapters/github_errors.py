"""Turns what PyGithub and its transport raise into errors a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tagseal.adapters import service_errors as codes
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.secret import mask

if TYPE_CHECKING:
    from github import GithubException

_MAX_SHOWN_CHARS: Final = 300
_FIRST_SERVER_ERROR: Final = 500

FORGE_REFUSED: Final = Code(
    id="forge-refused",
    exit_code=ExitCode.USAGE,
    why="Without the forge's consent there is no release page, and drafts are visible only to those who may write.",
    fix="Give the job `permissions: contents: write` and pass its token; check the repository's name.",
)
SEVERAL_RELEASES: Final = Code(
    id="several-releases",
    exit_code=ExitCode.USAGE,
    why="It would be a guess which of them is this release, and the wrong one could be published.",
    fix="Delete the drafts that are not this release's on the repository's releases page, then run the step again.",
)

_HELP: Final = {
    401: "Pass a token that is still valid: the job's own GITHUB_TOKEN lives as long as the job.",
    403: "Give the job `permissions: contents: write`; an organisation can forbid it in its Actions settings.",
    404: "Check the repository's name, and give the job `permissions: contents: write`: without it the forge "
    "says that releases and drafts do not exist.",
}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Run a block of PyGithub calls; `what` names it in messages, as in "creating the draft".

    Raises:
        TagsealError: `forge-refused`, `service-error`, `service-nonsense`, `service-timeout`,
            `service-cut-off`, `service-unreachable`.
    """
    import requests
    from github import BadAttributeException, GithubException

    try:
        yield
    except GithubException as error:
        raise _refusal(what, error) from error
    except requests.Timeout as error:
        raise TagsealError(codes.SERVICE_TIMEOUT, f"The forge did not answer in time while {what}.") from error
    except requests.ConnectionError as error:
        raise _connection(what, error) from error
    except requests.RequestException as error:
        raise TagsealError(codes.SERVICE_CUT_OFF, f"The forge broke off its answer while {what}.") from error
    except (BadAttributeException, AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        # PyGithub checks little: an answer in another form surfaces as whatever its code trips over.
        raise TagsealError(codes.SERVICE_NONSENSE, f"The forge's answer makes no sense while {what}.") from error


def _connection(what: str, error: Exception) -> TagsealError:
    if "aborted" in str(error) or "broken" in str(error):
        return TagsealError(codes.SERVICE_CUT_OFF, f"The forge cut the connection while {what}.")
    return TagsealError(codes.SERVICE_UNREACHABLE, f"The forge cannot be reached while {what}.")


def _refusal(what: str, error: GithubException) -> TagsealError:
    from github import RateLimitExceededException

    said = _said(error.data)
    is_rate = isinstance(error, RateLimitExceededException) or error.status == 429  # noqa: PLR2004 - Too Many Requests
    if error.status >= _FIRST_SERVER_ERROR or is_rate:
        return TagsealError(codes.SERVICE_ERROR, f"The forge answered {error.status} while {what}: {said}")
    return TagsealError(
        FORGE_REFUSED, f"The forge refused ({error.status}) while {what}: {said}", fix=_HELP.get(error.status)
    )


def _said(data: object) -> str:
    """Return `message` and the `errors` of the forge's answer, bounded and printable."""
    parts = [str(data.get("message", ""))] if isinstance(data, dict) else [str(data)]
    errors = data.get("errors") if isinstance(data, dict) else None
    if isinstance(errors, list):
        parts += [str(error.get("code") or error.get("message")) for error in errors if isinstance(error, dict)]
    text = mask("; ".join(part for part in parts if part and part != "None"))
    return "".join(char if char.isprintable() else " " for char in text)[:_MAX_SHOWN_CHARS] or "no reason given"
