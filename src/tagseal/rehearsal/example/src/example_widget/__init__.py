"""Counts the widgets in a box."""

from __future__ import annotations

from collections.abc import Mapping

__version__ = "1.0.0"


def count(box: Mapping[str, int]) -> int:
    """Return how many widgets are in `box`, which maps each kind to its number."""
    return sum(box.values())
