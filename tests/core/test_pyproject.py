from __future__ import annotations

import pytest

from tagseal.core.pyproject import ProjectFacts, build_requires, check_requirements, static_facts
from tagseal.errors import TagsealError


def test_requires_are_normalised_and_without_repeats() -> None:
    data = b'[build-system]\nrequires = ["Flit_Core >=3.12, <5", "Flit_Core>=3.12,<5", "x; python_version<\'3\'"]'
    assert build_requires(data) == ("Flit_Core<5,>=3.12", 'x; python_version < "3"')


def test_without_a_table_or_a_file_the_standards_default_holds() -> None:
    assert build_requires(b'[project]\nname = "x"') == ("setuptools>=40.8.0",)
    assert build_requires(None) == ("setuptools>=40.8.0",)


@pytest.mark.parametrize(
    "data", [b"[build-system]\n", b'build-system = "x"', b"[build-system", b"\xff", b"[project]\n" + b"#" * 2**20]
)
def test_a_pyproject_that_cannot_be_used_is_an_error(data: bytes) -> None:
    with pytest.raises(TagsealError) as caught:
        build_requires(data)
    assert caught.value.code.id == "pyproject-invalid"
    assert caught.value.file == "pyproject.toml"


@pytest.mark.parametrize(
    "line",
    ["--index-url http://127.0.0.1/", "-r /etc/passwd", "./local", "x @ https://example.org/x.whl", "", "x\n-r y"],
)
def test_a_requirement_that_could_steer_the_resolver_is_refused(line: str) -> None:
    with pytest.raises(TagsealError) as caught:
        check_requirements([line])
    assert caught.value.code.id == "requirement-invalid"


def test_too_many_requirements_are_refused() -> None:
    with pytest.raises(TagsealError, match="201 build requirements"):
        check_requirements(f"x{number}" for number in range(201))


def test_static_name_and_version_need_no_backend() -> None:
    assert static_facts(b'[project]\nname = "a"\nversion = "1"') == ProjectFacts(name="a", version="1")
    assert static_facts(b'[project]\nname = "a"\ndynamic = ["version"]') is None
    assert static_facts(None) is None
