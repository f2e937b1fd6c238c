"""The build lock's rules: each broken once."""

from __future__ import annotations

import pytest
from packaging.pylock import Pylock

from tagseal.core.lock import BuildLock, LockedPackage, LockedWheel, check_python, parse_lock, parse_resolved
from tagseal.core.lock_text import Change, compare_locks, render_lock
from tagseal.errors import ExitCode, TagsealError

HEX = "ab" * 32
URL = "https://files.example.org/a/flit_core-4.2.0-py3-none-any.whl"
GOOD = f"""
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11"

[[packages]]
name = "flit-core"
version = "4.2.0"
wheels = [
  {{ url = "{URL}", size = 48025, hashes = {{ sha256 = "{HEX}" }} }}]

[[packages]]
name = "build"
version = "1.6.1"
wheels = [{{ path = "build-1.6.1-py3-none-any.whl", hashes = {{ sha256 = "{HEX}" }} }}]
"""


def test_a_good_lock_is_read_and_sorted() -> None:
    lock = parse_lock(GOOD.encode())
    assert lock.requires_python == ">=3.11"
    assert lock.packages == (
        LockedPackage(
            name="build",
            version="1.6.1",
            wheels=(
                LockedWheel(filename="build-1.6.1-py3-none-any.whl", sha256=f"sha256:{HEX}", url=None, size_bytes=None),
            ),
        ),
        LockedPackage(
            name="flit-core",
            version="4.2.0",
            wheels=(
                LockedWheel(
                    filename="flit_core-4.2.0-py3-none-any.whl",
                    sha256=f"sha256:{HEX}",
                    url="https://files.example.org/a/flit_core-4.2.0-py3-none-any.whl",
                    size_bytes=48025,
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('lock-version = "1.0"', 'lock-version = "9.0"', "not valid"),
        ('name = "build"', 'name = "flit_core"', "not valid"),
        ('name = "build"\nversion = "1.6.1"', 'name = "flit-core"\nversion = "4.2.0"', "not valid"),
        ("wheels = [{ path", "sdist = { path", "not valid"),
        (f'hashes = {{ sha256 = "{HEX}" }} }}]\n\n', 'hashes = { md5 = "00" } }]\n\n', "no SHA-256"),
        (HEX, HEX[:-1], "no SHA-256"),
        (HEX, HEX.upper(), "no SHA-256"),
        ("https://files", "http://files", "only https"),
        ("https://files", "file:///files", "only https"),
        ("https://files.example.org/a/", 'https://files.example.org/\\"/', "only https"),
        ("flit_core-4.2.0-py3", "flit_core-4.1.0-py3", "not consistent"),
        ("build-1.6.1-py3-none-any.whl", "build-1.6.1.tar.gz", "Invalid wheel filename"),
        ('version = "1.6.1"', 'version = "1.6.1"\nmarker = "os_name == \'nt\'"', "condition"),
        ('created-by = "uv"', 'created-by = "uv"\nenvironments = ["os_name == \'nt\'"]', "certain environments"),
        ("size = 48025", "size = -1", "negative"),
        ("[[packages]]", "[[packages", "not valid"),
    ],
)
def test_a_lock_that_breaks_a_rule_is_refused(old: str, new: str, words: str) -> None:
    broken = GOOD.replace(old, new)
    assert broken != GOOD
    with pytest.raises(TagsealError, match=words) as caught:
        parse_lock(broken.encode())
    assert caught.value.code.id == "lock-invalid"
    assert caught.value.exit_code == ExitCode.USAGE


def test_anything_but_wheels_is_refused() -> None:
    places = (
        f'archive = {{ url = "https://example.org/x-1.tar.gz", hashes = {{ sha256 = "{HEX}" }} }}',
        'vcs = { type = "git", url = "https://example.org/x", commit-id = "' + "0" * 40 + '" }',
        'directory = { path = "." }',
        f'sdist = {{ path = "x-1.tar.gz", hashes = {{ sha256 = "{HEX}" }} }}',
    )
    for place in places:
        text = f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "x"\nversion = "1"\n{place}\n'
        with pytest.raises(TagsealError, match="only wheels are used") as caught:
            parse_lock(text.encode())
        assert caught.value.code.id == "lock-invalid"


def test_a_name_locked_twice_is_refused() -> None:
    twice = GOOD + GOOD[GOOD.index("[[packages]]") :]
    with pytest.raises(TagsealError, match="names build twice"):
        parse_lock(twice.encode())


def test_a_huge_lock_is_refused_unread() -> None:
    with pytest.raises(TagsealError, match="at most 4194304"):
        parse_lock(b"#" * (4 * 2**20 + 1))


def test_a_resolvers_unusable_address_is_dropped() -> None:
    lock = parse_resolved(GOOD.replace("https://files", "http://127.0.0.1").encode())
    assert [wheel.url for package in lock.packages for wheel in package.wheels] == [None, None]


def test_a_resolvers_condition_holds_for_its_target_and_is_dropped() -> None:
    text = GOOD.replace('version = "1.6.1"', 'version = "1.6.1"\nmarker = "python_full_version < \'3.13\'"')
    lock = parse_resolved(text.encode())
    assert b"marker" not in render_lock(lock, urls=True)
    assert [package.name for package in lock.packages] == ["build", "flit-core"]


def test_the_lock_fits_one_python_or_is_refused() -> None:
    lock = parse_lock(GOOD.encode())
    check_python(lock, "3.11")
    check_python(lock, "3.14")
    with pytest.raises(TagsealError, match=r"has Python 3\.10") as caught:
        check_python(lock, "3.10")
    assert caught.value.code.id == "lock-wrong-python"


def test_a_rendered_lock_reads_back_and_is_valid_pep_751() -> None:
    import tomllib

    lock = parse_lock(GOOD.encode())
    for urls in (True, False):
        data = render_lock(lock, urls=urls)
        Pylock.from_dict(tomllib.loads(data.decode())).validate()
        assert render_lock(parse_lock(data), urls=urls) == data
        assert (b"https://" in data) is urls
    assert parse_lock(render_lock(lock, urls=True)).packages == lock.packages


def test_locks_are_compared_by_name() -> None:
    def lock(**versions: str) -> BuildLock:
        packages = tuple(LockedPackage(name=name, version=version, wheels=()) for name, version in versions.items())
        return BuildLock(packages=packages, requires_python="", digest="")

    assert compare_locks(lock(a="1", b="1", c="1"), lock(a="2", b="1", d="1")) == (
        Change(name="a", old="1", new="2"),
        Change(name="c", old="1", new=None),
        Change(name="d", old=None, new="1"),
    )
    assert compare_locks(None, lock(a="1")) == (Change(name="a", old=None, new="1"),)
