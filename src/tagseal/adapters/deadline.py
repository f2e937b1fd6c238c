"""A deadline for calls into libraries that have none of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from tagseal.adapters.service_errors import too_late

T = TypeVar("T")


def within(seconds: float, what: str, call: Callable[[], T]) -> T:
    """Return `call()`, run in a daemon thread so that a hung call can be left behind.

    The abandoned thread may still finish its work: only calls whose late effect does no harm belong here.
    What `call` raises is raised here unchanged.

    Raises:
        TagsealError: `service-timeout` after `seconds`.
    """
    answers: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            answers.put((None, error))

    threading.Thread(target=work, name=f"deadline: {what}", daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise too_late(what, seconds) from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # T itself may be Optional
