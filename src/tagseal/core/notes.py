"""The release page's text: the version's section of the project's changelog, and how to verify the files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

CHANGELOGS: Final = ("CHANGELOG.md", "CHANGES.md", "HISTORY.md", "docs/CHANGELOG.md", "docs/changelog.md")
"""Looked for in the tag's tree, in this order."""

MAX_NOTES_CHARS: Final = 100_000  # the forge takes 125,000
_HEADING: Final = re.compile(r"(#{1,4})[ \t]+(.*)")
_FENCE: Final = re.compile(r"[ ]{0,3}(```|~~~)")


def changelog_section(text: str, version: str) -> str | None:
    """Return the body of the Markdown section whose heading names `version`, or None.

    The heading's first word is the version, with or without `v`, brackets and a link: `## [1.2.0] - 2026-01-31`.
    The section ends at the next heading of the same or a higher level; fenced code holds no headings.
    """
    wanted = re.compile(rf"\[?v?{re.escape(version)}\]?(?=$|[\s(:,-])", re.IGNORECASE)
    level = 0
    in_code = False
    found: list[str] = []
    for line in text.splitlines():
        in_code ^= bool(_FENCE.match(line))
        heading = None if in_code else _HEADING.match(line)
        if heading and level and len(heading[1]) <= level:
            break
        if heading and not level and wanted.match(heading[2]):
            level = len(heading[1])
        elif level:
            found.append(line)
    section = "\n".join(found).strip()
    return section or None


def notes(section: str | None, commands: Iterable[str]) -> str:
    """Return the release page's Markdown: the changelog section, then the verification commands."""
    shown = "\n".join(commands)
    verify = f"## Verify\n\nDownload the files into one folder, then run any of these there:\n\n```sh\n{shown}\n```\n"
    room = MAX_NOTES_CHARS - len(verify)
    if section and len(section) > room:
        section = section[:room].rstrip() + "\n\n(shortened; the changelog has the rest)"
    return f"{section}\n\n{verify}" if section else verify
