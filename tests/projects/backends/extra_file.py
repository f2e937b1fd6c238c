"""Leaves a file beside the distributions."""

from pathlib import Path

import good
from good import *


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    Path(wheel_directory, "notes.txt").write_text("hello", encoding="utf-8")
    return good.build_wheel(wheel_directory)
