"""Puts a hostile member (absolute) into the sdist."""

import tarfile

import good
from good import *


def build_sdist(sdist_directory, config_settings=None):
    member = tarfile.TarInfo("/evil")
    return good.build_sdist(sdist_directory, extra=[member])
