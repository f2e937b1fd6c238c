"""Leaves files in the tree when it is asked."""

from pathlib import Path

from good import *


def get_requires_for_build_sdist(config_settings=None):
    Path("left-behind.txt").write_text("hello", encoding="utf-8")
    return []
