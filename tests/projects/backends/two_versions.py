"""Builds a wheel of another version than its sdist."""

import good
from good import *


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return good.build_wheel(wheel_directory, version="1.2.4")
