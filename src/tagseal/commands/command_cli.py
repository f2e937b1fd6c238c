"""`tagseal <command>`: options to parameters, run, and what a person or a program sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tagseal import __version__
from tagseal.command import Command, Console
from tagseal.commands import load, options
from tagseal.core import canonical
from tagseal.secret import mask


def run(name: str, words: Sequence[str]) -> int:
    """Run `tagseal <command> …`; return the exit code.

    Raises:
        TagsealError: what the command raises, and usage errors.
    """
    command = load(name)
    parser = make_parser(command)
    found = parser.parse(words)
    params = options.build(command.params, found)
    if isinstance(project := getattr(params, "project", None), Path):  # every command calls the checkout so
        options.folder(project, parser.prog)
    outcome = command.run(params, Console(found.json, found.quiet))
    if found.json:
        data: dict[str, canonical.Json] = {
            "tagseal": __version__,
            "command": name,
            "verdict": str(outcome.verdict),
            "exit_code": int(outcome.exit_code),
            "result": outcome.data,
        }
        print(mask(canonical.dump(data).decode()), end="")
    else:
        print(mask(outcome.text))
    return int(outcome.exit_code)


def make_parser(command: Command[object]) -> options.Parser:
    """Return the parser of one command."""
    parser = options.Parser(
        prog=f"tagseal {command.name}",
        description=command.summary,
        epilog=options.table(
            {"Reads": command.reads, "Adds": command.adds, "Needs": command.needs, "Example": command.example}
        ),
        formatter_class=options.Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    options.add(parser, command.params, command.positional)
    return parser
