"""What is started and stopped, by name or by `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Started(ABC):
    """A service that answers between `start` and `stop`."""

    @abstractmethod
    def start(self) -> None:
        """Begin to answer."""

    @abstractmethod
    def stop(self) -> None:
        """Stop answering; safe before `start`, too."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
