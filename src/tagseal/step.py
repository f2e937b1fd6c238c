"""What a step is: one declaration from which the CLI, action files and documentation are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from tagseal.core.checks import Check

if TYPE_CHECKING:
    from tagseal.context import Context


class StepResult(Protocol):
    """Every `Result` is a frozen dataclass with its findings in `checks`."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The step's findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoParams:
    """Parameters of a step that has none."""


P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[P]):
    """One step: its inputs, outputs, needs and the function that does it.

    `reads` and `writes` are paths in the release directory; `{me}` stands for the step's own folder
    (`steps/<step>[.<leg>]`), `*` for any base name. A step can open nothing else there.
    """

    name: str
    summary: str
    """One line, verb first."""
    params: type[P]
    result: type[StepResult]
    run: Callable[[Context, P], StepResult]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    writes_by_leg: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """More paths that one leg alone writes (`build.a` writes `dist/*`)."""
    permissions: Mapping[str, str] = field(default_factory=dict)
    """GitHub token permission -> the reason for it."""
    network: bool = False
    runs_project_code: bool = False
    needs: str = ""
    """For a person: what must be at hand (a clone, a token, …)."""
    example: str = ""
    """One command line."""


def option(text: str, *, secret_env: str = "") -> Mapping[str, str]:
    """Field metadata of a `Params` field: its help text, and for a `Secret` the variable it is read from."""
    return {"help": text, "secret_env": secret_env}
