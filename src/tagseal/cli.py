"""The command line: made from the registries of steps and commands, no line for any one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from tagseal import __version__
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.secret import mask

USAGE: Final = Code(
    id="wrong-usage",
    exit_code=ExitCode.USAGE,
    why="A misunderstood option could release something else than was meant.",
    fix="See `tagseal --help`, or `tagseal COMMAND --help`.",
)
MISSING_EXTRA: Final = Code(
    id="extra-not-installed",
    exit_code=ExitCode.USAGE,
    why="The bare install is the verifier; what builds, signs and publishes is installed only where it is used.",
    fix="Install it: pip install 'tagseal[release]', or 'tagseal[rehearse]' for rehearsals.",
)
BUG: Final = Code(
    id="internal-error",
    exit_code=ExitCode.BUG,
    why="tagseal met a case its authors did not think of; nothing was published by this step after that.",
    fix="Report it with the traceback; run again with TAGSEAL_DEBUG=1 to see it.",
)
INTERRUPTED: Final = Code(
    id="interrupted",
    exit_code=ExitCode.INTERRUPTED,
    why="The step did not end; what was finished before it is still there.",
    fix="Run the same step again: it begins afresh.",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the process exit code. Every failure becomes one clear error."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _guarded(words)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output went away: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not fail again
        return int(ExitCode.INTERRUPTED)
    return code


def _guarded(words: list[str]) -> int:
    try:
        return main_inner(words)
    except TagsealError as error:
        failure = error
    except KeyboardInterrupt:
        failure = TagsealError(INTERRUPTED, "Interrupted by Ctrl-C.")
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        is_ours = (error.name or "").split(".")[0] == "tagseal"
        missing = f"This needs the package {error.name}, which is not installed."
        failure = _bug(error) if is_ours else TagsealError(MISSING_EXTRA, missing)
    except Exception as error:  # noqa: BLE001 - the last boundary: everything else is our own bug
        failure = _bug(error)
    return _report(failure, words)


def _bug(error: Exception) -> TagsealError:
    if os.environ.get("TAGSEAL_DEBUG"):
        import traceback

        print(mask("".join(traceback.format_exception(error))), file=sys.stderr)
    return TagsealError(BUG, f"{type(error).__name__}: {error}")


def _report(error: TagsealError, words: Sequence[str]) -> int:
    if "--json" in words:
        from tagseal.core import canonical

        data: dict[str, canonical.Json] = {
            "tagseal": __version__,
            "verdict": "FAIL",
            "exit_code": int(error.exit_code),
            "error": error.to_json(),
        }
        print(mask(canonical.dump(data).decode()), end="")
    else:
        what, *rest = error.lines()
        print(mask("\n".join([f"tagseal: {error.code.id}: {what}", *(f"  {line}" for line in rest)])), file=sys.stderr)
    return int(error.exit_code)


def main_inner(words: list[str]) -> int:
    """Run the command line, raising what goes wrong.

    Raises:
        TagsealError: everything a person can act on.
    """
    from tagseal.commands import COMMANDS
    from tagseal.steps import STEPS

    if not words or words[0] in {"-h", "--help", "help"}:
        print(_overview())
        return int(ExitCode.PASS)
    if words[0] in {"-V", "--version"}:
        print(f'{{"tagseal":"{__version__}"}}' if "--json" in words else f"tagseal {__version__}")
        return int(ExitCode.PASS)
    name, rest = words[0], words[1:]
    if name in STEPS:
        from tagseal.adapters import interrupts
        from tagseal.commands.step_cli import run

        with interrupts.heard():
            return run(name, rest)
    if name in COMMANDS:
        from tagseal.adapters import interrupts
        from tagseal.commands.command_cli import run as run_command

        with interrupts.heard():
            return run_command(name, rest)
    kind = "option" if name.startswith("-") else "command"
    raise TagsealError(
        USAGE, f"There is no {kind} {name!r}.{nearest(name, [*STEPS, *COMMANDS, '--help', '--version'])}"
    )


def nearest(word: str, known: Sequence[str]) -> str:
    """Return ` Did you mean X?` for the nearest known word, or an empty string."""
    from difflib import get_close_matches

    found = get_close_matches(word.split("=", maxsplit=1)[0], known, n=1, cutoff=0.5)
    return f" Did you mean {found[0]}?" if found else ""


def _overview() -> str:
    from tagseal.commands import COMMANDS
    from tagseal.steps import STEPS

    lines = [
        f"tagseal {__version__}: push a tag, get a sealed release.",
        "",
        "usage: tagseal COMMAND [options]        tagseal COMMAND --help",
        "",
        "For a person:",
        *(f"  {name:<16}{summary}" for name, (_, summary) in COMMANDS.items()),
        "",
        "Steps, in the order of a release:",
        *(f"  {name:<16}{entry.summary}" for name, entry in STEPS.items()),
        "",
        "Try:  tagseal rehearse",
    ]
    return "\n".join(lines)
