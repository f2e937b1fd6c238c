"""What a command is (what a person runs that is not a step), and what it is given to talk with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tagseal.core.canonical import Json
from tagseal.core.checks import Verdict
from tagseal.errors import ExitCode

P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended."""

    exit_code: ExitCode
    verdict: Verdict
    data: Json
    """What `--json` prints under `result`."""
    text: str
    """What a person reads."""


@dataclass(frozen=True, slots=True)
class Console:
    """Progress on stderr for a person who watches; nothing when nobody does or JSON was asked for."""

    is_json: bool
    is_quiet: bool = False

    @property
    def is_live(self) -> bool:
        """Tell whether a person watches: a terminal, and neither --json nor --quiet."""
        return sys.stderr.isatty() and not self.is_json and not self.is_quiet

    def say(self, text: str) -> None:
        """Show one line of progress."""
        if self.is_live:
            print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[P]):
    """One command."""

    name: str
    summary: str
    params: type[P]
    run: Callable[[P, Console], Outcome]
    positional: tuple[str, ...] = ()
    """Names of `params` fields that are given without an option name, in order; all optional."""
    reads: str = ""
    adds: str = ""
    """What it writes; for a person, as `reads` and `needs`."""
    needs: str = ""
    example: str = ""
    """One command line."""
