from __future__ import annotations

import os
import signal

import pytest

from tagseal.adapters import interrupts


class Swallows:
    """Its finaliser presses Ctrl-C: Python drops what is raised there."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_python_drops_is_remembered() -> None:
    with interrupts.heard():
        Swallows()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_nothing_pressed_nothing_raised_and_each_block_begins_afresh() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.heard():
        os.kill(os.getpid(), signal.SIGINT)
    with interrupts.heard():
        interrupts.check()


def test_somebody_else_s_handler_stays() -> None:
    def mine(*_: object) -> None: ...

    signal.signal(signal.SIGINT, mine)
    try:
        with interrupts.heard():
            assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
