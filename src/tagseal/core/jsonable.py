"""Frozen dataclasses to JSON and back, strictly typed.

Supported field types: str, int, bool, None, StrEnum, tuple[T, ...], dict[str, T], T | None, frozen dataclasses.
Anything else is our own bug (TypeError at the first use).
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from tagseal.core.canonical import Json
from tagseal.errors import Code, ExitCode, TagsealError

T = TypeVar("T")

RESULT_INVALID: typing.Final = Code(
    id="result-invalid",
    exit_code=ExitCode.FAIL,
    why="A step trusts only results in the exact form that the step before it writes.",
    fix="Run the step that wrote the file again; do not edit files in the release directory.",
)


def encode(value: object) -> Json:
    """Return `value` (a dataclass or one of its field values) as plain JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if value is None or isinstance(value, str | int):
        return str(value) if isinstance(value, StrEnum) else value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def decode(kind: type[T], data: Json, *, where: str = "$") -> T:
    """Build a `kind` from plain JSON data; unknown, missing or wrongly typed members are refused.

    Raises:
        TagsealError: `result-invalid`, naming the place as a JSON path.
    """
    return typing.cast("T", _decode(kind, data, where))


def _bad(where: str, expected: str) -> TagsealError:
    return TagsealError(RESULT_INVALID, f"The result does not have the expected form: {where} is not {expected}.")


def _decode(kind: object, data: Json, where: str) -> object:
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        options = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if data is None else _decode(options[0], data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise _bad(where, "a list")
        item = typing.get_args(kind)[0]
        return tuple(_decode(item, entry, f"{where}[{index}]") for index, entry in enumerate(data))
    if origin in {dict, Mapping}:
        if not isinstance(data, dict):
            raise _bad(where, "an object")
        item = typing.get_args(kind)[1]
        return {key: _decode(item, entry, f"{where}.{key}") for key, entry in data.items()}
    return _decode_plain(kind, data, where)


def _decode_plain(kind: object, data: Json, where: str) -> object:
    if not isinstance(kind, type):
        raise TypeError(f"{kind} has no JSON form here")
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    if issubclass(kind, StrEnum):
        if data not in list(kind):
            raise _bad(where, f"one of {', '.join(kind)}")
        return kind(str(data))
    if type(data) is not kind:  # bool is an int to isinstance
        raise _bad(where, f"a {kind.__name__}")
    return data


@functools.cache
def _hints(kind: type) -> Mapping[str, object]:
    """Return field name -> type; looked up once, for the annotations are text."""
    return typing.get_type_hints(kind)


def _decode_dataclass(kind: type, data: Json, where: str) -> object:
    if not isinstance(data, dict):
        raise _bad(where, "an object")
    hints = _hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(set(data) - names):
        raise _bad(f"{where}.{unknown[0]}", "a known member")
    if missing := sorted(names - set(data)):
        raise _bad(f"{where}.{missing[0]}", "there")
    return kind(**{name: _decode(hints[name], data[name], f"{where}.{name}") for name in names})
