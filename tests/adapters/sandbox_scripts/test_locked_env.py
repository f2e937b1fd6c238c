"""The environment made by hand from wheels, compared with what Python and installed programs expect of one."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tagseal.adapters.sandbox_scripts import locked_env

INFO = "tool-1.0.dist-info"


def _wheel(folder: Path, members: dict[str, str], name: str = "tool-1.0-py3-none-any.whl") -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)


def _run(*argv: str | Path) -> str:
    return subprocess.run([str(item) for item in argv], check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_environment_is_a_virtual_environment_with_the_wheels_in_it(tmp_path: Path) -> None:
    _wheel(
        tmp_path / "wheels",
        {
            "tool.py": "class Main:\n    @staticmethod\n    def start():\n        print('started')\n        return 3\n",
            f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n",
            f"{INFO}/entry_points.txt": "[console_scripts]\nTool = tool:Main.start [extra]\n[other]\nx = y:z\n",
            "tool-1.0.data/purelib/pure.py": "X = 1\n",
            "tool-1.0.data/scripts/plain": "#!python\nprint('plain')\n",
            "tool-1.0.data/data/share/tool.txt": "text",
            "tool-1.0.data/headers/tool.h": "int x;",
        },
    )
    env = tmp_path / "env"
    site = locked_env.make(env, tmp_path / "wheels")
    seen = "import json, sys, importlib.metadata as m; print(json.dumps([sys.prefix, sys.path, m.version('tool')]))"
    prefix, path, version = json.loads(_run(env / "bin" / "python", "-c", seen))
    assert prefix == str(env)
    assert str(site) in path
    assert version == "1.0"
    assert (site / "pure.py").read_text() == "X = 1\n"
    assert (env / "share" / "tool.txt").read_text() == "text"
    assert (env / "include" / "tool" / "tool.h").read_text() == "int x;"
    assert _run(env / "bin" / "plain") == "plain\n"
    done = subprocess.run([env / "bin" / "Tool"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("started\n", 3)


def test_packages_of_the_machine_are_not_visible(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    locked_env.make(tmp_path / "env", tmp_path / "wheels")
    code = "import importlib.util as u; print(u.find_spec('packaging'), u.find_spec('pytest'))"
    assert _run(tmp_path / "env" / "bin" / "python", "-c", code) == "None None\n"


@pytest.mark.parametrize("name", ["../evil.py", "tool-1.0.data/data/../../../evil.py", "/evil.py"])
def test_a_wheel_with_an_unsafe_name_is_refused(tmp_path: Path, name: str) -> None:
    _wheel(tmp_path / "wheels", {name: "x"})
    with pytest.raises(SystemExit, match="unsafe name"):
        locked_env.make(tmp_path / "env", tmp_path / "wheels")
    assert not list(tmp_path.parent.rglob("evil.py"))
