"""Makes a huge sdist."""

from pathlib import Path

import good
from good import *


def build_sdist(sdist_directory, config_settings=None):
    Path(sdist_directory, "huge.tar.gz").write_bytes(bytes(600 * 2**20))
    return good.build_sdist(sdist_directory)
