from __future__ import annotations

import pytest
from packaging.tags import sys_tags

from tagseal.core.buildenv import feature_version, leg_settings, select_wheels, supported_tags, variations
from tagseal.core.lock import BuildLock, LockedPackage, LockedWheel
from tagseal.errors import TagsealError


def test_the_legs_agree_on_what_matters_and_differ_in_what_must_not() -> None:
    plain = leg_settings("a", epoch_s=1_700_000_000, version="1.2.3")
    hostile = leg_settings("b", epoch_s=1_700_000_000, version="1.2.3")
    same = {name for name, value in plain.environment.items() if hostile.environment[name] == value}
    assert same == {
        "PATH",
        "TMPDIR",
        "VIRTUAL_ENV",
        "SOURCE_DATE_EPOCH",
        "SETUPTOOLS_SCM_PRETEND_VERSION",
        "PYTHONDONTWRITEBYTECODE",
    }
    assert plain.environment["SOURCE_DATE_EPOCH"] == "1700000000"
    assert plain.environment.keys() == hostile.environment.keys()
    assert (plain.umask, hostile.umask) == (0o022, 0o077)
    assert (plain.clock_shift_s, hostile.clock_shift_s) == (0, 34_567_890)


def test_the_result_says_how_the_clock_was_varied() -> None:
    plain = leg_settings("a", epoch_s=0, version="1")
    hostile = leg_settings("b", epoch_s=0, version="1")
    assert variations(plain, clock_is_shifted=False) == {
        "umask": "022",
        "HOME": "/build/home",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "clock": "unchanged",
    }
    assert variations(hostile, clock_is_shifted=True)["clock"] == "libfaketime +34567890s"
    assert variations(hostile, clock_is_shifted=False)["clock"] == "started 3 s later"


def _lock(*names: str) -> BuildLock:
    wheels = tuple(LockedWheel(filename=name, sha256="sha256:0", url=None, size_bytes=None) for name in names)
    return BuildLock(packages=(LockedPackage(name="x", version="1", wheels=wheels),), requires_python="", digest="")


def test_the_most_specific_wheel_is_taken() -> None:
    tags = supported_tags("3.13")
    native = f"x-1-{tags[0]}.whl"
    lock = _lock("x-1-py3-none-any.whl", native, "x-1-cp39-cp39-win_amd64.whl")
    assert [wheel.filename for _, wheel in select_wheels(lock, tags)] == [native]


def test_a_requirement_without_a_fitting_wheel_is_an_error() -> None:
    with pytest.raises(TagsealError, match="no wheel of x 1") as caught:
        select_wheels(_lock("x-1-cp39-cp39-win_amd64.whl"), supported_tags("3.13"))
    assert caught.value.code.id == "requirement-unfit"


def test_the_tags_of_this_python_are_the_ones_pip_would_use() -> None:
    import sys

    version = ".".join(map(str, sys.version_info[:2]))
    assert set(supported_tags(version)) == set(sys_tags())


def test_the_feature_version_is_read_from_the_interpreters_name() -> None:
    assert feature_version("CPython 3.13.5 x86_64") == "3.13"
