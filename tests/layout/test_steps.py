"""A step is five files with one name, and the flow of files between steps is closed."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from support_registry import SRC, TOP
from tagseal.commands import COMMANDS
from tagseal.commands import load as load_command
from tagseal.commands.options import options
from tagseal.steps import RELEASE_ORDER, STEPS, load, node, split_node

NODES = [node(name, leg) for name, entry in STEPS.items() for leg in entry.legs]


@pytest.mark.parametrize("name", list(STEPS))
def test_a_step_has_its_module_test_and_page(name: str) -> None:
    snake = name.replace("-", "_")
    assert STEPS[name].module == f"tagseal.steps.{snake}"
    assert (SRC / "steps" / f"{snake}.py").is_file()
    assert (TOP / "tests" / "steps" / f"test_{snake}.py").is_file()
    assert (TOP / "docs" / "reference" / "steps" / f"{name}.md").is_file()


def test_every_module_in_steps_is_registered() -> None:
    modules = {path.stem for path in (SRC / "steps").glob("*.py")} - {"__init__"}
    assert modules == {name.replace("-", "_") for name in STEPS}


@pytest.mark.parametrize("name", list(STEPS))
def test_the_registry_and_the_step_agree(name: str) -> None:
    step = load(name)
    assert step.name == name
    assert step.summary == STEPS[name].summary
    assert "checks" in getattr(step.result, "__dataclass_fields__", {})
    assert step.example.startswith(f"tagseal {name}")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_registry_and_the_command_agree(name: str) -> None:
    command = load_command(name)
    assert (command.name, command.summary) == (name, COMMANDS[name][1])


@pytest.mark.parametrize("name", list(STEPS))
def test_params_are_documented(name: str) -> None:
    page = (TOP / "docs" / "reference" / "steps" / f"{name}.md").read_text()
    section = page.partition("## Inputs")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([a-z-]+)`", section, flags=re.MULTILINE))
    assert documented == {option.name for option in options(load(name).params)}
    assert all(option.help for option in options(load(name).params))


def test_the_release_order_is_every_node_after_its_predecessors() -> None:
    assert sorted(RELEASE_ORDER) == sorted(NODES)
    for position, name in enumerate(RELEASE_ORDER):
        step, leg = split_node(name)
        assert set(STEPS[step].legs[leg]) <= set(RELEASE_ORDER[:position]), name


def ancestors(name: str) -> set[str]:
    step, leg = split_node(name)
    found = set(STEPS[step].legs[leg])
    return found.union(*(ancestors(before) for before in found)) if found else found


def writes(name: str) -> set[str]:
    step, leg = split_node(name)
    declared = load(step)
    folder = f"steps/{name}"
    patterns = (*declared.writes, *declared.writes_by_leg.get(leg, ()), "{me}/result.json", "{me}/record.json")
    return {pattern.replace("{me}", folder) for pattern in patterns}


def test_a_path_has_one_writer() -> None:
    for one in NODES:
        for other in NODES:
            if one < other:
                both = [(a, b) for a in writes(one) for b in writes(other) if fnmatchcase(a, b) or fnmatchcase(b, a)]
                assert both == [], (one, other)


@pytest.mark.parametrize("name", NODES)
def test_what_a_step_reads_was_written_before_it(name: str) -> None:
    step, _ = split_node(name)
    before = set().union(*(writes(node_name) for node_name in ancestors(name))) if ancestors(name) else set()
    every = set().union(*(writes(node_name) for node_name in NODES))
    for pattern in load(step).reads:
        made = [path for path in before if fnmatchcase(path, pattern) or fnmatchcase(pattern, path)]
        ever = [path for path in every if fnmatchcase(path, pattern) or fnmatchcase(pattern, path)]
        assert ever, f"nothing writes {pattern}, which {name} reads"
        assert made or len(STEPS[step].legs) > 1, f"nothing before {name} writes {pattern}"


@pytest.mark.parametrize("name", list(STEPS))
def test_every_permission_has_its_reason(name: str) -> None:
    for permission, reason in load(name).permissions.items():
        assert re.fullmatch(r"[a-z-]+: (read|write)", permission), permission
        assert len(reason) > 10


def test_only_the_build_runs_project_code_and_it_holds_no_token() -> None:
    running = {name for name in STEPS if load(name).runs_project_code}
    assert running == {"build"}
    assert load("build").permissions == {}
