"""Ctrl-C that is never lost.

Python drops a KeyboardInterrupt that is raised inside a finaliser, a weak reference's callback or a library that
catches everything. So the signal is also remembered, and a step asks once more before it makes anything final.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_pressed = threading.Event()


def _remember(_number: int, _frame: FrameType | None) -> None:
    _pressed.set()
    raise KeyboardInterrupt


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Remember Ctrl-C within the block; does nothing where somebody else handles or ignores the signal."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    _pressed.clear()
    if is_ours:
        signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def check() -> None:
    """Raise KeyboardInterrupt when Ctrl-C was pressed, even if it was dropped on the way."""
    if _pressed.is_set():
        raise KeyboardInterrupt
