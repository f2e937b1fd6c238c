"""Puts a hostile member (device) into the sdist."""

import tarfile

import good
from good import *


def build_sdist(sdist_directory, config_settings=None):
    member = tarfile.TarInfo("tiny_tree-1.2.3/device")
    member.type = tarfile.CHRTYPE
    return good.build_sdist(sdist_directory, extra=[member])
