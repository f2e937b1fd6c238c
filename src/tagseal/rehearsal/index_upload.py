"""The legacy upload form, checked in Warehouse's order and refused with Warehouse's texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from packaging.utils import canonicalize_name
from packaging.version import Version

from tagseal.core.canonical import Json
from tagseal.rehearsal.index_archives import ArchiveRefusedError, read_metadata
from tagseal.rehearsal.index_attestations import AttestationRefusedError, AttestationVerifier, Subject
from tagseal.rehearsal.index_form import UploadRefusedError, check_form
from tagseal.rehearsal.index_oidc import Uploader
from tagseal.rehearsal.index_store import Digests, IndexStore, StoredFile
from tagseal.rehearsal.multipart import Form, Part

MAX_FILE_BYTES: Final = 100 * 2**20
MAX_RELEASE_AGE: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRules:
    """What the checks need besides the form."""

    store: IndexStore
    attestations: AttestationVerifier
    now: datetime
    max_file_bytes: int
    help_url: Callable[[str], str]
    """Anchor -> address of the help page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """The form's fields that the later checks use."""

    project: str
    """As sent."""
    version: str
    filetype: str
    file: Part
    filename: str
    digests: Digests

    @property
    def normalized(self) -> str:
        return canonicalize_name(self.project)


def accept(form: Form, uploader: Uploader, rules: UploadRules) -> StoredFile | None:
    """Check an upload and return the file to store; None when these bytes are already there under this name.

    Duplicates are answered before age and attestations are looked at, as on the real index.

    Raises:
        UploadRefusedError: with the HTTP status.
    """
    upload = _read(form)
    _check_project(upload, uploader, rules)
    _check_filename(upload.filename)
    _check_bytes(form, upload, rules)
    if _is_duplicate(upload, rules):
        return None
    _check_release(upload, rules)
    try:
        metadata = read_metadata(upload.filename, upload.file.data, project=upload.project, version=upload.version)
    except ArchiveRefusedError as error:
        raise UploadRefusedError(400, str(error)) from error
    return StoredFile(
        name=upload.filename,
        project=upload.normalized,
        version=upload.version,
        filetype=upload.filetype,
        python_version=form.text("pyversion") or "source",
        requires_python=form.text("requires_python"),
        data=upload.file.data,
        digests=upload.digests,
        uploaded_at=rules.now,
        metadata=metadata,
        provenance=_provenance(form, upload, uploader, rules),
    )


def _read(form: Form) -> _Upload:
    check_form(form)
    file = form.file("content")
    if file is None or file.filename is None:
        raise UploadRefusedError(400, "Upload payload does not have a file.")
    return _Upload(
        project=form.text("name"),
        version=str(Version(form.text("version"))),
        filetype=form.text("filetype"),
        file=file,
        filename=file.filename,
        digests=Digests.of(file.data),
    )


def _check_project(upload: _Upload, uploader: Uploader, rules: UploadRules) -> None:
    if upload.normalized not in rules.store.projects and uploader.publisher is not None:
        raise UploadRefusedError(
            400,
            "Non-user identities cannot create new projects. This was probably caused by successfully using a "
            "pending publisher but specifying the project name incorrectly (either in the publisher or in your "
            f"project's metadata). Please ensure that both match. See: {rules.help_url('trusted-publishers')}",
        )
    if uploader.is_expired:
        raise UploadRefusedError(403, "Invalid API Token: token is expired")
    if uploader.projects and upload.normalized not in {canonicalize_name(name) for name in uploader.projects}:
        known_as = rules.store.projects.get(upload.normalized, upload.project)
        scoped = f"project-scoped token is not valid for project: {known_as!r}"
        oidc = f"OIDC scoped token is not valid for project {known_as!r}, " if uploader.publisher else ""
        raise UploadRefusedError(403, f"Invalid API Token: {oidc}{scoped}")


def _check_filename(filename: str) -> None:
    if any(ord(char) < 32 or ord(char) == 127 for char in filename):  # noqa: PLR2004 - ASCII control characters
        raise UploadRefusedError(
            400,
            "Cannot upload a file with non-printable characters (ordinals 0-31) or the DEL character (ordinal 127) "
            "in the name.",
        )
    if "/" in filename or "\\" in filename:
        raise UploadRefusedError(400, "Cannot upload a file with '/' or '\\' in the name.")
    if not filename.endswith((".tar.gz", ".whl", ".zip")):
        raise UploadRefusedError(
            400,
            "Invalid file extension: Use .tar.gz, .whl or .zip extension. "
            "See https://www.python.org/dev/peps/pep-0527 for more information.",
        )


def _check_bytes(form: Form, upload: _Upload, rules: UploadRules) -> None:
    if not upload.file.content_type or upload.file.content_type.startswith("image/"):
        raise UploadRefusedError(400, "Invalid distribution file.")
    if len(upload.file.data) > rules.max_file_bytes:
        raise UploadRefusedError(
            400,
            f"File too large. Limit for project {upload.project!r} is {rules.max_file_bytes // 2**20} MB. "
            f"See {rules.help_url('file-size-limit')} for more information.",
        )
    given: Mapping[str, str] = {
        upload.digests.md5: form.text("md5_digest"),
        upload.digests.sha256: form.text("sha256_digest"),
        upload.digests.blake2_256: form.text("blake2_256_digest"),
    }
    if any(value and value.lower() != real for real, value in given.items()):
        raise UploadRefusedError(400, "The digest supplied does not match a digest calculated from the uploaded file.")


def _is_duplicate(upload: _Upload, rules: UploadRules) -> bool:
    reuse = f"See {rules.help_url('file-name-reuse')} for more information."
    twin = rules.store.twin(upload.filename, upload.digests)
    if twin is not None:
        if twin.name == upload.filename and twin.digests == upload.digests:
            return True
        raise UploadRefusedError(
            400,
            f"File already exists ({upload.filename!r}, with blake2_256 hash {upload.digests.blake2_256!r}). {reuse}",
        )
    if upload.filename in rules.store.deleted_names:
        raise UploadRefusedError(
            400,
            "This filename was previously used by a file that has since been deleted. "
            f"Use a different version. {reuse}",
        )
    return False


def _check_release(upload: _Upload, rules: UploadRules) -> None:
    siblings = rules.store.of_release(upload.project, upload.version)
    if siblings and rules.now - siblings[0].uploaded_at > MAX_RELEASE_AGE:
        raise UploadRefusedError(400, "Uploading new files to releases older than 14 days is not allowed.")
    if upload.filetype == "sdist" and any(file.filetype == "sdist" for file in siblings):
        raise UploadRefusedError(400, "Only one sdist may be uploaded per release.")


def _provenance(form: Form, upload: _Upload, uploader: Uploader, rules: UploadRules) -> Mapping[str, Json] | None:
    field = form.text("attestations")
    if not field:
        return None
    try:
        if uploader.publisher is None:
            raise AttestationRefusedError("Attestations are only supported when using Trusted Publishing")
        subject = Subject(name=upload.filename, sha256=upload.digests.sha256)
        return rules.attestations.provenance(field, uploader.publisher, subject)
    except AttestationRefusedError as error:
        raise UploadRefusedError(400, f"Invalid attestations supplied during upload: {error}") from error
