"""Downloads something while it builds."""

import urllib.request

from good import *


def build_sdist(sdist_directory, config_settings=None):
    urllib.request.urlopen("http://192.0.2.1/widget.c", timeout=5)
