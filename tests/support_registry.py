"""What the layout tests and the documentation generator know about the code, read from the code."""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import importlib
import pkgutil
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import tagseal
from tagseal.errors import Code

TOP = Path(__file__).resolve().parent.parent
SRC = TOP / "src" / "tagseal"


def module_names() -> list[str]:
    """Return every module of the package but what runs inside a sandbox with another interpreter."""
    found = [info.name for info in pkgutil.walk_packages(tagseal.__path__, "tagseal.")]
    return [name for name in found if "sandbox_scripts." not in name and not name.endswith(("__main__", ".launcher"))]


@functools.cache
def codes() -> dict[str, tuple[Code, str]]:
    """Return error id -> (code, module that declares it).

    Raises:
        AssertionError: two different codes share an id.
    """
    found: dict[str, tuple[Code, str]] = {}
    for name in module_names():
        module = importlib.import_module(name)
        declared = {
            target.id
            for node in ast.parse(Path(module.__file__ or "").read_text()).body
            for target in ([node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", []))
            if isinstance(target, ast.Name)
        }
        for attribute in declared:
            value = getattr(module, attribute, None)
            for code in value.values() if isinstance(value, dict) else [value]:
                if isinstance(code, Code):
                    known = found.setdefault(code.id, (code, name))
                    assert known[0] is code or known[0] == code, f"{code.id} is declared in {known[1]} and in {name}"
    return dict(sorted(found.items()))


def json_schema(kind: object, title: str = "") -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a result type, as `core.jsonable` reads and writes it."""
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return {"anyOf": [json_schema(arm) for arm in typing.get_args(kind)]}
    if kind is type(None):
        return {"type": "null"}
    if typing.get_origin(kind) is tuple:
        return {"type": "array", "items": json_schema(typing.get_args(kind)[0])}
    if typing.get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": json_schema(typing.get_args(kind)[1])}
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return {"enum": [str(member) for member in kind]}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        names = [field.name for field in dataclasses.fields(kind)]
        schema: dict[str, object] = {"title": title or kind.__name__, "type": "object"}
        schema["properties"] = {name: json_schema(hints[name]) for name in names}
        return {**schema, "required": names, "additionalProperties": False}
    names_of_types: dict[object, str] = {str: "string", int: "integer", bool: "boolean"}
    return {"type": names_of_types[kind]}


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (module, line) of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or "", node.lineno
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno
