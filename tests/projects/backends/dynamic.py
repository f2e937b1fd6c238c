"""Asks for one more requirement when it is asked."""

from good import *


def get_requires_for_build_wheel(config_settings=None):
    return ["packaging>=20", "pyproject_hooks"]
