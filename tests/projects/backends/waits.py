"""Waits in every way Python has, as tools that poll do, then builds."""

import subprocess
import sys
import threading
import time

from good import *
from good import build_sdist as make_sdist


def build_sdist(sdist_directory, config_settings=None):
    began = time.monotonic()
    time.sleep(0.05)
    threading.Event().wait(0.05)
    subprocess.run([sys.executable, "-c", "import time; time.sleep(0.05)"], timeout=20, check=True)
    assert 0.15 < time.monotonic() - began < 10
    return make_sdist(sdist_directory, config_settings)
