"""Strict JSON in, canonical JSON out.

Reading refuses what makes two parsers disagree: duplicate keys, NaN and Infinity, depth and size without
limit (issue 4 asks the same of bundles). Writing is deterministic: sorted keys, no floats, UTF-8, LF at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeAlias

from tagseal.errors import Code, ExitCode, TagsealError

Json: TypeAlias = "str | int | float | bool | None | Sequence[Json] | Mapping[str, Json]"

MAX_JSON_BYTES: Final = 32 * 2**20
MAX_JSON_DEPTH: Final = 64

JSON_INVALID: Final = Code(
    id="json-invalid",
    exit_code=ExitCode.FAIL,
    why="Two programs that read a malformed document differently can be shown two different truths.",
    fix="Get the file again from where it was made; do not edit it by hand.",
)


def _refuse(what: str) -> NoReturn:
    raise TagsealError(JSON_INVALID, what)


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        _refuse(f"The JSON object has the key {next(n for n in names if names.count(n) > 1)!r} twice.")
    return found


def _depth(value: Json, level: int = 1) -> None:
    if level > MAX_JSON_DEPTH:
        _refuse(f"The JSON document is nested deeper than {MAX_JSON_DEPTH} levels.")
    if isinstance(value, dict):
        for item in value.values():
            _depth(item, level + 1)
    elif isinstance(value, list):
        for item in value:
            _depth(item, level + 1)


def parse(data: bytes, *, max_bytes: int = MAX_JSON_BYTES) -> Json:
    """Parse UTF-8 JSON strictly.

    Raises:
        TagsealError: `json-invalid` for anything but one well-formed document within the limits.
    """
    import json  # here and below: a step that stops before it reads a record need not pay for it

    if len(data) > max_bytes:
        _refuse(f"The JSON document has {len(data)} bytes; at most {max_bytes} are read.")
    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_constant=lambda name: _refuse(f"The JSON document holds {name}, which JSON does not have."),
        )
    except (ValueError, RecursionError) as error:
        raise TagsealError(JSON_INVALID, f"The document is not valid JSON: {error}.") from error
    _depth(value)
    return value


def dump(value: Json, *, pretty: bool = False) -> bytes:
    """Return the canonical bytes of `value`: sorted keys, no spaces (or two-space indent), final LF.

    Floats are refused (TypeError, our own bug): their text differs between languages.
    """
    import json

    _no_floats(value)
    if pretty:
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    else:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def _no_floats(value: Json) -> None:
    if isinstance(value, float):
        raise TypeError("canonical JSON holds no floats; use integers with a unit in the name")
    if isinstance(value, Mapping):
        for item in value.values():
            _no_floats(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            _no_floats(item)
