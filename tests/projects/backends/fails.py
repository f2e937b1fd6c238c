"""Raises in its hook."""

from good import *


def build_sdist(sdist_directory, config_settings=None):
    raise RuntimeError("the widget press is broken")
