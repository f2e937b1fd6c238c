"""Deadlines and parallelism for calls into libraries that hang: whoever waits can always leave."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from tagseal.adapters.service_errors import too_late

T = TypeVar("T")

_POLL_S: Final = 0.2


def _next(answers: queue.SimpleQueue[T], *, deadline: float = math.inf) -> T:
    """Return the next answer, waiting in short naps until `deadline` (monotonic seconds).

    A signal that arrives just before a wait begins does not end it: without the naps Ctrl-C would then be heard
    only when the call is done.

    Raises:
        queue.Empty: the deadline has passed.
    """
    while True:
        try:
            return answers.get(timeout=max(0.0, min(_POLL_S, deadline - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= deadline:
                raise


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
        value, error = _next(answers, deadline=time.monotonic() + seconds)
    except queue.Empty:
        raise too_late(what, seconds) from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # T itself may be Optional


def side_by_side(calls: Sequence[Callable[[], T]], *, threads: int) -> tuple[T, ...]:
    """Return the calls' answers in order, made by at most `threads` daemon threads.

    The first failure is raised at once, and so is Ctrl-C: calls that have begun are left behind, the others never
    begin. (A ThreadPoolExecutor would wait for the hung ones, at the latest when the interpreter ends.)
    """
    todo: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[int, T] | BaseException] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        while not (stop.is_set() or todo.empty()):
            try:
                index, call = todo.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put((index, call()))
            except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
                answers.put(error)

    for entry in enumerate(calls):
        todo.put(entry)
    for _ in range(min(threads, len(calls))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[int, T] = {}
    try:
        for _ in calls:
            answer = _next(answers)
            if isinstance(answer, BaseException):
                raise answer
            found[answer[0]] = answer[1]
    finally:
        stop.set()
    return tuple(found[index] for index in range(len(calls)))
