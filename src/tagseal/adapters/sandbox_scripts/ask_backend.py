"""Runs inside the sandbox: asks the backend for its dynamic requirements and, when it can say, name and version.

Usage: ask_backend.py QUESTION   (`requirements` or `metadata`)

The answer is answer.json in the output folder. The tree it runs in is a copy that is thrown away: hooks may leave files
in it (facts: python-builds 1, point 11).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import locked_env  # type: ignore[import-not-found]  # the same
import make_dists  # type: ignore[import-not-found]  # stands beside this file in the sandbox


def main(question: str) -> int:
    """Ask; return the exit code."""
    Path(os.environ["HOME"]).mkdir(parents=True, exist_ok=True)
    sys.path.append(str(locked_env.make(make_dists.ENV, make_dists.WHEELS)))
    import build

    python = str(make_dists.ENV / "bin" / "python")
    builder = build.ProjectBuilder(make_dists.SOURCE, python_executable=python, runner=make_dists.run_hook)
    answer: dict[str, object] = {"requirements": [], "metadata": {}}
    try:
        if question == "requirements":
            needed = builder.get_requires_for_build("sdist") | builder.get_requires_for_build("wheel")
            answer["requirements"] = sorted(needed)
        else:
            answer["metadata"] = _metadata(Path(builder.metadata_path(make_dists.SCRATCH / "metadata")))
    except Exception as error:  # noqa: BLE001 - whatever a backend does is its failure
        make_dists.say(f"asking the backend failed: {error}")
        return 1
    (make_dists.OUT / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return 0


def _metadata(folder: Path) -> dict[str, str]:
    from email.parser import HeaderParser

    fields = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    return {"name": fields.get("Name", ""), "version": fields.get("Version", "")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
