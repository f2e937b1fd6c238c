from __future__ import annotations

import json
from dataclasses import replace

import pytest

import support_publish
from tagseal.core.checks import Check, Verdict
from tagseal.core.evidence import dump
from tagseal.core.facts import Sum
from tagseal.core.notes import MAX_NOTES_CHARS, changelog_section, notes
from tagseal.core.public_verdict import is_seal_workflow, judge_builder
from tagseal.core.release_checks import PUBLISHED
from tagseal.core.release_files import of_release
from tagseal.core.release_plan import Present, check_same, is_latest, plan_draft
from tagseal.core.report_controls import Control, judge
from tagseal.core.report_markdown import code, text
from tagseal.core.verify_commands import commands
from tagseal.errors import TagsealError
from tagseal.ports import CertificateFacts
from tagseal.steps import RELEASE_ORDER

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SERVER = "https://github.com"
SEAL = f"{SERVER}/acme-forks/tagseal/.github/workflows/seal.yml@refs/tags/v1.0.0"


def wanted(**files: str) -> list[Sum]:
    return [Sum(name=name, sha256=digest, size_bytes=1) for name, digest in files.items()]


def there(name: str, sha256: str = A, *, is_complete: bool = True) -> Present:
    return Present(name=name, sha256=sha256, is_complete=is_complete)


def test_the_draft_plan_keeps_replaces_and_adds() -> None:
    todo = plan_draft(
        wanted(a=A, b=A, c=A, d=A), [there("a"), there("b", B), there("c", is_complete=False), there("report.md", B)]
    )
    assert (todo.keep, todo.upload, todo.delete_first) == (("a",), ("b", "c", "d"), ("b", "c"))


@pytest.mark.parametrize(
    ("present", "says"),
    [
        ([], "lacks a"),
        ([there("a", B)], f"a on the draft is {B}"),
        ([there("a", "")], "of unknown digest"),
        ([there("a", is_complete=False)], "not complete"),
        ([there("a"), there("x")], "has x"),
    ],
)
def test_every_difference_of_a_release_is_refused(present: list[Present], says: str) -> None:
    with pytest.raises(TagsealError) as caught:
        check_same(wanted(a=A), present, where="draft")
    assert caught.value.code.id == "release-differs"
    assert says in caught.value.what


