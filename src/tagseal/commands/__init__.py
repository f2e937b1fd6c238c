"""What a person runs that is not a step. A registry by import path: only the chosen one is imported."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tagseal.command import Command

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "rehearse": (
            "tagseal.commands.rehearse",
            "Practise a whole release on this machine, from tag to verified release.",
        ),
        "lock": ("tagseal.commands.lock", "Lock the build requirements with hashes into pylock.build.toml."),
        "audit": ("tagseal.commands.audit", "Check the graph of records of a release directory."),
    }
)
"""Command name -> (module with `COMMAND`, one-line summary)."""


def load(name: str) -> Command[object]:
    """Import one command's module and return its `COMMAND`."""
    from importlib import import_module

    command: Command[object] = import_module(COMMANDS[name][0]).COMMAND
    return command
