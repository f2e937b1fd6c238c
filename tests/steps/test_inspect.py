"""The step `inspect`, finding by finding."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from support_archives import METADATA, SDIST_NAME, SOURCE_FILES, WHEEL_FILE, WHEEL_NAME, Release, sdist, sha256, wheel
from tagseal.core.checks import Verdict, overall
from tagseal.core.facts import Artifact, InspectFacts
from tagseal.core.policy import Policy, Waiver
from tagseal.errors import TagsealError
from tagseal.secret import Secret
from tagseal.step import NoParams
from tagseal.steps import inspect

GITHUB_TOKEN = b"ghp_" + b"a1B2" * 9
KEY = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIEowIBAAKCAQEA" * 4 + b"\n"
INFO = "demo-1.0.dist-info"


def run(release: Release) -> InspectFacts:
    return inspect.run(release.context("inspect", inspect.STEP.reads), NoParams())


def with_metadata(data: bytes, *, wheel_data: bytes | None = None) -> dict[str, bytes]:
    return {
        SDIST_NAME: sdist({**SOURCE_FILES, "PKG-INFO": data}),
        WHEEL_NAME: wheel({f"{INFO}/METADATA": data if wheel_data is None else wheel_data}),
    }


def findings(result: InspectFacts, verdict: Verdict = Verdict.FAIL) -> list[tuple[str, str]]:
    return [(check.code, check.subject) for check in result.checks if check.verdict is verdict]


def test_good_release(tmp_path: Path) -> None:
    release = Release(tmp_path)
    result = run(release)
    assert overall(result.checks) is Verdict.PASS
    assert result.package == "demo"
    assert [(a.name, a.kind, a.size_bytes, a.sha256) for a in result.artifacts] == [
        (name, kind, len(release.a[name]), sha256(release.a[name]))
        for name, kind in ((WHEEL_NAME, "wheel"), (SDIST_NAME, "sdist"))
    ]
    assert {check.code for check in result.checks} == {
        "archive-safe",
        "artifact-size",
        "artifact-name",
        "version-as-tag",
        "description-type",
        "license-expression",
        "no-secrets",
        "platform-tag",
        "wheel-tags",
        "one-sdist",
        "one-project",
        "metadata-agrees",
    }


@pytest.mark.promise("R12")
def test_version_other_than_the_tags(tmp_path: Path) -> None:
    release = Release(tmp_path)
    release.source = dataclasses.replace(release.source, version="1.1", tag="v1.1")
    assert findings(run(release)) == [("version-mismatch", WHEEL_NAME), ("version-mismatch", SDIST_NAME)]


def test_metadata_of_another_project(tmp_path: Path) -> None:
    release = Release(tmp_path, a=with_metadata(METADATA, wheel_data=METADATA.replace(b"Name: demo", b"Name: other")))
    assert findings(run(release)) == [
        ("artifact-name-invalid", WHEEL_NAME),
        ("name-mismatch", "demo, other"),
        ("metadata-differs", WHEEL_NAME),
    ]


def test_metadata_that_differs_between_files(tmp_path: Path) -> None:
    other = METADATA.replace(b"A demo", b"Another")
    assert findings(run(Release(tmp_path, a=with_metadata(METADATA, wheel_data=other)))) == [
        ("metadata-differs", WHEEL_NAME)
    ]


def test_dynamic_field_may_differ(tmp_path: Path) -> None:
    sdist_data = METADATA.replace(b"License", b"Dynamic: Requires-Dist\nDynamic: Classifier\nLicense", 1)
    wheel_data = METADATA.replace(
        b"License", b"Requires-Dist: six\nClassifier: Topic :: Software Development\nLicense", 1
    )
    assert findings(run(Release(tmp_path, a=with_metadata(sdist_data, wheel_data=wheel_data)))) == []


@pytest.mark.parametrize(
    "data",
    [
        METADATA.replace(b"License-Expression: MIT", b"License-Expression: Very Free"),
        METADATA.replace(b"Version: 1.0", b"Version: one"),
        METADATA.replace(b"Name: demo\n", b""),
        METADATA.replace(b"Name: demo\n", b"Name: demo\nName: other\n"),
        METADATA.replace(b"Metadata-Version: 2.4", b"Metadata-Version: 9.9"),
        METADATA.replace(b"text/markdown", b"text/html"),
        b"\xff\xfe",
        b"",
    ],
)
def test_metadata_that_is_not_valid(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TagsealError) as caught:
        run(Release(tmp_path, a=with_metadata(data)))
    assert caught.value.code.id == "metadata-invalid"


def test_unknown_is_said_of_missing_licence_and_content_type(tmp_path: Path) -> None:
    data = METADATA.replace(b"License-Expression: MIT\n", b"").replace(
        b"Description-Content-Type: text/markdown\n", b""
    )
    result = run(Release(tmp_path, a=with_metadata(data)))
    assert overall(result.checks) is Verdict.UNKNOWN
    assert {code for code, _ in findings(result, Verdict.UNKNOWN)} == {"license-expression", "description-type"}


def test_no_description_needs_no_type(tmp_path: Path) -> None:
    data = METADATA.partition(b"Description-Content-Type")[0] + b"\n"
    result = run(Release(tmp_path, a=with_metadata(data)))
    assert findings(result, Verdict.NOT_APPLICABLE) == [
        ("description-type", WHEEL_NAME),
        ("description-type", SDIST_NAME),
    ]


def test_licence_file_that_is_not_there(tmp_path: Path) -> None:
    data = METADATA.replace(b"License-Expression", b"License-File: LICENSE\nLicense-Expression")
    files = with_metadata(data)
    assert findings(run(Release(tmp_path / "1", a=files))) == [
        ("license-file-missing", f"{WHEEL_NAME}:LICENSE"),
        ("license-file-missing", f"{SDIST_NAME}:LICENSE"),
    ]
    files[SDIST_NAME] = sdist({**SOURCE_FILES, "PKG-INFO": data, "LICENSE": b"MIT"})
    files[WHEEL_NAME] = wheel({f"{INFO}/METADATA": data, f"{INFO}/licenses/LICENSE": b"MIT"})
    assert findings(run(Release(tmp_path / "2", a=files))) == []


def test_platform_that_the_index_refuses(tmp_path: Path) -> None:
    name = "demo-1.0-cp311-cp311-linux_x86_64.whl"
    tags = WHEEL_FILE.replace(b"py3-none-any", b"cp311-cp311-linux_x86_64")
    release = Release(tmp_path, a={SDIST_NAME: sdist(), name: wheel({f"{INFO}/WHEEL": tags})})
    assert findings(run(release)) == [("platform-tag-refused", name)]


@pytest.mark.parametrize(
    "platform",
    ["manylinux_2_28_x86_64", "manylinux2014_x86_64.manylinux_2_17_x86_64", "macosx_11_0_arm64", "win_amd64"],
)
def test_platforms_that_the_index_takes(tmp_path: Path, platform: str) -> None:
    name = f"demo-1.0-cp311-cp311-{platform}.whl"
    lines = b"".join(b"Tag: cp311-cp311-" + part.encode() + b"\n" for part in platform.split("."))
    release = Release(
        tmp_path, a={SDIST_NAME: sdist(), name: wheel({f"{INFO}/WHEEL": b"Wheel-Version: 1.0\n" + lines})}
    )
    assert findings(run(release)) == []


def test_renamed_wheel(tmp_path: Path) -> None:
    name = "demo-1.0-cp313-none-any.whl"
    assert findings(run(Release(tmp_path, a={SDIST_NAME: sdist(), name: wheel()}))) == [("wheel-tags-differ", name)]


@pytest.mark.parametrize("wheel_file", [b"", b"Wheel-Version: 2.0\n", b"Wheel-Version: 1.0\nTag: nonsense\n"])
def test_wheel_file_that_is_not_valid(tmp_path: Path, wheel_file: bytes) -> None:
    with pytest.raises(TagsealError) as caught:
        run(Release(tmp_path, a={SDIST_NAME: sdist(), WHEEL_NAME: wheel({f"{INFO}/WHEEL": wheel_file})}))
    assert caught.value.code.id == "metadata-invalid"


def test_name_that_is_not_canonical(tmp_path: Path) -> None:
    name = "Demo-1.0.tar.gz"
    files = {name: sdist({**SOURCE_FILES, "PKG-INFO": METADATA}, top="Demo-1.0"), WHEEL_NAME: wheel()}
    assert findings(run(Release(tmp_path, a=files))) == [("artifact-name-invalid", name)]


def test_number_of_sdists(tmp_path: Path) -> None:
    assert findings(run(Release(tmp_path, a={WHEEL_NAME: wheel()}))) == [("sdist-count", "dist")]


def test_file_over_the_index_limit(tmp_path: Path) -> None:
    from tagseal.core.index_rules import check_size

    artifact = Artifact(
        name=SDIST_NAME, kind="sdist", size_bytes=100_000_001, sha256=sha256(b""), content_digest=sha256(b"")
    )
    assert check_size(artifact).code == "artifact-too-large"


def test_description_of_a_type_the_index_does_not_show() -> None:
    from tagseal.core.index_rules import check_description
    from tagseal.core.metadata import read_metadata

    metadata = dataclasses.replace(read_metadata("x", METADATA), description_content_type="text/html")
    assert check_description("x", metadata).code == "description-type-refused"


def test_nothing_to_inspect(tmp_path: Path) -> None:
    release = Release(tmp_path, a={})
    with pytest.raises(TagsealError) as caught:
        run(release)
    assert caught.value.code.id == "nothing-to-inspect"


def test_file_of_neither_kind(tmp_path: Path) -> None:
    release = Release(tmp_path)
    context = release.context("inspect", inspect.STEP.reads)
    (tmp_path / "dist" / "demo.exe").write_bytes(b"MZ")
    with pytest.raises(TagsealError) as caught:  # no record says who wrote it
        inspect.run(context, NoParams())
    assert caught.value.code.id == "release-file-added"


@pytest.mark.promise("R22")
@pytest.mark.parametrize(
    ("path", "data", "line"),
    [
        ("demo/config.py", b"x = 1\nTOKEN = '" + GITHUB_TOKEN + b"'\n", " in line 2"),
        ("demo/a.txt", b"pypi-" + b"AgEIcHlwaS5vcmc" + b"x" * 60, " in line 1"),
        ("demo/b.txt", b"AKIA" + b"ABCD2345EFGH6723", " in line 1"),
        ("demo/c.txt", b"xoxb-" + b"123456789012-abcdefghijkl", " in line 1"),
        ("demo/key.txt", KEY, " in line 1"),
        ("demo/.env", b"", ""),
        ("demo/.env.production", b"", ""),
        (".pypirc", b"", ""),
        ("demo/id_ed25519", b"", ""),
        (".git/config", b"", ""),
    ],
)
def test_secret_in_a_member(tmp_path: Path, path: str, data: bytes, line: str) -> None:
    result = run(Release(tmp_path, a={SDIST_NAME: sdist(), WHEEL_NAME: wheel({path: data})}))
    assert findings(result) == [("secret-in-artifact", f"{WHEEL_NAME}:{path}")]
    message = next(check.message for check in result.checks if check.verdict is Verdict.FAIL)
    assert message.endswith(f"{line}.")
    assert not any(data and data.decode() in check.message + check.evidence for check in result.checks)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("demo/a.py", b'if line == "-----BEGIN PRIVATE KEY-----":\n    pass\n'),
        ("demo/b.py", b"PREFIXES = ('ghp_', 'github_pat_', 'pypi-AgE')\n"),
        ("demo/c.md", b"AKIAIOSFODNN7EXAMPLE\n"),
        ("demo/.env.example", b"TOKEN=\n"),
        ("demo/environment.py", b""),
    ],
)
def test_what_only_looks_like_a_secret(tmp_path: Path, path: str, data: bytes) -> None:
    assert findings(run(Release(tmp_path, a={SDIST_NAME: sdist(), WHEEL_NAME: wheel({path: data})}))) == []


@pytest.mark.promise("R22")
def test_secret_of_this_very_run(tmp_path: Path) -> None:
    Secret("correct horse battery staple 7")
    data = b"a\nb\npassword = correct horse battery staple 7\n"
    result = run(Release(tmp_path, a={SDIST_NAME: sdist(), WHEEL_NAME: wheel({"demo/x.cfg": data})}))
    messages = [check.message for check in result.checks if check.verdict is Verdict.FAIL]
    assert messages == ["demo/x.cfg holds a secret of this very run in line 3."]


def waiver(expires: str) -> Policy:
    return Policy(
        waivers=(
            Waiver(
                id="W1",
                check="secret-in-artifact",
                subject=f"{WHEEL_NAME}:demo/key.txt",
                reason="made up for a test",
                owner="alice",
                expires=expires,
            ),
        )
    )


def test_waived_until_its_last_day(tmp_path: Path) -> None:
    files = {SDIST_NAME: sdist(), WHEEL_NAME: wheel({"demo/key.txt": KEY})}
    result = run(Release(tmp_path / "1", a=files, policy=waiver("2026-11-23")))
    (waived,) = (check for check in result.checks if check.verdict is Verdict.WAIVED)
    assert waived.message.endswith("Waived (W1) by alice until 2026-11-23: made up for a test")
    assert findings(run(Release(tmp_path / "2", a=files, policy=waiver("2026-11-22")))) == [
        ("secret-in-artifact", f"{WHEEL_NAME}:demo/key.txt")
    ]


@pytest.mark.promise("R14")
def test_wheel_changed_after_its_record_was_written(tmp_path: Path) -> None:
    from support_archives import wheel_members, zip_of

    members = wheel_members()
    members["demo/__init__.py"] = b"import os\n"
    with pytest.raises(TagsealError) as caught:
        run(Release(tmp_path, a={SDIST_NAME: sdist(), WHEEL_NAME: zip_of(members)}))
    assert caught.value.code.id == "wheel-record-untrue"
