"""What each backend may generate, read from pyproject.toml."""

from __future__ import annotations

import pytest

from tagseal.core.generated_files import LEGACY_SETUPTOOLS, is_egg_info, read_declared
from tagseal.errors import TagsealError


@pytest.mark.parametrize(
    ("pyproject", "uses"),
    [
        ("", True),
        ('[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n', True),
        ('[build-system]\nrequires = ["setuptools"]\n', True),
        ('[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n', False),
        ('[build-system]\nrequires = ["setuptools>=70"]\nbuild-backend = "b"\nbackend-path = ["."]\n', True),
        ('[build-system]\nrequires = ["flit_core"]\nbuild-backend = "b"\nbackend-path = ["."]\n', False),
        ('[build-system]\nrequires = ["setuptools"]\nbuild-backend = "other.setuptools"\n', False),
        ("[build-system]\nrequires = 5\nbuild-backend = 6\n", False),
    ],
)
def test_who_makes_egg_info(pyproject: str, uses: bool) -> None:  # noqa: FBT001 - the expectation
    assert read_declared(pyproject.encode()).uses_setuptools is uses


@pytest.mark.parametrize(
    ("tool", "files"),
    [
        ('[tool.setuptools_scm]\nversion_file = "src/a/_version.py"', ("src/a/_version.py",)),
        ('[tool.setuptools_scm]\nwrite_to = "./a/_version.py"', ("a/_version.py",)),
        ('[tool.hatch.build.hooks.vcs]\nversion-file = "a/_v.py"', ("a/_v.py",)),
        ('[tool.hatch.build.targets.sdist.hooks.vcs]\nversion-file = "a/_v.py"', ("a/_v.py",)),
        ('[tool.pdm]\nbuild = {package-dir = "src"}\nversion = {write_to = "a/v.py"}', ("a/v.py", "src/a/v.py")),
        ('[[tool.scikit-build.generate]]\npath = "a/_v.py"\ntemplate = "x"', ("a/_v.py",)),
        ('[tool.versioningit.write]\nfile = "a/_v.py"', ("a/_v.py",)),
        ('[tool.setuptools_scm]\nversion_file = ["a"]', ()),
        ('[tool]\nhatch = 5\nsetuptools_scm = "x"', ()),
    ],
)
def test_declared_version_files(tool: str, files: tuple[str, ...]) -> None:
    assert read_declared(tool.encode()).version_files == files


@pytest.mark.parametrize("data", [b"a = ", b"\xff"])
def test_unreadable_pyproject(data: bytes) -> None:
    with pytest.raises(TagsealError) as caught:
        read_declared(data)
    assert caught.value.code.id == "pyproject-invalid"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("demo_pkg.egg-info/SOURCES.txt", True),
        ("src/Demo.Pkg.egg-info/requires.txt", True),
        ("other.egg-info/SOURCES.txt", False),
        ("demo_pkg.egg-info/evil.py", False),
        ("demo_pkg.egg-info/sub/SOURCES.txt", False),
        ("a/b/demo_pkg.egg-info/SOURCES.txt", False),
        ("demo_pkg.egg-info/scm_file_list.json", False),
    ],
)
def test_egg_info_by_exact_name(path: str, expected: bool) -> None:  # noqa: FBT001 - the expectation
    assert is_egg_info(LEGACY_SETUPTOOLS, path, "demo_pkg") is expected


def test_scm_files_only_with_setuptools_scm() -> None:
    declared = read_declared(b'[build-system]\nrequires = ["setuptools", "setuptools_scm>=8"]\n')
    assert is_egg_info(declared, "demo.egg-info/scm_file_list.json", "demo")
