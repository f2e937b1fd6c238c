"""The command line as a person meets it: help, mistakes, one JSON object, and our own bugs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tagseal import __version__, cli
from tagseal.commands import COMMANDS
from tagseal.steps import STEPS, load

NUL = "a\0b"
"""No shell can pass it: the way into a case that nobody thought of."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def json_of(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Run in this process; the whole of standard output is one object and standard error is empty."""
    code = cli.main(words)
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    return code, json.loads(out)


def text_of(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    out, err = capsys.readouterr()
    return code, out, err


def help_of(capsys: pytest.CaptureFixture[str], name: str) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_the_overview_names_everything(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, out, err = text_of(capsys, *words)
    assert (code, err) == (0, "")
    for name, entry in STEPS.items():
        assert f"\n  {name:<16}{entry.summary}\n" in out
    for name, (_, summary) in COMMANDS.items():
        assert f"\n  {name:<16}{summary}\n" in out


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert text_of(capsys, word) == (0, f"tagseal {__version__}\n", "")


@pytest.mark.parametrize("name", list(STEPS))
def test_a_step_s_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    text, step = help_of(capsys, name), load(name)
    words = " ".join(text.split())
    for label in ("Reads:", "Adds:", "Needs:", "Permissions:", "Example:"):
        assert f"\n{label}" in text
    assert f"Example: {step.example}" in words
    assert step.summary in words
    for path in step.reads:
        assert path in words
    for option in ("--release-dir", "--project", "--leg", "--trust-config", "--strict", "--json", "--quiet"):
        assert option in text
    assert max(map(len, text.partition("\nReads:")[2].splitlines())) <= 100


def test_the_help_of_a_step_with_legs_names_real_paths(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(help_of(capsys, "build").split())
    assert "steps/build.L/result.json, steps/build.L/record.json, steps/build.L/link.json" in words
    assert "dist/* (leg a), steps/build.b/dist/* (leg b)" in words
    assert "one of: a, b" in words


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_s_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    text = help_of(capsys, name)
    assert COMMANDS[name][1] in " ".join(text.split())
    assert f"Example: tagseal {name}" in " ".join(text.split())
    for label in ("Reads:", "Adds:", "Needs:"):
        assert f"\n{label}" in text
    assert "--json" in text


@pytest.mark.parametrize("name", list(STEPS))
def test_a_step_explains_itself(capsys: pytest.CaptureFixture[str], name: str, tmp_path: Path) -> None:
    code, out, err = text_of(capsys, name, "--explain")
    assert (code, err) == (0, "")
    assert "Reads:" in out
    assert "Spec:" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verify-sorce"], "There is no command 'verify-sorce'. Did you mean verify-source?"),
        (["reherse"], "There is no command 'reherse'. Did you mean rehearse?"),
        (["--verson"], "There is no option '--verson'. Did you mean --version?"),
        (["zzzzzz"], "There is no command 'zzzzzz'."),
        (["hash", "--relase-dir", "x"], "tagseal hash: there is no option '--relase-dir'. Did you mean --release-dir?"),
        (["hash", "--release", "x"], "tagseal hash: there is no option '--release'. Did you mean --release-dir?"),
        (
            ["audit", "--trust-conf", "x"],
            "tagseal audit: there is no option '--trust-conf'. Did you mean --trust-config?",
        ),
        (["verify-source"], "--tag is needed."),
        (["hash", "--project", "nowhere"], "tagseal hash: the project nowhere is not a folder."),
        (["lock", "nowhere"], "tagseal lock: the project nowhere is not a folder."),
        (["rehearse", "nowhere"], "tagseal rehearse: the project nowhere is not a folder."),
        (["verify-release", "--wait-s", "soon"], "--wait-s takes a whole number, not 'soon'."),
    ],
)
def test_a_mistake_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], said: str
) -> None:
    code, out, err = text_of(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("tagseal: wrong-usage: ")
    assert said in err.splitlines()[0]
    assert [line.strip().split(":")[0] for line in err.splitlines()[1:]] == [
        "Why it matters",
        "What to do",
        "Read more",
    ]
    code, data = json_of(capsys, *words, "--json")
    assert (code, data["exit_code"], data["verdict"]) == (2, 2, "FAIL")
    assert data["error"]["code"] == "wrong-usage"
    assert list(tmp_path.iterdir()) == []


def test_a_directory_without_a_release(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, data = json_of(capsys, "audit", str(tmp_path), "--json")
    assert (code, data["error"]["code"]) == (2, "not-a-release-directory")
    code, data = json_of(capsys, "hash", "--json")
    assert (code, data["error"]["code"]) == (2, "step-not-run")


def test_a_trust_configuration_is_refused_on_actions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "trust.json").write_text("{}", encoding="utf-8")
    words = ("hash", "--trust-config", "trust.json", "--json")
    assert json_of(capsys, *words)[1]["error"]["code"] == "trust-config-unreadable"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, data = json_of(capsys, *words)
    assert (code, data["error"]["code"]) == (2, "trust-config-refused")
    assert not (tmp_path / "release").exists()


def test_our_own_bug_is_one_clear_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = text_of(capsys, "hash", "--release-dir", NUL)
    assert (code, out) == (70, "")
    assert err.startswith("tagseal: internal-error: ValueError: ")
    assert "Traceback" not in err
    code, data = json_of(capsys, "hash", "--release-dir", NUL, "--json")
    assert (code, data["exit_code"], data["error"]["code"]) == (70, 70, "internal-error")
    monkeypatch.setenv("TAGSEAL_DEBUG", "1")
    code, out, err = text_of(capsys, "hash", "--release-dir", NUL)
    assert code == 70
    assert "Traceback (most recent call last)" in err


def test_secrets_are_masked_in_every_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSEAL_API_TOKEN", "pypi-0123456789abcdef")
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_0123456789abcdef")
    monkeypatch.setenv("TAGSEAL_DEBUG", "1")
    for words in (
        ["publish", "--release-dir", "pypi-0123456789abcdef"],
        ["publish", "--release-dir", "ghs_0123456789abcdef", "--json"],
    ):
        code, out, err = text_of(capsys, *words)
        assert code == 2
        assert "0123456789abcdef" not in out + err
        assert "***" in out + err


def test_a_module_is_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tagseal", "--version"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tagseal {__version__}\n", "")


@pytest.mark.parametrize("words", [["--help"], ["hash", "--json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away(tmp_path: Path, words: list[str], unbuffered: str) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "tagseal", *words],
        stdout=write,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        text=True,
        check=False,
        cwd=tmp_path,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (130, "")


def test_colour_is_for_terminals(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "release" / "steps").mkdir(parents=True)
    code, out, _ = text_of(capsys, "audit", "release")
    assert code == 4
    assert "UNKNOWN" in out
    assert "\x1b" not in out
