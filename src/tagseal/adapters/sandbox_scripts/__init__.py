"""Programs that run inside the sandbox, beside project code: standard library only, never imported by tagseal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
"""What the sandbox is shown as /build/in/scripts."""