@pytest.mark.parametrize(
    ("version", "tags", "expected"),
    [
        ("1.2.0", [], True),
        ("1.2.0", ["v1.1.9", "v1.10.0rc1", "nightly"], True),
        ("1.2.0", ["v1.10.0"], False),
        ("2.0.0rc1", ["v1.0.0"], False),
        ("1.0.0.post1", ["v1.0.0"], True),
    ],
)
def test_latest_goes_by_version(version: str, tags: list[str], expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_latest(version, tags) is expected


@pytest.mark.parametrize(
    "heading", ["## 1.2.0", "## v1.2.0 (2026-01-31)", "### [1.2.0] - 2026-01-31", "# [1.2.0](https://example.test)"]
)
def test_the_changelog_section_of_a_version_is_found(heading: str) -> None:
    level = heading.split(" ", 1)[0]
    body = f"{level} 1.2.0rc1\n\nno\n\n{heading}\n\nFaster.\n\n```\n# not a heading\n```\n\n{level} 1.1\n\nOld.\n"
    assert changelog_section(body, "1.2.0") == "Faster.\n\n```\n# not a heading\n```"


@pytest.mark.parametrize("body", ["", "## 1.2.0\n## 1.1\n", "## 11.2.0\nx\n", "## 1.2.01\nx\n", "1.2.0\n\nx\n"])
def test_a_changelog_without_the_version_has_no_section(body: str) -> None:
    assert changelog_section(body, "1.2.0") is None


def test_long_notes_are_shortened_and_keep_the_commands() -> None:
    shown = notes("x" * 200_000, ["sha256sum --check SHA256SUMS"])
    assert len(shown) < MAX_NOTES_CHARS + 100
    assert shown.endswith("```sh\nsha256sum --check SHA256SUMS\n```\n")


def test_commands_are_quoted_for_a_shell_and_name_the_source() -> None:
    lines = commands(
        ["a b"], replace(support_publish.SOURCE, repository="o/n", tag="v1", commit="c0ffee"), builder_id="x;y"
    )
    assert lines[0] == "sha256sum --check SHA256SUMS"
    assert lines[2] == (
        "sigstore verify github --bundle 'a b.sigstore.json' --cert-identity 'x;y'"
        " --repository o/n --ref refs/tags/v1 --sha c0ffee 'a b'"
    )
    assert lines[3] == (
        "gh attestation verify 'a b' --bundle 'a b.intoto.jsonl' --repo o/n --source-ref refs/tags/v1"
        " --source-digest c0ffee --cert-identity 'x;y' --deny-self-hosted-runners"
    )


def test_evidence_is_sorted_and_holds_the_content() -> None:
    lines = dump({"b": b"{}\n", "a": b"1\n"}).splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["a", "b"]
    assert json.loads(lines[1])["content"] == "{}\n"


def test_the_evidence_is_of_every_step_before() -> None:
    assert (*PUBLISHED, "report", "release.complete") == RELEASE_ORDER


def test_only_files_of_the_version_count() -> None:
    names = ["x-1.2.tar.gz", "x-1.2.0-py3-none-any.whl", "x-1.2.1.tar.gz", "README", "x-1.2-py2.py3-none-any.whl"]
    assert of_release(names, "1.2") == {"x-1.2.tar.gz", "x-1.2.0-py3-none-any.whl", "x-1.2-py2.py3-none-any.whl"}


@pytest.mark.parametrize(
    ("san", "expected"),
    [
        (SEAL, True),
        (f"{SERVER}/acme/widget/.github/workflows/seal.yml@refs/tags/v1", False),
        (f"{SERVER}/acme/tagseal/.github/workflows/other.yml@refs/tags/v1", False),
        (f"{SERVER}.evil.test/acme/tagseal/.github/workflows/seal.yml@refs/tags/v1", False),
        (f"{SERVER}/a/b/tagseal/.github/workflows/seal.yml@refs/tags/v1", False),
        (f"{SEAL}\n", False),
    ],
)
def test_the_seal_workflow_is_known_by_its_whole_name(san: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_seal_workflow(san, SERVER) is expected


@pytest.mark.promise("R6")
@pytest.mark.promise("R20")
def test_another_workflow_or_a_self_hosted_runner_fails() -> None:
    cert = CertificateFacts(
        san=f"{SERVER}/acme/widget/.github/workflows/release.yml@refs/tags/v1",
        issuer="i",
        signer_digest="d",
        source_repository="acme/widget",
        source_digest="c",
        source_ref="r",
        build_config_uri="",
        run_invocation_uri="",
        runner_environment="self-hosted",
        signed_at_s=0,
        log_index=0,
    )
    checks = judge_builder(cert, server_url=SERVER, named_san="", named_digest="")
    assert [(check.code, str(check.verdict)) for check in checks] == [
        ("builder-not-ours", "FAIL"),
        ("builder-commit", "UNKNOWN"),
        ("builder-runner", "FAIL"),
    ]


def test_foreign_text_becomes_neither_link_nor_table_nor_html() -> None:
    assert text("[x](https://e.test) <b>|`\n*_www.e.test") == r"\[x\]\(https\://e.test\) \<b\>\|\` \*\_www\.e.test"
    assert code("a`b|c\nd") == "`a'b¦c d`"


def check(name: str, verdict: Verdict) -> Check:
    return Check(code=name, verdict=verdict, subject="s", message=f"{name} said so.")


def test_a_control_is_unknown_without_findings_and_fails_with_any_failure_of_its_nodes() -> None:
    control = Control(id="R0", title="t", nodes=("n",), codes=("a",))
    assert judge(control, {}).verdict is Verdict.UNKNOWN
    assert judge(control, {"n": (check("b", Verdict.PASS),)}).verdict is Verdict.UNKNOWN
    assert judge(control, {"n": (check("ab", Verdict.PASS), check("b", Verdict.UNKNOWN))}).verdict is Verdict.PASS
    found = judge(control, {"n": (check("ab", Verdict.PASS), check("b", Verdict.FAIL))})
    assert (found.verdict, found.reason, found.evidence) == (Verdict.FAIL, "b said so.", ("n: ab s", "n: b s"))
