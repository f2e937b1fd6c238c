from __future__ import annotations

import pytest

from tagseal.rehearsal import multipart

KIND = "multipart/form-data; boundary=xx"


def test_fields_and_files_in_order() -> None:
    body = (
        b"preamble\r\n--xx\r\n"
        b'Content-Disposition: form-data; name="classifiers"\r\n\r\none\r\n--xx\r\n'
        b'Content-Disposition: form-data; name="classifiers"\r\n\r\n two \r\n--xx\r\n'
        b'Content-Disposition: form-data; name="content"; filename="a.whl"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\x00--xx\r\n\r\n\xff\r\n--xx--\r\nepilogue"
    )
    form = multipart.parse(body, KIND)
    assert form.texts("classifiers") == ("one", "two")
    assert form.text("classifiers") == "one"
    assert form.text("missing") == ""
    file = form.file("content")
    assert file is not None
    assert (file.filename, file.content_type, file.data) == (
        "a.whl",
        "application/octet-stream",
        b"\x00--xx\r\n\r\n\xff",
    )
    assert form.file("classifiers") is None


def test_names_beyond_ascii() -> None:
    body = '--xx\r\nContent-Disposition: form-data; name="summary"; filename="ü.txt"\r\n\r\nö\r\n--xx--'.encode()
    form = multipart.parse(body, KIND)
    assert [(part.name, part.filename, part.data.decode()) for part in form.parts] == [("summary", "ü.txt", "ö")]


def test_an_extended_file_name() -> None:
    body = b"--xx\r\nContent-Disposition: form-data; name=content; filename*=utf-8''%C3%BC\r\n\r\n\r\n--xx--"
    assert multipart.parse(body, KIND).parts[0].filename == "ü"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", KIND),
        (b"--xx--", "text/plain"),
        (b"--xx--", "multipart/form-data"),
        (b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', KIND),
        (b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--xx\r\n', KIND),
        (b"--xx\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xx--", KIND),
        (b"--xx\r\n\r\nx\r\n--xx--", KIND),
        (b'--xx\r\nContent-Disposition: form-data; name="a"\r\n--xx--', KIND),
        (b'--xxx\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--xx--', KIND),
        (b"--xx\r\nX: " + b"y" * 9000 + b"\r\n\r\nx\r\n--xx--", KIND),
        (b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 5001 + b"--xx--", KIND),
    ],
)
def test_a_broken_body_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match="multipart"):
        multipart.parse(body, kind)
