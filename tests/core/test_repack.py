"""The normal form of archives: one content, one time, one sequence of bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from support_archives import (
    EPOCH_S,
    METADATA,
    MODULE,
    SDIST_NAME,
    WHEEL_FILE,
    WHEEL_NAME,
    sdist,
    sha256,
    tar_file,
    tar_gz,
    wheel,
    wheel_members,
    zip_of,
)
from tagseal.core.artifacts import content_digest, read_artifact
from tagseal.core.repack import repack
from tagseal.errors import TagsealError

REPOSITORY = Path(__file__).parents[2]
OTHER_PYTHONS = tuple(
    path
    for version in ("3.11.7", "3.12.1", "3.13.0")
    if (path := Path("/root/.pyenv/versions") / version / "bin" / "python").exists()
)


def code_of(name: str, data: bytes) -> str:
    with pytest.raises(TagsealError) as caught:
        repack(name, data, epoch_s=EPOCH_S)
    return caught.value.code.id


def test_sdist_normal_form() -> None:
    members = [
        (tar_file("demo-1.0", kind=tarfile.DIRTYPE, mode=0o700), b""),
        (tar_file("demo-1.0/z.sh", mode=0o700), b"#!/bin/sh\n"),
        (tar_file("demo-1.0/a.txt", mode=0o600), b"a"),
    ]
    for number, (info, _) in enumerate(members):
        info.mtime, info.uid, info.gid, info.uname, info.gname = 1000 + number, 1000, 1000, "me", "us"
    packed = repack(SDIST_NAME, tar_gz(members), epoch_s=EPOCH_S)
    assert packed.data[:10] == bytes.fromhex("1f8b08000000000000ff")
    with tarfile.open(fileobj=io.BytesIO(packed.data)) as archive:
        assert [
            (m.name, m.mode, m.mtime, m.uid, m.gid, m.uname, m.gname, m.pax_headers) for m in archive.getmembers()
        ] == [
            ("demo-1.0/a.txt", 0o644, EPOCH_S, 0, 0, "", "", {}),
            ("demo-1.0/z.sh", 0o755, EPOCH_S, 0, 0, "", "", {}),
        ]
    assert len(gzip.decompress(packed.data)) == 10_240


def test_wheel_normal_form() -> None:
    members = wheel_members({"demo/a.py": b"", "demo-1.0.dist-info/licenses/LICENSE": b"MIT\n"})
    packed = repack(WHEEL_NAME, zip_of(dict(reversed(members.items())), mode=0o100775), epoch_s=EPOCH_S)
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        assert [(i.filename, i.external_attr >> 16, i.date_time, i.create_system) for i in archive.infolist()] == [
            ("demo/__init__.py", 0o100755, (2023, 11, 14, 22, 13, 20), 3),
            ("demo/a.py", 0o100755, (2023, 11, 14, 22, 13, 20), 3),
            ("demo-1.0.dist-info/METADATA", 0o100755, (2023, 11, 14, 22, 13, 20), 3),
            ("demo-1.0.dist-info/WHEEL", 0o100755, (2023, 11, 14, 22, 13, 20), 3),
            ("demo-1.0.dist-info/licenses/LICENSE", 0o100755, (2023, 11, 14, 22, 13, 20), 3),
            ("demo-1.0.dist-info/RECORD", 0o100644, (2023, 11, 14, 22, 13, 20), 3),
        ]
        assert archive.read("demo-1.0.dist-info/RECORD").splitlines() == [
            b"demo-1.0.dist-info/METADATA,sha256=" + urlsafe(METADATA) + b",134",
            b"demo-1.0.dist-info/WHEEL,sha256=" + urlsafe(WHEEL_FILE) + b",75",
            b"demo-1.0.dist-info/licenses/LICENSE,sha256=" + urlsafe(b"MIT\n") + b",4",
            b"demo/__init__.py,sha256=" + urlsafe(MODULE) + b",12",
            b"demo/a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0",
            b"demo-1.0.dist-info/RECORD,,",
        ]


def urlsafe(data: bytes) -> bytes:
    import base64

    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")


@pytest.mark.promise("R13")
@pytest.mark.parametrize(("name", "data"), [(SDIST_NAME, sdist()), (WHEEL_NAME, wheel())])
def test_repacking_twice_changes_nothing(name: str, data: bytes) -> None:
    once = repack(name, data, epoch_s=EPOCH_S)
    assert repack(name, once.data, epoch_s=EPOCH_S) == once
    assert once.content_digest == content_digest(read_artifact(name, once.data))


def test_time_is_kept_within_what_a_zip_can_say() -> None:
    for epoch_s, year in ((0, 1980), (2**33, 2107)):
        packed = repack(WHEEL_NAME, wheel(), epoch_s=epoch_s)
        with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
            assert {info.date_time[0] for info in archive.infolist()} == {year}


def test_content_digest_is_what_formats_md_says() -> None:
    lines = "".join(
        f"{mode} {sha256(data)[7:]} {path}\n"
        for mode, path, data in (("100755", "demo-1.0/a", b"1"), ("100644", "demo-1.0/b c", b"2"))
    )
    data = tar_gz([(tar_file("demo-1.0/b c"), b"2"), (tar_file("demo-1.0/a", mode=0o755), b"1")])
    assert repack(SDIST_NAME, data, epoch_s=5).content_digest == sha256(b"tagseal content digest v1\n" + lines.encode())


def test_compression_level_does_not_change_the_content_digest() -> None:
    packed = repack(SDIST_NAME, sdist(), epoch_s=EPOCH_S)
    other = gzip.compress(gzip.decompress(packed.data), 1)
    assert other != packed.data
    assert repack(SDIST_NAME, other, epoch_s=EPOCH_S) == packed


def test_name_of_neither_kind() -> None:
    assert code_of("demo-1.0.zip", wheel()) == "artifact-name-invalid"
    assert code_of("demo.whl", wheel()) == "artifact-name-invalid"


RECORD = "demo-1.0.dist-info/RECORD"


@pytest.mark.promise("R14")
@pytest.mark.parametrize(
    "change",
    [
        lambda members: members.update({"demo/__init__.py": b"import os\n"}),
        lambda members: members.update({"demo/extra.py": b""}),
        lambda members: members.pop("demo/__init__.py"),
        lambda members: members.update({RECORD: members[RECORD].replace(b",12\n", b",13\n")}),
        lambda members: members.update({RECORD: members[RECORD] + b"demo/__init__.py,,\n"}),
        lambda members: members.update({RECORD: members[RECORD].replace(b"sha256=", b"md5=", 1)}),
        lambda members: members.update({RECORD: b"\xff\n"}),
        lambda members: members.update({RECORD: b"only-one-column\n"}),
        lambda members: members.update({RECORD: b'"never closed'}),
    ],
)
def test_record_that_is_not_true(change: object) -> None:
    members = wheel_members()
    change(members)  # type: ignore[operator]  # each lambda takes the members
    assert code_of(WHEEL_NAME, zip_of(members)) == "wheel-record-untrue"


@pytest.mark.parametrize(
    "members",
    [
        wheel_members(info="other-1.0.dist-info"),
        wheel_members(info="demo-2.0.dist-info"),
        wheel_members({"second-1.0.dist-info/METADATA": b""}),
        wheel_members({"demo-1.0.dist-info/RECORD.jws": b"{}"}),
        {"demo/__init__.py": b""},
        {key: value for key, value in wheel_members().items() if not key.endswith("WHEEL")},
    ],
)
def test_wheel_layout(members: dict[str, bytes]) -> None:
    assert code_of(WHEEL_NAME, zip_of(members)) == "wheel-layout"


@pytest.mark.skipif(not OTHER_PYTHONS, reason="no other interpreters here")
def test_every_python_writes_the_same_bytes(tmp_path: Path) -> None:
    """With one zlib; where an interpreter was linked to another, the content digest still agrees."""
    files = {SDIST_NAME: sdist({"ä" * 70: b"x" * 5000, "a/" + "b" * 120: b"y"}), WHEEL_NAME: wheel()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    program = (
        "import sys, json, hashlib, zlib, pathlib\n"
        "from tagseal.core.repack import repack\n"
        "paths = map(pathlib.Path, sys.argv[1:])\n"
        "found = {p.name: repack(p.name, p.read_bytes(), epoch_s=1700000000) for p in paths}\n"
        "print(json.dumps([zlib.ZLIB_RUNTIME_VERSION, {n: [hashlib.sha256(r.data).hexdigest(), r.content_digest]"
        " for n, r in found.items()}]))\n"
    )
    import packaging

    path = os.pathsep.join((str(REPOSITORY / "src"), str(Path(packaging.__file__).parents[1])))
    found = []
    for python in (Path(sys.executable), *OTHER_PYTHONS):
        done = subprocess.run(
            [python, "-c", program, *(str(tmp_path / name) for name in files)],
            env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
            capture_output=True,
            timeout=60,
        )
        found.append(json.loads(done.stdout))
    for zlib_version, digests in found[1:]:
        assert {name: pair[1] for name, pair in digests.items()} == {n: p[1] for n, p in found[0][1].items()}
        if zlib_version == found[0][0]:
            assert digests == found[0][1]


def test_memory_stays_within_a_few_times_the_content() -> None:
    content = os.urandom(8 * 2**20)
    data = sdist({"big": content})
    tracemalloc.start()
    try:
        repack(SDIST_NAME, data, epoch_s=EPOCH_S)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(content)


@pytest.mark.peer("pip")
def test_pip_installs_a_repacked_wheel(tmp_path: Path) -> None:
    path = tmp_path / WHEEL_NAME
    path.write_bytes(repack(WHEEL_NAME, wheel({"demo/data.txt": b"x"}), epoch_s=EPOCH_S).data)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps"),
            *("--no-compile", "--target", str(tmp_path / "site"), str(path)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert (tmp_path / "site" / "demo" / "__init__.py").read_bytes() == MODULE
    assert (tmp_path / "site" / "demo" / "data.txt").read_bytes() == b"x"
