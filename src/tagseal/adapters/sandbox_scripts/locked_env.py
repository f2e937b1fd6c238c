"""Makes the build environment inside the sandbox from wheels whose digests were checked outside.

A virtual environment by hand: a few files instead of two more program starts, and nothing of ours has to be
installed in the image. Runs on the sandbox's own Python, standard library only.
"""

from __future__ import annotations

import configparser
import os
import sys
import sysconfig
import zipfile
from pathlib import Path

_EXECUTABLE = 0o111


def make(env: Path, wheels: Path) -> Path:
    """Make the environment `env` from all wheels of a folder; return its site-packages.

    Binary distribution format: `.data` folders and entry points are installed, RECORD is left as it is.
    """
    base = Path(getattr(sys, "_base_executable", sys.executable) or sys.executable).resolve()
    scripts = env / "bin"
    scripts.mkdir(parents=True)
    for name in ("python", "python3"):
        (scripts / name).symlink_to(base)
    version = ".".join(str(part) for part in sys.version_info[:3])
    (env / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\nversion = {version}\n", encoding="utf-8"
    )
    paths = sysconfig.get_paths("venv", vars={"base": str(env), "platbase": str(env), "installed_base": str(env)})
    site = Path(paths["purelib"])
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            _unpack(archive, site=site, env=env)
    return site


def _unpack(archive: zipfile.ZipFile, *, site: Path, env: Path) -> None:
    for member in archive.infolist():
        if member.is_dir():
            continue
        target = _target(member.filename, site=site, env=env)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = archive.read(member)
        is_script = target.parent == env / "bin"
        if is_script and data.startswith(b"#!python"):
            data = b"#!" + os.fsencode(env / "bin" / "python") + data[data.find(b"\n") :]
        target.write_bytes(data)
        if is_script or (member.external_attr >> 16) & _EXECUTABLE:
            target.chmod(0o755)
        if member.filename.endswith(".dist-info/entry_points.txt") and member.filename.count("/") == 1:
            _console_scripts(data.decode("utf-8"), env / "bin")


def _target(name: str, *, site: Path, env: Path) -> Path:
    """Return where a wheel's member goes; zipfile has removed drives, `..` is refused."""
    parts = name.split("/")
    if ".." in parts or name.startswith("/"):
        raise SystemExit(f"a locked wheel holds the unsafe name {name!r}")
    top, *inner = parts
    if top.endswith(".data") and inner:
        kind, *rest = inner
        if kind in {"purelib", "platlib"}:
            return site.joinpath(*rest)
        if kind == "scripts":
            return env.joinpath("bin", *rest)
        if kind == "headers":
            return env.joinpath("include", top.split("-")[0], *rest)
        return env.joinpath(*rest)
    return site.joinpath(*parts)


def _console_scripts(text: str, folder: Path) -> None:
    entries = configparser.RawConfigParser(delimiters=("=",), strict=False)
    entries.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    entries.read_string(text)
    if not entries.has_section("console_scripts"):
        return
    for name, reference in entries.items("console_scripts"):
        module, _, attribute = reference.split("[")[0].strip().partition(":")
        script = folder / Path(name).name
        script.write_text(
            f"#!{folder / 'python'}\nimport sys\nfrom {module} import {attribute.split('.')[0]}\n"
            f"sys.exit({attribute}())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
