from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from tagseal.core.version import version_of_tag
from tagseal.errors import TagsealError


@pytest.mark.parametrize(
    ("tag", "version", "release_type"),
    [
        ("v1.2.3", "1.2.3", "final"),
        ("v1.0", "1.0", "final"),
        ("v2026.11", "2026.11", "final"),
        ("v1!2.0", "1!2.0", "final"),
        ("v1.0rc1", "1.0rc1", "pre"),
        ("v1.0a1.post2", "1.0a1.post2", "pre"),
        ("v1.0.post1", "1.0.post1", "post"),
        ("v1.0.dev3", "1.0.dev3", "dev"),
        ("v1.0rc1.dev3", "1.0rc1.dev3", "dev"),
    ],
)
def test_versions(tag: str, version: str, release_type: str) -> None:
    found = version_of_tag(tag)
    assert (found.version, found.release_type) == (version, release_type)


@pytest.mark.parametrize(
    "tag",
    ["v1.0.0-1", "v01.0", "v1.0\n", " v1.0", "v 1.0", "v1.0.0-rc.1", "v1.0-SNAPSHOT", "V1.0", "v1.0+x", "v\u0661.0"],
)
def test_not_versions(tag: str) -> None:
    with pytest.raises(TagsealError) as caught:
        version_of_tag(tag)
    assert (caught.value.code.id, caught.value.exit_code) == ("tag-not-a-version", 1)


def test_the_canonical_form_is_named() -> None:
    with pytest.raises(TagsealError) as caught:
        version_of_tag("v1.0.0-1")
    assert caught.value.what == "The tag 'v1.0.0-1' is not in canonical form: v1.0.0.post1 is."


@given(st.text(alphabet="v0123456789.abcrdevpost!+-_ \n", max_size=20))
def test_whatever_is_accepted_is_canonical(tag: str) -> None:
    try:
        found = version_of_tag(tag)
    except TagsealError:  # anything else is a bug and fails the test
        return
    assert tag == f"v{Version(tag)}" == f"v{found.version}"
