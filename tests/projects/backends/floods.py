"""Writes until the disk is full."""

from pathlib import Path

from good import *


def build_sdist(sdist_directory, config_settings=None):
    with Path("flood").open("wb") as file:
        while True:
            file.write(bytes(1 << 20))
