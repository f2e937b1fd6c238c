from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from tagseal.adapters.deadline import side_by_side, within
from tagseal.errors import TagsealError


def test_the_answer_or_the_error_comes_through() -> None:
    assert within(5, "a call", lambda: 42) == 42
    assert within(5, "a call", lambda: None) is None
    with pytest.raises(KeyError, match="mine"):
        within(5, "a call", lambda: {"yours": 1}["mine"])


def test_a_hung_call_is_left_behind() -> None:
    release = threading.Event()
    before = time.monotonic()
    with pytest.raises(TagsealError) as caught:
        within(0.05, "the log", release.wait)
    assert time.monotonic() - before < 2
    assert (caught.value.code.id, caught.value.exit_code) == ("service-timeout", 3)
    assert caught.value.what == "the log did not finish within 0.05 seconds."
    release.set()


def test_answers_keep_their_order() -> None:
    assert side_by_side([partial(pow, number, 2) for number in range(50)], threads=4) == tuple(n * n for n in range(50))
    assert side_by_side([], threads=4) == ()


def test_the_first_failure_does_not_wait_for_a_hung_call() -> None:
    release = threading.Event()
    begun: list[int] = []

    def fail() -> bool:
        raise KeyError("mine")

    calls: list[Callable[[], bool]] = [
        release.wait,
        fail,
        *(partial(_note, begun, number) for number in range(100_000)),
    ]
    before = time.monotonic()
    with pytest.raises(KeyError, match="mine"):
        side_by_side(calls, threads=2)
    assert time.monotonic() - before < 2
    assert len(begun) < 100_000
    release.set()


def _note(begun: list[int], number: int) -> bool:
    begun.append(number)
    time.sleep(0.001)
    return True
