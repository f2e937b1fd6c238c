"""Runs inside the sandbox: asks the backend for its dynamic requirements and, when it can say, name and version.

Usage: ask_backend.py QUESTION   (`requirements` or `metadata`)

The answer is /build/out/answer.json. The tree it runs in is a copy that is thrown away: hooks may leave files
in it (facts: python-builds 1, point 11).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import build_inside
import locked_env


def main(question: str) -> int:
    """Ask; return the exit code."""
    sys.path.append(str(locked_env.make(build_inside.ENV, build_inside.WHEELS)))
    import build  # noqa: PLC0415 - found in the environment just made

    python = str(build_inside.ENV / "bin" / "python")
    builder = build.ProjectBuilder(build_inside.SOURCE, python_executable=python, runner=build_inside.run_hook)
    answer: dict[str, object] = {}
    try:
        if question == "requirements":
            needed = builder.get_requires_for_build("sdist") | builder.get_requires_for_build("wheel")
            answer["requirements"] = sorted(needed)
        else:
            answer["metadata"] = _metadata(Path(builder.metadata_path("/build/tmp/metadata")))
    except Exception as error:  # noqa: BLE001 - whatever a backend does is its failure
        print(f"asking the backend failed: {error}", flush=True)
        return 1
    Path("/build/out/answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return 0


def _metadata(folder: Path) -> dict[str, str]:
    from email.parser import HeaderParser  # noqa: PLC0415 - only this question needs it

    fields = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    return {"name": fields.get("Name", ""), "version": fields.get("Version", "")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
