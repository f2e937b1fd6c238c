"""Options from a `Params` dataclass: one declaration for the command line, action files and documentation."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from tagseal.cli import USAGE, nearest
from tagseal.errors import TagsealError
from tagseal.secret import Secret

WIDTH: Final = 100


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of one width: asking the terminal, argparse would do it again for every option added."""

    def __init__(self, prog: str) -> None:
        """Wrap at WIDTH columns."""
        super().__init__(prog, width=WIDTH)


class Parser(argparse.ArgumentParser):
    """argparse whose failures are our errors, with the nearest option named."""

    def error(self, message: str) -> NoReturn:
        """Raise `wrong-usage`."""
        raise TagsealError(USAGE, f"{self.prog}: {message}.", fix=f"See `{self.prog} --help`.")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse `words` completely.

        Raises:
            TagsealError: `wrong-usage`, naming the nearest known option for an unknown one.
        """
        found, unknown = self.parse_known_args(list(words))
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            word = unknown[0]
            raise TagsealError(
                USAGE,
                f"{self.prog}: there is no option {word!r}.{nearest(word, known)}",
                fix=f"See `{self.prog} --help`.",
            )
        return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One input, as every view of it shows it."""

    name: str
    """Kebab-case."""
    kind: str
    """`text`, `number`, `flag`, `path`, `list` or `secret`."""
    default: str
    help: str
    secret_env: str


def options(params: type) -> tuple[Option, ...]:
    """Return the inputs a `Params` dataclass declares, in order."""
    hints = typing.get_type_hints(params)
    found = []
    for field in dataclasses.fields(params):
        default = "" if field.default in {dataclasses.MISSING, None} else field.default
        found.append(
            Option(
                name=field.name.replace("_", "-"),
                kind=_kind(hints[field.name]),
                default=", ".join(map(str, default)) if isinstance(default, tuple) else str(default),
                help=field.metadata.get("help", ""),
                secret_env=field.metadata.get("secret_env", ""),
            )
        )
    return tuple(found)


def _kind(hint: object) -> str:
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)] or [hint]
    if typing.get_origin(hint) is tuple:
        return "list"
    names: dict[object, str] = {str: "text", int: "number", bool: "flag", Path: "path", Secret: "secret"}
    return names[kinds[0]]


def add(parser: argparse.ArgumentParser, params: type, positional: Sequence[str] = ()) -> None:
    """Add every option of `params` to `parser`; a secret is read from its variable and has no option."""
    for option in options(params):
        dest = option.name.replace("-", "_")
        note = f" (default: {option.default})" if option.default not in {"", "False"} else ""
        text = f"{option.help}{note}".replace("%", "%%")
        if dest in positional:
            parser.add_argument(dest, nargs="?", help=text, metavar=option.name.upper())
        elif option.kind == "flag":
            parser.add_argument(f"--{option.name}", action="store_true", help=text)
        elif option.kind == "list":
            parser.add_argument(f"--{option.name}", action="append", help=text, metavar="VALUE")
        elif option.kind != "secret":
            metavar = {"number": "N", "path": "PATH"}.get(option.kind, "VALUE")
            parser.add_argument(f"--{option.name}", help=text, metavar=metavar)


def table(rows: Mapping[str, str]) -> str:
    """Return the end of a help text: each label with its text beside it, empty ones left out."""
    import textwrap

    wrapped = (
        textwrap.fill(
            text, 100, initial_indent=f"{label + ':':<13}", subsequent_indent=" " * 13, break_on_hyphens=False
        )
        for label, text in rows.items()
        if text
    )
    return "\n".join(wrapped)


def build(params: type, found: argparse.Namespace) -> object:
    """Return the `Params` instance for parsed words.

    Raises:
        TagsealError: `wrong-usage` for a number that is none and for a missing required option.
    """
    values: dict[str, object] = {}
    for option in options(params):
        dest = option.name.replace("-", "_")
        if option.kind == "secret":
            text = os.environ.get(option.secret_env)
            values[dest] = Secret(text) if text else None
            continue
        given = getattr(found, dest)
        if given is not None and given is not False:
            values[dest] = _convert(option, given)
    try:
        return params(**values)
    except TypeError as error:
        missing = [f"--{f.name.replace('_', '-')}" for f in dataclasses.fields(params) if _is_missing(f, values)]
        raise TagsealError(USAGE, f"{', '.join(missing) or error} is needed.") from error


def folder(path: Path, prog: str) -> Path:
    """Return the checkout that was named, with its whole path.

    Raises:
        TagsealError: `wrong-usage` when there is no such folder.
    """
    if not path.is_dir():
        raise TagsealError(USAGE, f"{prog}: the project {path} is not a folder.", fix="Name a git checkout.")
    return path.resolve()


def _is_missing(field: dataclasses.Field[object], values: dict[str, object]) -> bool:
    no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return no_default and field.name not in values


def _convert(option: Option, given: object) -> object:
    if option.kind == "list" and isinstance(given, list):
        return tuple(map(str, given))
    if option.kind == "path":
        return Path(str(given))
    if option.kind == "number":
        if not re.fullmatch(r"[0-9]{1,12}", str(given)):
            raise TagsealError(USAGE, f"--{option.name} takes a whole number, not {given!r}.")
        return int(str(given))
    return given
