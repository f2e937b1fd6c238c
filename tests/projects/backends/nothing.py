"""Ends well without an sdist or a wheel."""

from pathlib import Path

import good
from good import *


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    for path in Path(wheel_directory).iterdir():
        path.unlink()
    return "tiny_tree-1.2.3-py3-none-any.whl"
