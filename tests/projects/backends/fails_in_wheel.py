"""Makes an sdist, then fails."""

from good import *


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise RuntimeError("no press in the sdist")
