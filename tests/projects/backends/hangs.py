"""Never ends."""

import time

from good import *


def build_sdist(sdist_directory, config_settings=None):
    time.sleep(3600)
