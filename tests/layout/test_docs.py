"""Generated documentation is fresh, every error has its test, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support_registry import TOP, codes

PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])


def test_generated_documentation_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(TOP / "tests/tools/docs.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""


@pytest.fixture(scope="module")
def tests_text() -> str:
    return "\n".join(path.read_text() for path in (TOP / "tests").rglob("*.py") if path != Path(__file__))


@pytest.mark.parametrize("code", list(codes()))
def test_every_error_is_raised_by_a_test(code: str, tests_text: str) -> None:
    assert re.search(rf"[\"'`]{re.escape(code)}[\"'`]", tests_text), f"no test names {code}"


@pytest.mark.parametrize("code", list(codes()))
def test_an_error_says_why_and_what_to_do(code: str) -> None:
    entry, _ = codes()[code]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.id)
    assert entry.why.endswith((".", "?"))
    assert entry.fix
    assert entry.exit_code != 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    text = page.read_text()
    found = set(re.findall(r'<a id="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    return found


def test_exit_codes_are_documented() -> None:
    page = (TOP / "docs/reference/exit-codes.md").read_text()
    for code in (0, 1, 2, 3, 4, 70, 130):
        assert f"| {code} |" in page
