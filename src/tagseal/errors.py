"""Errors a person can act on: what happened, why it matters, what to do, where to read more.

Each `Code` is declared as a module constant beside the rule that raises it; `docs/reference/errors.md`
has one anchor per code and a layout test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

DOCS_URL: Final = "https://github.com/tagseal/tagseal/blob/main/docs/reference/errors.md"


class ExitCode(IntEnum):
    """Process exit codes (design section 8)."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    SERVICE = 3
    UNKNOWN = 4
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The unchanging half of an error: its id, exit code, and the texts that do not depend on the case."""

    id: str
    """Kebab-case, unique, never reused; the anchor in docs/reference/errors.md."""
    exit_code: ExitCode
    why: str
    """One sentence: why it matters."""
    fix: str
    """What to do, in the imperative."""

    @property
    def docs_url(self) -> str:
        """Where to read more."""
        return f"{DOCS_URL}#{self.id}"


class TagsealError(Exception):
    """The only exception that reaches a person; everything else is our own bug (exit 70)."""

    def __init__(
        self,
        code: Code,
        what: str,
        *,
        fix: str | None = None,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        """`what` says what happened in this case; `fix` replaces the code's general advice.

        `file` (relative to the project) and `line` (1-based) point an annotation at its cause.
        """
        super().__init__(what)
        self.code = code
        self.what = what
        self.fix = fix or code.fix
        self.file = file
        self.line = line

    @property
    def exit_code(self) -> ExitCode:
        """The process exit code for this error."""
        return self.code.exit_code

    def lines(self) -> tuple[str, str, str, str]:
        """What happened, why it matters, what to do, where to read more: one renderer for every channel."""
        place = f" ({self.file}{f':{self.line}' if self.line else ''})" if self.file else ""
        return (
            f"{self.what}{place}",
            f"Why it matters: {self.code.why}",
            f"What to do: {self.fix}",
            f"Read more: {self.code.docs_url}",
        )

    def to_json(self) -> dict[str, str | int | None]:
        """The error as the object `--json` prints under `error`."""
        return {
            "code": self.code.id,
            "exit_code": int(self.exit_code),
            "what": self.what,
            "why": self.code.why,
            "fix": self.fix,
            "docs": self.code.docs_url,
            "file": self.file,
            "line": self.line,
        }
