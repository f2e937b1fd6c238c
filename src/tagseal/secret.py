"""Values that must never be printed, logged or put into argv."""

from __future__ import annotations

from typing import Final

MASK: Final = "***"
_MIN_MASKED_CHARS: Final = 6  # shorter values would blank out ordinary words
_known: Final[set[str]] = set()


class Secret:
    """Holds one secret; its text is reachable through `reveal` alone, and `mask` knows it from then on."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value` and remember it for `mask`."""
        self._value = value
        if len(value) >= _MIN_MASKED_CHARS:
            _known.add(value)

    def reveal(self) -> str:
        """Return the secret itself: for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Never the value."""
        return f"Secret({MASK})"

    __str__ = __repr__

    def __bool__(self) -> bool:
        """Tell whether there is a value."""
        return bool(self._value)


def mask(text: str) -> str:
    """Return `text` with every secret of this process replaced by `***`."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
