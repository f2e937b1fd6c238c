"""A PEP 517 backend in forty lines: what the bad ones in ../backends are made of."""

import base64
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

NAME, VERSION = "tiny_tree", "1.2.3"
METADATA = f"Metadata-Version: 2.1\nName: tiny-tree\nVersion: {VERSION}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: good\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def get_requires_for_build_sdist(config_settings=None):
    return []


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_sdist(sdist_directory, config_settings=None, version=VERSION, extra=()):
    name = f"{NAME}-{version}"
    with tarfile.open(Path(sdist_directory, f"{name}.tar.gz"), "w:gz") as archive:
        for path in sorted(Path().rglob("*")):
            if path.is_file():
                archive.add(path, f"{name}/{path}")
        _add(archive, tarfile.TarInfo(f"{name}/PKG-INFO"), METADATA.replace(VERSION, version).encode())
        for member in extra:
            _add(archive, member, b"")
    return f"{name}.tar.gz"


def _add(archive, member, data):
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None, version=VERSION):
    info = f"{NAME}-{version}.dist-info"
    members = {f"{NAME}/__init__.py": Path("src", NAME, "__init__.py").read_text(encoding="utf-8")}
    members |= {f"{info}/METADATA": METADATA.replace(VERSION, version), f"{info}/WHEEL": WHEEL}
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in members.items())
    name = f"{NAME}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as archive:
        for path, text in {**members, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return name


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
