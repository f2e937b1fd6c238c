"""What the rehearsal index holds: projects, their files, yanked releases, and names that can never be used again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from packaging.utils import canonicalize_name

from tagseal.core.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """The three digests Warehouse knows a file by, lower-case hex."""

    md5: str
    sha256: str
    blake2_256: str

    @classmethod
    def of(cls, data: bytes) -> Digests:
        """Return the digests of `data`."""
        return cls(
            md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
            sha256=hashlib.sha256(data).hexdigest(),
            blake2_256=hashlib.blake2b(data, digest_size=32).hexdigest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One uploaded file."""

    name: str
    project: str
    """Normalised (PEP 503)."""
    version: str
    """As uploaded, valid PEP 440."""
    filetype: str
    """`sdist` or `bdist_wheel`."""
    python_version: str
    requires_python: str
    """Empty when the metadata has none."""
    data: bytes
    digests: Digests
    uploaded_at: datetime
    metadata: bytes | None
    """The wheel's METADATA (PEP 658); None for an sdist."""
    provenance: Mapping[str, Json] | None
    """PEP 740 provenance object; None when no attestation came with the file."""

    @property
    def path(self) -> str:
        """Where the file is served: by its own digest, as on the real index."""
        digest = self.digests.blake2_256
        return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{self.name}"


class IndexStore:
    """State of the index. Not locked: the service calls it under its own lock."""

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}
        """File name -> file, in upload order."""
        self.projects: dict[str, str] = {}
        """Normalised name -> name as first registered."""
        self.deleted_names: set[str] = set()
        self.yanked: dict[tuple[str, str], str] = {}
        """(normalised project, version) -> reason, which may be empty."""
        self.serial = 0
        """Grows with every change: `X-PyPI-Last-Serial`."""

    def register(self, name: str) -> None:
        """Create a project that does not exist yet."""
        if canonicalize_name(name) not in self.projects:
            self.projects[canonicalize_name(name)] = name
            self.serial += 1

    def add(self, file: StoredFile) -> None:
        """Store a file."""
        self.files[file.name] = file
        self.serial += 1

    def delete(self, name: str) -> None:
        """Delete a file as its owner could on the web site; its name stays burnt."""
        del self.files[name]
        self.deleted_names.add(name)
        self.serial += 1

    def yank(self, project: str, version: str, reason: str = "") -> None:
        """Yank a release; the real index has a web form for it and no API."""
        self.yanked[canonicalize_name(project), version] = reason
        self.serial += 1

    def of_project(self, project: str) -> tuple[StoredFile, ...]:
        """Return a project's files, oldest first."""
        return tuple(file for file in self.files.values() if file.project == canonicalize_name(project))

    def of_release(self, project: str, version: str) -> tuple[StoredFile, ...]:
        """Return a release's files, oldest first."""
        return tuple(file for file in self.of_project(project) if file.version == version)

    def twin(self, name: str, digests: Digests) -> StoredFile | None:
        """Return the file that has this name or, under any name, these bytes."""
        return self.files.get(name) or next(
            (file for file in self.files.values() if file.digests.blake2_256 == digests.blake2_256), None
        )

    def at_path(self, path: str) -> StoredFile | None:
        """Return the file served at `path`."""
        file = self.files.get(path.rpartition("/")[2])
        return file if file is not None and file.path == path else None

    def yank_of(self, file: StoredFile) -> str | bool:
        """Return the yank reason (True when none was given), or False."""
        reason = self.yanked.get((file.project, file.version))
        if reason is None:
            return False
        return reason or True
