"""`evidence.jsonl`: every step's result and record in one deterministic file."""

from __future__ import annotations

from collections.abc import Mapping

from tagseal.core import canonical
from tagseal.core.record import digest


def dump(files: Mapping[str, bytes]) -> bytes:
    """Return one canonical JSON line per file, sorted by path: `path`, `sha256` (`sha256:<hex>`) and `content`.

    `content` is the file's UTF-8 text (all of them are JSON), so that its digest can be computed again.
    """
    return b"".join(
        canonical.dump(
            {
                "content": data.decode("utf-8"),
                "path": path,
                "sha256": digest(data),
            }
        )
        for path, data in sorted(files.items())
    )
