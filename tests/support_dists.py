"""Small, valid distributions made with zipfile and tarfile alone: no build backend needed."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path


def metadata(name: str = "tinyproj", version: str = "1.2.3") -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: A tiny project\nRequires-Python: >=3.9\n"


def wheel_bytes(
    name: str = "tinyproj", version: str = "1.2.3", *, tag: str = "py3-none-any", text: str = "X = 1\n"
) -> bytes:
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}/__init__.py": text,
        f"{info}/METADATA": metadata(name, version),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    lines = [f"{path},sha256={_digest(data)},{len(data.encode())}" for path, data in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def sdist_bytes(name: str = "tinyproj", version: str = "1.2.3", *, text: str = "X = 1\n") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, data in (("PKG-INFO", metadata(name, version)), (f"{name}/__init__.py", text)):
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(data.encode())
            archive.addfile(member, io.BytesIO(data.encode()))
    return out.getvalue()


def write_dists(folder: Path, name: str = "tinyproj", version: str = "1.2.3") -> tuple[Path, Path]:
    """Write a wheel and an sdist; return their paths in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    sdist = folder / f"{name}-{version}.tar.gz"
    wheel.write_bytes(wheel_bytes(name, version))
    sdist.write_bytes(sdist_bytes(name, version))
    return wheel, sdist


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
