"""Fixtures of the publishing tests: services that live for the module, a sealed directory copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import support_publish
from support_publish import Rig
from tagseal.rehearsal.sigstore_services import SigstoreServices


@pytest.fixture(scope="module")
def sigstore() -> Iterator[SigstoreServices]:
    with SigstoreServices(clock=support_publish.QuickClock()) as services:
        yield services


@pytest.fixture(scope="module")
def template(sigstore: SigstoreServices, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed") / "release"
    support_publish.seal(folder, sigstore)
    return folder


@pytest.fixture
def rig(template: Path, sigstore: SigstoreServices, tmp_path: Path) -> Iterator[Rig]:
    with support_publish.rig(template, tmp_path / "release", sigstore) as made:
        yield made
        assert made.index.unknown_routes == []
        assert made.forge.unknown_routes == []
