"""What the legacy upload takes and refuses, with the real index's words."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from datetime import UTC, datetime

import pytest

from support_dists import sdist_bytes, wheel_bytes
from support_index import API_TOKEN, PUBLISHER, form, make_index, minted, refusal, send, upload, without_environment
from support_sigstore import StillClock

WHEEL_NAME = "tinyproj-1.2.3-py3-none-any.whl"
SDIST_NAME = "tinyproj-1.2.3.tar.gz"
WHEEL = wheel_bytes()
SDIST = sdist_bytes()
HEADERS = {"authorization": "Basic X190b2tlbl9fOnB5cGktYWNjb3VudC10b2tlbg=="}
HELP = "See http://index/help/#file-name-reuse for more information."


def test_a_release_is_stored_with_its_facts() -> None:
    clock = StillClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    index = make_index(clock=clock)
    token = minted(index)
    assert upload(index, WHEEL_NAME, WHEEL, token=token).status == 200
    assert upload(index, SDIST_NAME, SDIST, token=token).status == 200
    assert list(index.files) == [WHEEL_NAME, SDIST_NAME]
    wheel = index.files[WHEEL_NAME]
    assert (wheel.data, wheel.filetype, wheel.requires_python) == (WHEEL, "bdist_wheel", ">=3.9")
    assert (wheel.digests.sha256, wheel.uploaded_at) == (hashlib.sha256(WHEEL).hexdigest(), clock.now())
    assert wheel.metadata is not None
    assert wheel.metadata.startswith(b"Metadata-Version: 2.1\nName: tinyproj\n")
    assert index.files[SDIST_NAME].metadata is None
    assert index.log[1:] == [("upload", WHEEL_NAME), ("upload", SDIST_NAME)]


def test_the_same_bytes_again_are_fine_whatever_else_is_wrong() -> None:
    clock = StillClock()
    index = make_index(clock=clock)
    upload(index, SDIST_NAME, SDIST)
    clock.sleep(30 * 24 * 3600)
    assert upload(index, SDIST_NAME, SDIST, attestations="nonsense").status == 200
    assert index.log[-1] == ("duplicate", SDIST_NAME)
    assert list(index.files) == [SDIST_NAME]


def test_other_bytes_under_a_used_name_are_refused() -> None:
    index = make_index()
    upload(index, WHEEL_NAME, WHEEL)
    other = wheel_bytes(text="X = 2\n")
    blake = hashlib.blake2b(other, digest_size=32).hexdigest()
    response = upload(index, WHEEL_NAME, other)
    assert response.status == 400
    assert refusal(response) == f"File already exists ('{WHEEL_NAME}', with blake2_256 hash '{blake}'). {HELP}"
    assert index.files[WHEEL_NAME].data == WHEEL


def test_used_bytes_under_another_name_are_refused() -> None:
    index = make_index()
    upload(index, WHEEL_NAME, WHEEL)
    response = upload(index, "tinyproj-1.2.3-py2-none-any.whl", WHEEL)
    assert refusal(response).startswith("File already exists ('tinyproj-1.2.3-py2-none-any.whl'")


def test_a_deleted_name_stays_burnt() -> None:
    index = make_index()
    upload(index, SDIST_NAME, SDIST)
    index.store.delete(SDIST_NAME)
    assert refusal(upload(index, SDIST_NAME, SDIST)) == (
        f"This filename was previously used by a file that has since been deleted. Use a different version. {HELP}"
    )


def test_a_release_closes_after_fourteen_days() -> None:
    clock = StillClock()
    index = make_index(clock=clock)
    upload(index, SDIST_NAME, SDIST)
    clock.sleep(14 * 24 * 3600 + 1)
    assert refusal(upload(index, WHEEL_NAME, WHEEL)) == (
        "Uploading new files to releases older than 14 days is not allowed."
    )


def test_a_release_has_one_sdist() -> None:
    index = make_index()
    upload(index, SDIST_NAME, SDIST)
    response = upload(index, "tinyproj-1.2.3.zip", wheel_bytes(), filetype="sdist", pyversion="source")
    assert refusal(response) == "Only one sdist may be uploaded per release."


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"protocol_version": "2"}, "Unknown protocol version."),
        ({"filetype": ""}, "Invalid value for filetype. Error: This field is required."),
        ({"filetype": "bdist_egg"}, "Invalid value for filetype. Error: Use a known file type."),
        ({"sha256_digest": ""}, "Error: Include at least one message digest."),
        (
            {"sha256_digest": "zz"},
            "Invalid value for sha256_digest. Error: Use a valid, hex-encoded, SHA256 message digest.",
        ),
        (
            {"sha256_digest": "0" * 64},
            "The digest supplied does not match a digest calculated from the uploaded file.",
        ),
        (
            {"blake2_256_digest": "0" * 64},
            "The digest supplied does not match a digest calculated from the uploaded file.",
        ),
        ({"md5_digest": "0" * 32}, "The digest supplied does not match a digest calculated from the uploaded file."),
        ({"pyversion": "py3"}, "Error: Use 'source' as Python version for an sdist."),
        (
            {"filetype": "bdist_wheel", "pyversion": ""},
            "Error: Python version is required for binary distribution uploads.",
        ),
        (
            {"name": ""},
            (
                "'' is an invalid value for Name. Error: This field is required. "
                "See https://packaging.python.org/specifications/core-metadata for more information."
            ),
        ),
        (
            {"metadata_version": ""},
            (
                "'' is an invalid value for Metadata-Version. Error: This field is required. "
                "See https://packaging.python.org/specifications/core-metadata for more information."
            ),
        ),
        (
            {"name": "-tiny"},
            (
                "'-tiny' is an invalid value for Name. Error: Start and end with a letter or numeral containing only "
                "ASCII numeric and '.', '_' and '-'. "
                "See https://packaging.python.org/specifications/core-metadata for more information."
            ),
        ),
        (
            {"metadata_version": "9.9"},
            (
                "'9.9' is an invalid value for Metadata-Version. Error: Use a known metadata version. "
                "See https://packaging.python.org/specifications/core-metadata for more information."
            ),
        ),
        ({"version": "1.2.4"}, f"Filename '{SDIST_NAME}' is invalid, should be 'tinyproj-1.2.4.tar.gz'."),
        ({"name": "other"}, f"Filename '{SDIST_NAME}' is invalid, should be 'other-1.2.3.tar.gz'."),
    ],
)
def test_a_wrong_form_is_refused(changes: dict[str, str], text: str) -> None:
    index = make_index()
    response = upload(index, SDIST_NAME, SDIST, **changes)
    assert (response.status, refusal(response)) == (400, text)
    assert index.files == {}
    assert index.log == [("refuse", text)]


@pytest.mark.parametrize("version", ["", "one", "1.0+local"])
def test_a_version_the_index_does_not_take(version: str) -> None:
    text = refusal(upload(make_index(), SDIST_NAME, SDIST, version=version))
    assert text.startswith(f"'{version}' is an invalid value for Version. Error: ")


@pytest.mark.parametrize(
    ("filename", "data", "text"),
    [
        ("../x.tar.gz", SDIST, "Cannot upload a file with '/' or '\\' in the name."),
        ("tiny\x07proj-1.2.3.tar.gz", SDIST, "Cannot upload a file with non-printable characters"),
        ("tinyproj-1.2.3.exe", SDIST, "Invalid file extension: "),
        ("TinyProj-1.2.3.tar.gz", SDIST, "Filename 'TinyProj-1.2.3.tar.gz' is invalid, should be"),
        ("tinyproj.tar.gz", SDIST, "Invalid source distribution filename: "),
        ("tinyproj-1.2.3-nonsense.whl", WHEEL, "Invalid filename: "),
        ("other-1.2.3-py3-none-any.whl", WHEEL, "Start filename for 'tinyproj' with 'tinyproj'."),
        ("tinyproj-1.2.4-py3-none-any.whl", WHEEL, "Version in filename should be '1.2.3' not '1.2.4'."),
        (
            "TinyProj-1.2.3-py3-none-any.whl",
            WHEEL,
            "Filename 'TinyProj-1.2.3-py3-none-any.whl' is invalid, should be 'tinyproj-1.2.3-py3-none-any.whl'.",
        ),
        (
            "tinyproj-1.2.3-cp311-cp311-linux_x86_64.whl",
            WHEEL,
            (
                "Binary wheel 'tinyproj-1.2.3-cp311-cp311-linux_x86_64.whl' has an unsupported platform tag "
                "'linux_x86_64'."
            ),
        ),
        (WHEEL_NAME, b"no zip", "Invalid distribution file. ZIP archive not accepted: "),
        (SDIST_NAME, b"no tar", "Invalid distribution file. tar archive not accepted: "),
        (SDIST_NAME, sdist_bytes("other"), "Invalid distribution file. PKG-INFO not found at tinyproj-1.2.3/PKG-INFO"),
        (WHEEL_NAME, wheel_bytes("other"), f"Wheel '{WHEEL_NAME}' does not contain the required WHEEL file: "),
    ],
)
def test_a_file_the_index_does_not_take(filename: str, data: bytes, text: str) -> None:
    index = make_index()
    kind = {"filetype": "bdist_wheel", "pyversion": "py3"} if filename.endswith(".whl") else {}
    response = upload(index, filename, data, **kind)
    assert response.status == 400
    assert refusal(response).startswith(text)
    assert index.files == {}


@pytest.mark.parametrize("tag", ["manylinux_2_28_x86_64", "musllinux_1_2_aarch64", "macosx_11_0_arm64", "win_amd64"])
def test_platform_tags_the_index_takes(tag: str) -> None:
    name = f"tinyproj-1.2.3-cp311-cp311-{tag}.whl"
    assert upload(make_index(), name, wheel_bytes(tag=f"cp311-cp311-{tag}")).status == 200


def test_metadata_that_names_another_version_is_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        text = b"Metadata-Version: 2.1\nName: tinyproj\nVersion: 9\n"
        member = tarfile.TarInfo("tinyproj-1.2.3/PKG-INFO")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    assert refusal(upload(make_index(), SDIST_NAME, out.getvalue())) == (
        "Invalid distribution file. Its metadata names 'tinyproj' '9', not 'tinyproj' '1.2.3'"
    )


def test_a_wheel_with_another_compression_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("tinyproj-1.2.3.dist-info/WHEEL", "x")
    assert refusal(upload(make_index(), WHEEL_NAME, out.getvalue())).endswith("compression type")


def test_a_file_over_the_limit_is_refused() -> None:
    index = make_index(limit=100)
    assert refusal(upload(index, SDIST_NAME, SDIST)) == (
        "File too large. Limit for project 'tinyproj' is 0 MB. "
        "See http://index/help/#file-size-limit for more information."
    )


@pytest.mark.parametrize("content_type", ["", "image/png"])
def test_a_file_of_another_media_type_is_refused(content_type: str) -> None:
    response = upload(make_index(), SDIST_NAME, SDIST, content_type=content_type)
    assert refusal(response) == "Invalid distribution file."


def test_only_a_known_token_may_upload() -> None:
    index = make_index()
    response = upload(index, SDIST_NAME, SDIST, token="pypi-unknown")
    assert response.status == 403
    assert refusal(response).startswith("Invalid or non-existent authentication information.")
    assert send(index, "POST", "/legacy/", headers={"authorization": "Bearer x"}).status == 403
    assert send(index, "POST", "/legacy/").status == 403


def test_a_trusted_publisher_cannot_create_another_project() -> None:
    index = make_index()
    data = sdist_bytes("stranger")
    response = upload(index, "stranger-1.2.3.tar.gz", data, token=minted(index), name="stranger")
    assert response.status == 400
    assert refusal(response).startswith("Non-user identities cannot create new projects.")


def test_a_trusted_publisher_cannot_upload_to_another_project() -> None:
    index = make_index()
    data = sdist_bytes("stranger")
    assert upload(index, "stranger-1.2.3.tar.gz", data, name="stranger").status == 200  # made by an account
    other = sdist_bytes("stranger", text="X = 2\n")
    response = upload(index, "stranger-1.2.4.tar.gz", other, token=minted(index), name="stranger", version="1.2.4")
    assert (response.status, refusal(response)) == (
        403,
        (
            "Invalid API Token: OIDC scoped token is not valid for project 'stranger', "
            "project-scoped token is not valid for project: 'stranger'"
        ),
    )


def test_an_api_token_may_be_limited_to_a_project() -> None:
    response = upload(make_index(), SDIST_NAME, SDIST, token="pypi-scoped")
    assert (response.status, refusal(response)) == (
        403,
        "Invalid API Token: project-scoped token is not valid for project: 'tinyproj'",
    )


def test_attestations_need_trusted_publishing() -> None:
    index = make_index()
    response = upload(index, SDIST_NAME, SDIST, token=API_TOKEN, attestations="[]")
    assert refusal(response) == (
        "Invalid attestations supplied during upload: Attestations are only supported when using Trusted Publishing"
    )
    assert index.files == {}


def test_a_refused_attestation_stores_nothing() -> None:
    index = make_index(without_environment(PUBLISHER))
    response = upload(index, SDIST_NAME, SDIST, token=minted(index), attestations="[]")
    assert refusal(response).endswith("no attestation is good enough here")
    assert index.files == {}


def test_a_form_without_a_file_is_refused() -> None:
    index = make_index()
    body = b"".join(
        f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in form(SDIST_NAME, SDIST).items()
    )
    headers = {**HEADERS, "content-type": "multipart/form-data; boundary=xx", "accept": "application/json"}
    response = send(index, "POST", "/legacy/", body=body + b"--xx--", headers=headers)
    assert (response.status, refusal(response)) == (400, "Upload payload does not have a file.")


def test_a_file_in_another_field_is_refused() -> None:
    body = b'--xx\r\nContent-Disposition: form-data; name="name"; filename="n"\r\n\r\nx\r\n--xx--'
    headers = {**HEADERS, "content-type": "multipart/form-data; boundary=xx", "accept": "application/json"}
    assert refusal(send(make_index(), "POST", "/legacy/", body=body, headers=headers)) == "name: Should not be a tuple."


def test_a_body_that_is_no_form_is_refused() -> None:
    headers = {**HEADERS, "content-type": "text/plain"}
    response = send(make_index(), "POST", "/legacy/", body=b"x", headers=headers)
    assert response.status == 400
    assert response.content_type == "text/html; charset=UTF-8"
    assert b"<title>400 Bad Request: expected multipart/form-data" in response.body


def test_the_path_needs_its_slash() -> None:
    response = send(make_index(), "POST", "/legacy")
    assert (response.status, response.headers["Location"]) == (308, "http://index/legacy/")


def test_unknown_pages_are_remembered() -> None:
    index = make_index()
    assert send(index, "GET", "/manage/").status == 404
    assert send(index, "DELETE", "/legacy/").status == 404
    assert index.unknown_routes == ["GET /manage/", "DELETE /legacy/"]
