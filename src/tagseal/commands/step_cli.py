"""`tagseal <step>`: options to parameters, run, and what a person or a program sees of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tagseal import __version__, actions_io
from tagseal.adapters import trust_config
from tagseal.adapters.wiring import LazyAdapters
from tagseal.command import Console
from tagseal.commands import options
from tagseal.commands.run_step import StepRun, run_step
from tagseal.core import canonical, jsonable
from tagseal.core.canonical import Json
from tagseal.core.checks import Check, Verdict
from tagseal.errors import ExitCode
from tagseal.secret import mask
from tagseal.step import Step
from tagseal.steps import STEPS, load, node

_COLOURS = {Verdict.PASS: 32, Verdict.FAIL: 31, Verdict.UNKNOWN: 33, Verdict.WAIVED: 35, Verdict.NOT_APPLICABLE: 36}


def run(name: str, words: Sequence[str]) -> int:
    """Run `tagseal <step> …`; return the exit code.

    Raises:
        TagsealError: what the step raises with an exit code other than 1, and usage errors.
    """
    step = load(name)
    parser = make_parser(step)
    if {"-h", "--help"} & set(words):
        parser.epilog = _epilog(step)
    found = parser.parse(words)
    if found.explain:
        print(import_module(STEPS[name].module).__doc__ or "")
        return int(ExitCode.PASS)
    console = Console(found.json, found.quiet)
    release_dir, project = Path(found.release_dir).resolve(), options.folder(Path(found.project), parser.prog)
    config = trust_config.load(found.trust_config, is_actions=actions_io.is_actions(os.environ))
    this_run = actions_io.current_run(os.environ, release_dir, is_rehearsal=found.trust_config is not None)
    done = run_step(
        name,
        leg=found.leg,
        params=options.build(step.params, found),
        release_dir=release_dir,
        project=project,
        run=this_run,
        adapters=LazyAdapters(
            config=config,
            project=project,
            environment=os.environ,
            repository=this_run.repository,
            forge_token=actions_io.forge_token(os.environ),
        ),
        progress=console,
    )
    code = exit_code(done.verdict, is_strict=found.strict)
    print(mask(_json(done, code) if found.json else _text(done)), end="")
    return int(code)


def make_parser(step: Step[object]) -> options.Parser:
    """Return the parser of one step."""
    entry = STEPS[step.name]
    legs = [leg for leg in entry.legs if leg]
    parser = options.Parser(
        prog=f"tagseal {step.name}",
        description=step.summary,
        formatter_class=options.Formatter,
        allow_abbrev=False,
    )
    common = parser.add_argument_group("options of every step")
    common.add_argument(
        "--release-dir", default="./release", metavar="DIR", help="release directory (default: ./release)"
    )
    common.add_argument("--project", default=".", metavar="DIR", help="checkout of the project (default: .)")
    common.add_argument("--leg", default="", metavar="L", help=f"one of: {', '.join(legs) or 'this step has no legs'}")
    common.add_argument("--trust-config", type=Path, metavar="FILE", help="services and roots of a rehearsal")
    common.add_argument("--strict", action="store_true", help="exit 4 when a verdict is UNKNOWN")
    common.add_argument("--json", action="store_true", help="print one JSON object")
    common.add_argument("--quiet", action="store_true", help="no progress")
    common.add_argument("--explain", action="store_true", help="print what the step does and why, and stop")
    options.add(parser, step.params)
    return parser


def _epilog(step: Step[object]) -> str:
    return options.table(
        {
            "Reads": ", ".join(step.reads) or "nothing in the release directory",
            "Adds": ", ".join(_adds(step)),
            "Needs": step.needs or "no token, no network",
            "Permissions": "; ".join(f"{name}: {why}" for name, why in step.permissions.items()) or "none",
            "Example": step.example or f"tagseal {step.name}",
        }
    )


def _adds(step: Step[object]) -> list[str]:
    """Return the paths the step writes; `L` stands for the leg where there are several."""
    has_legs = "" not in STEPS[step.name].legs
    folder = f"steps/{step.name}{'.L' if has_legs else ''}"
    common = ["{me}/result.json", "{me}/record.json", "{me}/link.json", *step.writes]
    of_legs = [
        f"{path.replace('{me}', f'steps/{node(step.name, leg)}')} (leg {leg})"
        for leg, paths in step.writes_by_leg.items()
        for path in paths
    ]
    return [*(path.replace("{me}", folder) for path in common), *of_legs]


def exit_code(verdict: Verdict, *, is_strict: bool) -> ExitCode:
    """Return the exit code of a verdict; UNKNOWN is a failure only where PASS was asked for."""
    if verdict is Verdict.FAIL:
        return ExitCode.FAIL
    return ExitCode.UNKNOWN if is_strict and verdict is Verdict.UNKNOWN else ExitCode.PASS


def _json(done: StepRun, code: ExitCode) -> str:
    data: dict[str, Json] = {
        "tagseal": __version__,
        "step": done.node,
        "verdict": str(done.verdict),
        "exit_code": int(code),
    }
    if done.error is not None:
        data["error"] = done.error.to_json()
    else:
        data["result"] = jsonable.encode(done.result)
    return canonical.dump(data).decode()


def _text(done: StepRun) -> str:
    lines = [f"{paint(done.verdict)} {done.node}"]
    if done.error is not None:
        lines += [f"  {done.error.code.id}: {done.error.lines()[0]}", *(f"  {line}" for line in done.error.lines()[1:])]
    elif done.result is not None:
        lines += [check_line(check) for check in done.result.checks]
    return "\n".join(lines) + "\n"


def check_line(check: Check) -> str:
    """Return one finding as one line."""
    return f"  {paint(check.verdict)} {check.code} {check.subject}: {check.message}"


def paint(verdict: Verdict) -> str:
    """Return the verdict, coloured when standard output is a terminal and NO_COLOR is not set."""
    import sys

    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return str(verdict)
    return f"\x1b[{_COLOURS[verdict]}m{verdict}\x1b[0m"
