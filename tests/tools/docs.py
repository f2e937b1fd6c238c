"""Write the documentation that is made from the code; `--check` names what is out of date instead.

errors.md (one anchor per code), the JSON Schemas of every result, and the step table of README.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support_registry import TOP, codes, json_schema
from tagseal.adapters.trust_config import SCHEMA as TRUST_SCHEMA
from tagseal.adapters.trust_config import TrustConfig
from tagseal.commands.run_step import ERROR_SCHEMA, schema_of
from tagseal.core.policy import POLICY_SCHEMA, Policy
from tagseal.core.record import SCHEMA as RECORD_SCHEMA
from tagseal.core.record import Record
from tagseal.errors import ExitCode
from tagseal.steps import STEPS, load

DOCS = TOP / "docs"
BEGIN, END = "<!-- steps: made by `make docs` -->", "<!-- end of steps -->"
MEANINGS = {
    ExitCode.FAIL: "a verdict of FAIL",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.SERVICE: "a service or the network failed; trying again makes sense",
    ExitCode.UNKNOWN: "UNKNOWN where PASS was required",
    ExitCode.BUG: "our own bug",
    ExitCode.INTERRUPTED: "interrupted",
}


def errors_page() -> str:
    """Return errors.md."""
    lines = ["# Errors", "", "Made from the code by `make docs`. Every error says what happened, why it matters,"]
    lines += ["what to do, and names its section here. The exit code tells what kind of failure it is.", ""]
    for code, module in codes().values():
        lines += [f'<a id="{code.id}"></a>', "", f"## {code.id}", ""]
        lines += [f"Exit code {int(code.exit_code)}: {MEANINGS[code.exit_code]}. Raised by `{module}`.", ""]
        lines += [f"**Why it matters.** {code.why}", "", f"**What to do.** {code.fix}", ""]
    return "\n".join(lines)


def schemas() -> dict[str, str]:
    """Return file name -> JSON Schema text, for every document a release directory holds."""
    kinds: dict[str, type] = {schema_of(name): load(name).result for name in STEPS}
    kinds |= {RECORD_SCHEMA: Record, POLICY_SCHEMA: Policy, TRUST_SCHEMA: TrustConfig}
    found = {}
    for url, kind in sorted(kinds.items()):
        schema = json_schema(kind)
        properties, required = schema["properties"], schema["required"]
        assert isinstance(properties, dict)
        assert isinstance(required, list)
        schema["properties"] = {"schema": {"const": url}, **properties}
        schema["required"] = ["schema", *required]
        document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": url, **schema}
        found[url.rpartition("/")[2]] = json.dumps(document, indent=2) + "\n"
    members: dict[str, object] = {key: {"type": "string"} for key in ("code", "what", "why", "fix", "docs")}
    members |= {"exit_code": {"type": "integer"}}
    members |= {"file": {"type": ["string", "null"]}, "line": {"type": ["integer", "null"]}}
    error = {"type": "object", "properties": members, "required": sorted(members), "additionalProperties": False}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ERROR_SCHEMA,
        "title": "Error",
        "type": "object",
        "properties": {"schema": {"const": ERROR_SCHEMA}, "error": error},
        "required": ["schema", "error"],
        "additionalProperties": False,
    }
    return {**found, "error.v1.json": json.dumps(document, indent=2) + "\n"}


def step_table() -> str:
    """Return the README's table of steps."""
    lines = ["| step | what it does | token permissions | runs project code |", "|---|---|---|---|"]
    for name, entry in STEPS.items():
        step = load(name)
        permissions = ", ".join(step.permissions) or "none"
        code = "**yes, in the sandbox**" if step.runs_project_code else "no"
        lines.append(f"| [{name}](docs/reference/steps/{name}.md) | {entry.summary} | {permissions} | {code} |")
    return "\n".join(lines)


def readme() -> str:
    """Return README.md with its table of steps renewed."""
    text = (TOP / "README.md").read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{step_table()}\n{END}{after}"


def pages() -> dict[Path, str]:
    """Return every generated file with its text."""
    found = {DOCS / "reference" / "errors.md": errors_page(), TOP / "README.md": readme()}
    found |= {DOCS / "reference" / "schemas" / name: text for name, text in schemas().items()}
    return found


def main() -> int:
    """Write, or with `--check` compare."""
    is_check = "--check" in sys.argv
    stale = []
    for path, text in pages().items():
        if not path.exists() or path.read_text() != text:
            stale.append(path.relative_to(TOP))
            if not is_check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    for path in stale:
        print(f"{'out of date' if is_check else 'wrote'}: {path}")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
