"""One release for all clients: made step by step through the command line, its services alive until the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support_release import release
from support_sealed import Sealed
from tagseal.rehearsal import public


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    """A release that ended well."""
    folder = tmp_path_factory.mktemp("sealed")
    with release(folder) as made:
        made.until("")
        public.write_trust(folder / "trust", made.services)
        yield Sealed(made=made, trust=folder / "trust")
