"""Fails when it is asked for requirements."""

from good import *


def get_requires_for_build_sdist(config_settings=None):
    raise RuntimeError("no answer")
