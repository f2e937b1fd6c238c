"""Is a generated Python file nothing but a version? Decided on its syntax tree; nothing is imported or run.

Allowed: a docstring, imports from `typing` and `__future__`, constants (also nested in tuples, lists, sets and
dictionaries), annotations and aliases made of type names, and an `if TYPE_CHECKING:` around these. That covers
what setuptools-scm, hatch-vcs, hatchling, pdm-backend, versioningit and scikit-build-core write.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from typing import Final

_MAX_BYTES: Final = 16 * 2**10
_CODING: Final = re.compile(rb"coding[:=]\s*([-\w.]+)")  # PEP 263
_TYPING: Final = frozenset({"typing", "typing_extensions", "__future__"})
_PLAIN_NAMES: Final = frozenset({"bool", "bytes", "dict", "float", "int", "list", "object", "set", "str", "tuple"})
_DUNDERS: Final = frozenset({"__all__", "__commit_id__", "__version__", "__version_info__", "__version_tuple__"})
"""Other double-underscore names (`__path__`, `__getattr__`, …) mean something to the interpreter."""


def why_not_constants(source: bytes) -> str:
    """Return what in the file is more than constants and typing imports; empty when nothing is."""
    if len(source) > _MAX_BYTES:
        return f"it is over {_MAX_BYTES} bytes long"
    for line in source.splitlines()[:2]:
        match = _CODING.search(line)
        if match and match.group(1).lower() not in {b"utf-8", b"utf8"}:
            return "it declares an encoding other than UTF-8"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape is not worth a word here
            tree = ast.parse(source.decode("utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "it is not readable as Python"
    try:
        return _Walk().block(tree.body)
    except RecursionError:
        return "it is nested too deeply"


class _Walk:
    """Walks the statements in order and knows the names the file has made so far."""

    def __init__(self) -> None:
        self.names = set(_PLAIN_NAMES)

    def block(self, body: Sequence[ast.stmt]) -> str:
        """Return the first statement that is more than a constant, as `line N: what`."""
        for statement in body:
            if not self._statement(statement):
                return f"line {statement.lineno} is more than constants and typing imports"
            if isinstance(statement, ast.If) and (why := self.block(statement.body) or self.block(statement.orelse)):
                return why
        return ""

    def _statement(self, node: ast.stmt) -> bool:
        match node:
            case ast.Expr(value=ast.Constant()):
                return True
            case ast.Import(names=names):
                return all(alias.name in _TYPING and self._bind(alias) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=0):
                return module in _TYPING and all(alias.name != "*" and self._bind(alias) for alias in names)
            case ast.If(test=test):
                return isinstance(test, ast.Name | ast.Attribute) and ast.unparse(test).endswith("TYPE_CHECKING")
            case ast.Assign(targets=targets, value=value):
                return self._value(value) and all(self._target(target) for target in targets)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                is_plain = value is None or self._value(value)
                return is_plain and self._type(annotation) and self._target(target)
        return False

    def _bind(self, alias: ast.alias) -> bool:
        self.names.add(alias.asname or alias.name)
        return not (alias.asname or "").startswith("__")

    def _target(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Name):
            return False
        self.names.add(node.id)
        return not node.id.startswith("__") or node.id in _DUNDERS

    def _value(self, node: ast.expr) -> bool:
        match node:
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return all(self._value(item) for item in items)
            case ast.Dict(keys=keys, values=values):
                return all(key is not None and self._value(key) for key in keys) and all(map(self._value, values))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                return True
        return self._type(node)

    def _type(self, node: ast.expr) -> bool:
        """Constants, names known by now, `typing.X`, `X[Y]`, `X | Y`."""
        match node:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                return name in self.names
            case ast.Attribute(value=ast.Name(id=name)):
                return name in _TYPING and name in self.names
            case ast.Subscript(value=value, slice=index):
                return self._type(value) and self._type(index)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._type(left) and self._type(right)
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return all(self._type(item) for item in items)
        return False
