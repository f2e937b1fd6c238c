"""Runs git so that nothing a repository says about itself is believed or executed.

A repository's own configuration can name programs (file monitor, hooks, filters, transports, pagers, signature
tools) and change what commands show (replace objects, grafts, a commit graph, another working tree). All of that
is switched off here; the commands used elsewhere (`for-each-ref`, `cat-file`, `ls-tree`, `merge-base`, `status`,
`config`) consult nothing else of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagseal.adapters import process
from tagseal.errors import Code, ExitCode, TagsealError

GIT_FAILED: Final = Code(
    id="git-failed",
    exit_code=ExitCode.FAIL,
    why="What git cannot read completely cannot be vouched for.",
    fix="Run `git fsck` in the repository, or clone it again with its whole history.",
)

TIMEOUT_S: Final = 120.0
MAX_OUTPUT_BYTES: Final = 64 * 2**20
_HEADER_BYTES: Final = 200  # an object's line before its content: id, type, size
_OBJECT: Final = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (blob|commit|tag|tree) ([0-9]{1,15})")
_VARIABLES: Final = {
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone must not fetch what is missing, by whatever program
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
_CONFIGURATION: Final = (
    ("core.attributesFile", "/dev/null"),
    ("core.commitGraph", "false"),  # ancestry comes from the commits themselves
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("protocol.allow", "never"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitObject:
    """One object, its content checked against its id."""

    id: str
    type: str
    content: bytes


class GitProcess:
    """Git in one working tree; each call is one process."""

    def __init__(self, project: Path) -> None:
        """`project` is the top folder of the working tree; a repository above it is not looked for."""
        self.project = project.resolve()

    def run(
        self,
        *arguments: str,
        data: bytes = b"",
        config: Sequence[tuple[str, str]] = (),
        max_output_bytes: int = MAX_OUTPUT_BYTES,
    ) -> process.Completed:
        """Run one git command, whatever its exit code; `config` has the last word over the repository's.

        `data` goes to its stdin. Raises: tool-missing, tool-timeout, tool-output-too-large.
        """
        settings = (*_CONFIGURATION, ("safe.directory", str(self.project)), *config)
        variables = {
            **_VARIABLES,
            "GIT_CEILING_DIRECTORIES": str(self.project.parent),
            "GIT_WORK_TREE": str(self.project),
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for index, (key, value) in enumerate(settings):
            variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        return process.run(
            ["git", *arguments],
            cwd=self.project,
            env=process.clean_environment(variables),
            input=data,
            timeout_s=TIMEOUT_S,
            max_output_bytes=max_output_bytes,
        )

    def output(
        self,
        *arguments: str,
        config: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """Run one git command that must succeed and return its stdout.

        Raises: git-failed, and what `run` raises.
        """
        done = self.run(*arguments, config=config)
        if done.exit_code != 0:
            raise failed(arguments[0], done.stderr)
        return done.stdout

    def objects(self, names: Sequence[str], *, content_bytes: int) -> list[GitObject | None]:
        """Read objects in one process, in order; None for one that is not there.

        `names` are object ids, or `<id>^{commit}`, or `<commit>:<path>`; a ref's name must not come here, for git
        would guess. `content_bytes` bounds the contents together.

        Raises: git-failed when an object's content does not have its id.
        """
        if any("\n" in name for name in names):
            raise failed("cat-file", b"a name with a line break")
        done = self.run(
            "cat-file",
            "--batch",
            data="".join(f"{name}\n" for name in names).encode(),
            max_output_bytes=content_bytes + sum(len(name) + _HEADER_BYTES for name in names),
        )
        if done.exit_code != 0:
            raise failed("cat-file", done.stderr)
        return _objects(done.stdout, len(names))


def failed(command: str, stderr: bytes) -> TagsealError:
    """Return the error for a git command that did not do its work; only the last line of what it said is shown."""
    said = stderr.decode("utf-8", "replace").strip().splitlines()
    last = re.sub(r"[^\x20-\x7e]", "?", said[-1])[:300] if said else "no reason given"
    return TagsealError(GIT_FAILED, f"git {command} failed: {last}")


def _objects(output: bytes, count: int) -> list[GitObject | None]:
    found: list[GitObject | None] = []
    place = 0
    while len(found) < count:
        end = output.find(b"\n", place)
        if end < 0:
            raise failed("cat-file", b"it ended early")
        header = _OBJECT.fullmatch(output, place, end)
        place = end + 1
        if header is None:  # "<name> missing"
            found.append(None)
            continue
        size = int(header[3])
        item = GitObject(id=header[1].decode(), type=header[2].decode(), content=output[place : place + size])
        if _object_id(item) != item.id:
            raise failed("cat-file", f"object {item.id} does not have the content its id names".encode())
        found.append(item)
        place += size + 1
    return found


def _object_id(item: GitObject) -> str:
    """Return the id the content really has: git itself does not look again when it reads a pack."""
    algorithm = hashlib.sha1 if len(item.id) == 40 else hashlib.sha256  # noqa: PLR2004 - hex digits of SHA-1
    digest = algorithm(f"{item.type} {len(item.content)}\0".encode(), usedforsecurity=False)
    digest.update(item.content)
    return digest.hexdigest()
