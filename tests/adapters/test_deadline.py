from __future__ import annotations

import threading
import time

import pytest

from tagseal.adapters.deadline import within
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
