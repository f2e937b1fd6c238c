"""Tries to steer the resolver with its answer."""

from good import *


def get_requires_for_build_wheel(config_settings=None):
    return ["--index-url http://127.0.0.1:1/simple"]
