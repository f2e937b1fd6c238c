"""One small YAML document, read strictly: no anchors, aliases, tags or second document; every value has its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias, TypeVar

if TYPE_CHECKING:
    from yaml.events import Event
    from yaml.nodes import Node

MAX_DEPTH: Final = 8
_SHOWN_CHARS: Final = 100
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
T = TypeVar("T")
Readers: TypeAlias = "Mapping[str, Callable[[Node], object]]"
"""Key -> what reads its value."""


class YamlError(ValueError):
    """The text is not what may be read here."""

    def __init__(self, what: str, *, line: int) -> None:
        """`line` counts from 1."""
        super().__init__(what)
        self.what = what
        self.line = line


def load(data: bytes, *, max_bytes: int) -> Node:
    """Return the document's root node.

    Raises: YamlError.
    """
    import yaml

    if len(data) > max_bytes:
        raise YamlError(f"it has {len(data)} bytes; at most {max_bytes} are read", line=1)
    try:
        text = data.decode("utf-8")
        _judge_events(text)
        node: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise YamlError("it is not UTF-8", line=data.count(b"\n", 0, error.start) + 1) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlError(f"it is not YAML: {error.problem or error.context}", line=line) from error
    except yaml.YAMLError as error:
        raise YamlError("it holds characters that YAML forbids", line=1) from error
    if node is None:
        raise YamlError("it is empty", line=1)
    return node


def _judge_events(text: str) -> None:
    """Refuse before composing: composing recurses, and aliases multiply."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise YamlError(f"it is nested deeper than {MAX_DEPTH} levels", line=_line(event))
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:  # an alias has one too
            raise YamlError("anchors and aliases are not allowed", line=_line(event))
        if getattr(event, "tag", None) is not None:
            raise YamlError("tags are not allowed", line=_line(event))


def _line(item: Event | Node) -> int:
    return item.start_mark.line + 1 if item.start_mark else 1


def refuse(node: Node, what: str) -> NoReturn:
    """Raise YamlError at the node's line."""
    raise YamlError(what, line=_line(node))


def mapping(node: Node, *, required: Readers | None = None, optional: Readers | None = None) -> dict[str, object]:
    """Read a mapping of known keys; unknown, repeated and missing ones are refused. Raises: YamlError."""
    import yaml

    readers = {**(required or {}), **(optional or {})}
    if not isinstance(node, yaml.MappingNode):
        refuse(node, f"expected a mapping with the keys {', '.join(sorted(readers))}")
    read: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = text(key_node)
        if key not in readers:
            refuse(key_node, f"the key {key[:_SHOWN_CHARS]!r} is unknown; known here: {', '.join(sorted(readers))}")
        if key in read:
            refuse(key_node, f"the key {key!r} is there twice")
        read[key] = readers[key](value_node)
    if missing := sorted(set(required or {}) - set(read)):
        refuse(node, f"the key {missing[0]!r} is missing")
    return read


def sequence(node: Node, read: Callable[[Node], T]) -> tuple[T, ...]:
    """Read a list. Raises: YamlError."""
    import yaml

    if not isinstance(node, yaml.SequenceNode):
        refuse(node, "expected a list")
    return tuple(read(item) for item in node.value)


def scalar(node: Node, *kinds: str) -> str:
    """Return the text of a plain value that YAML takes as one of `kinds` (`str`, `int`, `timestamp`)."""
    import yaml

    if not isinstance(node, yaml.ScalarNode) or node.tag.rpartition(":")[2] not in kinds:
        refuse(node, f"expected {' or '.join(kinds)} (quote a text that looks like another type)")
    return str(node.value)


def text(node: Node) -> str:
    """Read a text that is not empty; outer blanks are cut off.

    Control characters other than line feeds, and surrogates (no UTF-8 has them), are refused. Raises: YamlError.
    """
    value = scalar(node, "str").strip()
    if not value or re.search(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]", value):
        refuse(node, "expected a text that is not empty and holds no control characters or surrogates")
    return value


def matching(node: Node, pattern: re.Pattern[str], expected: str) -> str:
    """Read a text that matches `pattern` as a whole. Raises: YamlError."""
    value = text(node)
    if pattern.fullmatch(value) is None:
        refuse(node, f"expected {expected}, not {value[:_SHOWN_CHARS]!r}")
    return value


def one_of(node: Node, values: tuple[str, ...]) -> str:
    """Read one of `values`. Raises: YamlError."""
    value = text(node)
    if value not in values:
        refuse(node, f"expected one of {', '.join(values)}, not {value[:_SHOWN_CHARS]!r}")
    return value


def day(node: Node) -> str:
    """Read a day `YYYY-MM-DD`, quoted or not. Raises: YamlError."""
    value = scalar(node, "str", "timestamp")
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:  # the 31st of a month that has none
        refuse(node, f"there is no day {value}")
    refuse(node, f"expected a day as YYYY-MM-DD, not {value[:_SHOWN_CHARS]!r}")
