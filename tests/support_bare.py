"""An environment with the bare install alone: what `pip install tagseal` without extras gives."""

from __future__ import annotations

import importlib.metadata
import re
import venv
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def base_distributions() -> list[str]:
    """Return the names that the locked requirements of the bare install pin."""
    text = (TOP / "requirements" / "base.txt").read_text(encoding="utf-8")
    return re.findall(r"^([a-z0-9-]+)==", text, flags=re.MULTILINE)


def make_bare(folder: Path) -> Path:
    """Make the environment from the distributions installed here; return its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python3.*/site-packages")
    for name in base_distributions():
        dist = importlib.metadata.distribution(name)
        for top in sorted({file.parts[0] for file in dist.files or () if ".." not in file.parts}):
            (site / top).symlink_to(Path(str(dist.locate_file(top))))
    (site / "tagseal.pth").write_text(f"{TOP / 'src'}\n", encoding="utf-8")
    return folder / "bin" / "python"
