"""The report as Markdown. Foreign text is escaped: a file name or message must not become a link, HTML or a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from tagseal.core.report import Report

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#!|~&$@]|:(?=//)|(?<=www)\.)")


def text(value: str) -> str:
    """Return foreign text on one line with everything that Markdown or HTML could read escaped."""
    return _SPECIAL.sub(r"\\\1", _one_line(value))


def code(value: str) -> str:
    """Return a code span for a digest or name; what could end the span or the table cell is replaced."""
    clean = _one_line(value).replace("`", "'").replace("|", "¦")
    return f"`{clean}`" if clean else ""


def render(report: Report) -> bytes:
    """Return report.md, UTF-8."""
    parts = (
        _header(report),
        _deviations(report),
        _controls(report),
        _files(report),
        _source(report),
        _chain(report),
        _verify(report),
    )
    return ("\n\n".join(parts) + "\n").encode()


def _header(report: Report) -> str:
    source = report.source
    return "\n".join(
        (
            f"# {text(report.package)} {text(source.version)}: {report.verdict}",
            "",
            (
                f"Release of {code(source.repository)}, tag {code(source.tag)}. Each line below can be followed to the "
                "result.json of the step that found it; the same findings are in report.json."
            ),
        )
    )


def _deviations(report: Report) -> str:
    if not report.deviations:
        return "## Deviations\n\nNone: every finding is PASS or does not apply."
    rows = (
        (
            str(item.check.verdict),
            text(item.node),
            code(item.check.code),
            text(item.check.subject),
            text(item.check.message),
        )
        for item in report.deviations
    )
    return "## Deviations\n\n" + _table(("verdict", "step", "finding", "subject", "reason"), rows)


def _controls(report: Report) -> str:
    rows = (
        (
            row.id,
            text(row.title),
            str(row.verdict),
            text(row.reason),
            "<br>".join(text(line) for line in row.evidence[:3]),
        )
        for row in report.controls
    )
    table = _table(("control", "what", "verdict", "reason", "evidence"), rows)
    return f"## Controls\n\n{table}\n\nNot checked by this version: {', '.join(report.not_covered)}."


def _files(report: Report) -> str:
    rows = (
        (
            code(file.name),
            file.kind,
            str(file.size_bytes),
            code(file.sha256),
            code(file.content_digest),
            "yes" if file.is_verified else "no",
        )
        for file in report.files
    )
    heads = ("file", "kind", "bytes", "digest", "content digest", "equal on all channels")
    return (
        f"## Files\n\n{_table(heads, rows)}\n\nIndex: {text(report.index)}. Release page: {code(report.release_url)}."
    )


def _source(report: Report) -> str:
    source = report.source
    when = datetime.fromtimestamp(source.commit_time_s, UTC)
    rows = (
        ("commit", code(source.commit)),
        ("commit time", f"{when:%Y-%m-%dT%H:%M:%SZ}"),
        ("tag object", code(source.tag_object)),
        ("tag signed by", f"{text(source.signer.name)} ({source.signer.kind}) {code(source.signer.fingerprint)}"),
        ("release branch", code(source.release_branch)),
        ("release type", text(source.release_type)),
        ("build lock", f"{code(source.lock_path)} {code(source.lock_digest)}"),
        ("policy", code(source.policy_digest)),
        ("builder", code(report.builder_id)),
        ("builder commit", code(report.builder_digest)),
        ("run", code(report.run_id)),
    )
    return "## Source and builder\n\n" + _table(("what", "value"), rows)


def _chain(report: Report) -> str:
    rows = (
        (
            text(line.node),
            str(line.verdict),
            str(len(line.checks)),
            str(line.attempt),
            line.started_at,
            code(line.record),
        )
        for line in report.steps
    )
    heads = ("step", "verdict", "findings", "attempt", "started", "record")
    return "## Chain of records\n\n" + _table(heads, rows)


def _verify(report: Report) -> str:
    shown = "\n".join(_one_line(command) for command in report.commands)
    return f"## Verify it yourself\n\nIn a folder with the downloaded files:\n\n```sh\n{shown}\n```"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _one_line(value: str) -> str:
    return "".join(char if char.isprintable() else " " for char in value)
