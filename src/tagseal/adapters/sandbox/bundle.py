"""The sandbox's own modules as one program text, so that any interpreter anywhere can be handed them as `-c`."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

_PACKAGE: Final = "tagseal.adapters.sandbox.inside"
# In the order of their imports of each other.
_MODULES: Final = (
    "system",
    "seccomp",
    "confine",
    "probe",
    "processes",
    "watch",
    "enter",
    "launcher",
)

_LOADER: Final = """\
import sys, types
def load(name, text):
    module = types.ModuleType(name)
    sys.modules[name] = module
    package, _, short = name.rpartition(".")
    if package:
        setattr(sys.modules[package], short, module)
    module.__path__ = []
    if text:
        exec(compile(text, short + ".py", "exec"), module.__dict__)
"""


@cache
def program(last_line: str) -> str:
    """Return a program that loads the modules of `inside/` under their own names and runs `last_line`.

    The line may use `enter` and `launcher`. Standard library only, nothing is read from the file system.
    """
    folder = resources.files("tagseal.adapters.sandbox") / "inside"
    parts = _PACKAGE.split(".")
    names = [(".".join(parts[: count + 1]), "") for count in range(len(parts))]
    names += [(f"{_PACKAGE}.{name}", (folder / f"{name}.py").read_text("utf-8")) for name in _MODULES]
    loads = "".join(f"load({name!r}, {text!r})\n" for name, text in names)
    return f"{_LOADER}{loads}from {_PACKAGE} import enter, launcher\n{last_line}\n"
