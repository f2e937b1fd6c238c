"""Build locks as text: written as PEP 751 TOML, and compared with one another."""

from __future__ import annotations

from dataclasses import dataclass

from tagseal.core.lock import BuildLock, LockedWheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How one package differs between two locks."""

    name: str
    old: str | None
    """None: not locked before."""
    new: str | None
    """None: locked no more."""


def compare_locks(old: BuildLock | None, new: BuildLock) -> tuple[Change, ...]:
    """Return what changed, sorted by name; a package whose wheels alone differ counts as changed."""
    before = {package.name: package for package in old.packages} if old else {}
    after = {package.name: package for package in new.packages}
    return tuple(
        Change(
            name=name,
            old=before[name].version if name in before else None,
            new=after[name].version if name in after else None,
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def render_lock(lock: BuildLock, *, urls: bool) -> bytes:
    """Return the lock as PEP 751 TOML, the same bytes for the same content; without `urls` it names no host."""
    lines = ['lock-version = "1.0"', 'created-by = "tagseal"']
    if lock.requires_python:
        lines.append(f'requires-python = "{lock.requires_python}"')
    for package in lock.packages:
        lines += ["", "[[packages]]", f'name = "{package.name}"', f'version = "{package.version}"', "wheels = ["]
        lines += [f"  {_wheel_line(wheel, urls=urls)}," for wheel in package.wheels]
        lines.append("]")
    return ("\n".join(lines) + "\n").encode("utf-8")


def _wheel_line(wheel: LockedWheel, *, urls: bool) -> str:
    # `parse_lock` checked every value against alphabets without quotes and backslashes.
    place = f'url = "{wheel.url}"' if urls and wheel.url else f'path = "{wheel.filename}"'
    size = "" if wheel.size_bytes is None else f", size = {wheel.size_bytes}"
    return f'{{ {place}{size}, hashes = {{ sha256 = "{wheel.sha256.removeprefix("sha256:")}" }} }}'
