"""docs/reference/cli.md names the options there are, with the defaults they have."""

from __future__ import annotations

import argparse
import re

import pytest

from support_registry import TOP
from tagseal.commands import COMMANDS, load
from tagseal.commands.options import options
from tagseal.commands.step_cli import make_parser
from tagseal.steps import STEPS
from tagseal.steps import load as load_step

PAGE = (TOP / "docs" / "reference" / "cli.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"\n{title}\n")[2].partition("\n#")[0]


def table(text: str) -> dict[str, str]:
    """Return option -> default as it is printed."""
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \| [^|]+ \|$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_has_its_options_on_the_page(name: str) -> None:
    command = load(name)
    found = table(section(f"### `tagseal {name}`"))
    declared = {option.name: option for option in options(command.params)}
    assert set(found) == {n.upper() if n in command.positional else f"--{n}" for n in declared}
    for option in declared.values():
        shown = found.get(option.name.upper()) or found[f"--{option.name}"]
        if option.default not in {"", "False"}:
            assert shown == f"`{option.default}`"


@pytest.mark.parametrize("name", list(STEPS))
def test_the_options_common_to_all_steps_are_on_the_page(name: str) -> None:
    step = load_step(name)
    own = {f"--{option.name}" for option in options(step.params)}
    parser: argparse.ArgumentParser = make_parser(step)
    common = set(re.findall(r"(?<![\w-])--[a-z-]+", parser.format_usage())) - own
    assert set(table(section("## Steps"))) == common
    assert f"(steps/{name}.md)" in section("## Steps")
