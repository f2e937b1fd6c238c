"""Build requirements: resolved by uv, downloaded by pip, kept in a cache that trusts nothing it holds.

Both tools run with the user's own index configuration (that decides where bytes come from, never which bytes) in
an empty folder, so that nothing in the project can configure them.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tagseal.adapters.files import write_atomically
from tagseal.adapters.process import Completed, clean_environment, run
from tagseal.core.buildenv import select_wheels, supported_tags
from tagseal.core.facts import Requirement
from tagseal.core.lock import LockedPackage, LockedWheel, check_python, parse_lock, parse_resolved
from tagseal.core.lock_text import render_lock
from tagseal.core.record import digest
from tagseal.errors import Code, ExitCode, TagsealError
from tagseal.secret import mask

REQUIREMENT_UNRESOLVABLE: Final = Code(
    id="requirement-unresolvable",
    exit_code=ExitCode.USAGE,
    why="The build requirements contradict each other, do not exist, or have no wheel for this Python.",
    fix="Correct `requires` in the [build-system] table of pyproject.toml, then run `tagseal lock` again.",
)
REQUIREMENT_HASH_MISMATCH: Final = Code(
    id="requirement-hash-mismatch",
    exit_code=ExitCode.FAIL,
    why="The index serves other bytes than the ones that were locked: a replaced file, or a lock edited by hand.",
    fix="Find out which of the two changed before you run `tagseal lock` again; do not just lock the new bytes.",
)
REQUIREMENT_UNAVAILABLE: Final = Code(
    id="requirement-unavailable",
    exit_code=ExitCode.USAGE,
    why="A build uses the locked files and no others.",
    fix="Check that the index still has this file; when it is gone for good, run `tagseal lock` for another version.",
)
INDEX_UNREACHABLE: Final = Code(
    id="index-unreachable",
    exit_code=ExitCode.SERVICE,
    why="The build requirements must be fetched once before the build, which itself has no network.",
    fix="Check the network, proxy and index settings of pip and uv, then run it again.",
)

_MAX_OUTPUT_BYTES: Final = 8 * 2**20
_MAX_WHEEL_BYTES: Final = 512 * 2**20
_TIMEOUT_S: Final = 600.0
_TAIL_CHARS: Final = 600
_INDEX_SETTINGS: Final = re.compile(
    r"PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CONFIG_FILE|DEFAULT_TIMEOUT|CACHE_DIR)"
    r"|UV_(INDEX|DEFAULT_INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|INSECURE_HOST|CONFIG_FILE|CACHE_DIR"
    r"|NATIVE_TLS|SYSTEM_CERTS|OFFLINE|HTTP_TIMEOUT|INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD))"
    r"|HOME|XDG_CONFIG_HOME|XDG_CACHE_HOME"
)
_NO_NETWORK: Final = re.compile(
    r"NewConnectionError|Connection (refused|reset|broken|aborted)|ConnectTimeout|Read timed out|ProxyError|SSLError"
    r"|Temporary failure in name resolution|error sending request|dns error|operation timed out|Could not connect"
    r"|Network connectivity is disabled|RemoteDisconnected|ProtocolError|IncompleteRead|50[0234] Server Error"
)


class IndexRequirements:
    """`ports.Requirements` over whatever index pip and uv are configured for."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """`environment` replaces the process's own: index settings, HOME and the XDG folders are taken from it."""
        source = os.environ if environment is None else environment
        settings = {name: value for name, value in source.items() if _INDEX_SETTINGS.fullmatch(name)}
        cache_home = source.get("XDG_CACHE_HOME") or str(Path(source.get("HOME", "/nonexistent")) / ".cache")
        self._environment = clean_environment(settings, network=True)
        self._cache = Path(cache_home) / "tagseal" / "wheels" / "sha256"

    def lock(self, requirements: Sequence[str], *, python_version: str) -> bytes:
        """See `ports.Requirements`."""
        from uv import find_uv_bin

        with tempfile.TemporaryDirectory(prefix="tagseal-lock-") as folder:
            argv = [find_uv_bin(), "pip", "compile", "--quiet", "--format", "pylock.toml", "--only-binary", ":all:"]
            argv += ["--no-header", "--no-annotate", "--no-sources", "--no-python-downloads", "--color", "never"]
            argv += ["--python", sys.executable, "--python-version", python_version, "-"]
            text = "".join(f"{line}\n" for line in requirements)
            done = run(
                argv,
                cwd=Path(folder),
                env=self._environment,
                input=text.encode("utf-8"),
                timeout_s=_TIMEOUT_S,
                max_output_bytes=_MAX_OUTPUT_BYTES,
            )
        if done.exit_code:
            said = _tail(done)
            if _NO_NETWORK.search(said):
                raise TagsealError(INDEX_UNREACHABLE, f"The package index cannot be reached: {said}")
            raise TagsealError(REQUIREMENT_UNRESOLVABLE, f"The build requirements cannot be resolved: {said}")
        return render_lock(parse_resolved(done.stdout), urls=True)

    def fetch(self, lock: bytes, dest: Path, *, python_version: str) -> tuple[Requirement, ...]:
        """See `ports.Requirements`."""
        locked = parse_lock(lock)
        check_python(locked, python_version)
        chosen = select_wheels(locked, supported_tags(python_version))
        dest.mkdir(parents=True, exist_ok=True)
        missing = [pair for pair in chosen if not self._take(pair[1], dest)]
        if missing:
            self._download(missing, dest, python_version)
        return tuple(
            Requirement(name=package.name, version=package.version, filename=wheel.filename, sha256=wheel.sha256)
            for package, wheel in chosen
        )

    def _take(self, wheel: LockedWheel, dest: Path) -> bool:
        """Copy a wheel from the cache to `dest` if its bytes are right; a wrong one is thrown away."""
        data = _read(self._place(wheel))
        if digest(data) != wheel.sha256:
            with contextlib.suppress(OSError):
                self._place(wheel).unlink()
            return False
        (dest / wheel.filename).write_bytes(data)  # the bytes that were hashed, not the file once more
        return True

    def _place(self, wheel: LockedWheel) -> Path:
        return self._cache / wheel.sha256.removeprefix("sha256:") / wheel.filename

    def _download(self, missing: Sequence[tuple[LockedPackage, LockedWheel]], dest: Path, python_version: str) -> None:
        """Have pip download exactly these wheels, by hash; put them into `dest` and, if it can be, the cache."""
        with tempfile.TemporaryDirectory(prefix="tagseal-fetch-") as name:
            folder = Path(name)
            lines = [f"{p.name}=={p.version} --hash={w.sha256}\n" for p, w in missing]
            (folder / "requirements.txt").write_text("".join(lines), encoding="utf-8")
            argv = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color"]
            argv += ["download", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--progress-bar", "off"]
            argv += ["--python-version", python_version, "--retries", "2", "--dest", str(folder / "wheels")]
            argv += ["--requirement", str(folder / "requirements.txt")]
            done = run(
                argv,
                cwd=folder,
                env=self._environment,
                timeout_s=_TIMEOUT_S,
                max_output_bytes=_MAX_OUTPUT_BYTES,
            )
            if done.exit_code:
                raise _download_error(done)
            for package, wheel in missing:
                found = folder / "wheels" / wheel.filename
                data = _read(found)
                if digest(data) != wheel.sha256:
                    wanted = f"{package.name} {package.version}"
                    raise TagsealError(REQUIREMENT_UNAVAILABLE, f"The index has {wanted}, but not as {wheel.filename}.")
                (dest / wheel.filename).write_bytes(data)
                with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
                    write_atomically(self._place(wheel), data)


def _read(path: Path) -> bytes:
    """Return a wheel's bytes; nothing when there is no such file."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_WHEEL_BYTES + 1)
    except OSError:
        return b""


def _download_error(done: Completed) -> TagsealError:
    said = _tail(done)
    whole = (done.stdout + done.stderr).decode("utf-8", "replace")
    if "DO NOT MATCH THE HASHES" in whole:
        return TagsealError(REQUIREMENT_HASH_MISMATCH, f"A build requirement has other bytes than locked: {said}")
    if _NO_NETWORK.search(whole):
        return TagsealError(INDEX_UNREACHABLE, f"The package index cannot be reached: {said}")
    return TagsealError(REQUIREMENT_UNAVAILABLE, f"A locked build requirement cannot be downloaded: {said}")


def _tail(done: Completed) -> str:
    """Return the end of what a tool said, in one line, secrets and passwords in addresses masked."""
    text = mask((done.stderr or done.stdout).decode("utf-8", "replace"))
    text = re.sub(r"://[^/\s@]+@", "://***@", text)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _TAIL_CHARS else f"… {line[-_TAIL_CHARS:]}"
