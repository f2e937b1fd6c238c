"""Stands in the build environment's site-packages while libfaketime shifts the wall clock.

`time.sleep` waits with clock_nanosleep for a point in monotonic time (Python 3.11 and later), which libfaketime
0.9.10 takes for shifted wall-clock time: EINVAL instead of a nap. Everything that waits in Python through it would
fail in the second build alone (`subprocess.run(timeout=…)` does). `select` waits as well and is left alone.
"""

import select
import time


def sleep(seconds: float) -> None:
    """Wait for at least `seconds`, as `time.sleep` does."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        select.select([], [], [], left)


time.sleep = sleep  # type: ignore[assignment]  # whole numbers are floats enough
