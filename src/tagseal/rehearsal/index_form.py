"""The fields of the legacy upload form, checked before anything looks at the file (Warehouse's texts)."""

from __future__ import annotations

import re
from typing import Final

from packaging.version import InvalidVersion, Version

from tagseal.rehearsal.multipart import Form

_METADATA_HELP: Final = " See https://packaging.python.org/specifications/core-metadata for more information."
_NAME: Final = re.compile(r"^([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])$", re.IGNORECASE)
_HEX_DIGEST: Final = re.compile(r"^[A-F0-9]{64}$", re.IGNORECASE)
_METADATA_VERSIONS: Final = ("1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5")


class UploadRefusedError(Exception):
    """The upload was refused; the text is Warehouse's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def check_form(form: Form) -> None:
    """Check every field that does not need the file. Raises: UploadRefusedError."""
    if form.text("protocol_version") not in {"", "1"}:
        raise UploadRefusedError(400, "Unknown protocol version.")
    for part in form.parts:
        if part.filename is not None and part.name not in {"content", "gpg_signature"}:
            raise UploadRefusedError(400, f"{part.name}: Should not be a tuple.")
    for label, field, check in (
        ("Metadata-Version", "metadata_version", _metadata_version_error),
        ("Name", "name", _name_error),
        ("Version", "version", _version_error),
    ):
        value = form.text(field)
        if error := check(value):
            raise UploadRefusedError(400, f"{value!r} is an invalid value for {label}. Error: {error}{_METADATA_HELP}")
    _check_file_fields(form)


def _check_file_fields(form: Form) -> None:
    filetype = form.text("filetype")
    if filetype not in {"sdist", "bdist_wheel"}:
        error = "Use a known file type." if filetype else "This field is required."
        raise UploadRefusedError(400, f"Invalid value for filetype. Error: {error}")
    for field, label in (("sha256_digest", "SHA256"), ("blake2_256_digest", "BLAKE2")):
        value = form.text(field)
        if value and not _HEX_DIGEST.match(value):
            raise UploadRefusedError(
                400, f"Invalid value for {field}. Error: Use a valid, hex-encoded, {label} message digest."
            )
    python = form.text("pyversion")
    if filetype != "sdist" and not python:
        raise UploadRefusedError(400, "Error: Python version is required for binary distribution uploads.")
    if filetype == "sdist" and python not in {"", "source"}:
        raise UploadRefusedError(400, "Error: Use 'source' as Python version for an sdist.")
    if not any(form.text(f"{name}_digest") for name in ("md5", "sha256", "blake2_256")):
        raise UploadRefusedError(400, "Error: Include at least one message digest.")


def _metadata_version_error(value: str) -> str:
    if not value:
        return "This field is required."
    return "" if value in _METADATA_VERSIONS else "Use a known metadata version."


def _name_error(value: str) -> str:
    if not value:
        return "This field is required."
    if _NAME.match(value):
        return ""
    return "Start and end with a letter or numeral containing only ASCII numeric and '.', '_' and '-'."


def _version_error(value: str) -> str:
    if not value:
        return "This field is required."
    try:
        local = Version(value).local
    except InvalidVersion:
        return "Start and end with a letter or numeral containing only ASCII numeric and '.', '_' and '-'."
    return f"The use of local versions in {value!r} is not allowed." if local else ""
