from __future__ import annotations

import pytest

from tagseal.adapters.sandbox.intake import Place


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/build", "/else/x"),
        ("/build/src/build.py", "/else/x/src/build.py"),
        ("/build/in:/build/out", "/else/x/in:/else/x/out"),
        ("--out=/build/out", "--out=/else/x/out"),
        ("/build/builder/build", "/else/x/builder/build"),
        ("open('/build/out/a')", "open('/else/x/out/a')"),
        ("/builder", "/builder"),
        ("src/build", "src/build"),
        ("/usr/build/x", "/usr/build/x"),
    ],
)
def test_paths_below_the_fixed_root_are_moved_and_nothing_else(text: str, moved: str) -> None:
    place = Place(root="/else/x", uid=1, is_alone=False, is_mount=False, tolerated=(), limits_processes=False)
    assert place.text(text) == moved
    fixed = Place(root="/build", uid=1, is_alone=True, is_mount=True, tolerated=(), limits_processes=True)
    assert fixed.text(text) == text
