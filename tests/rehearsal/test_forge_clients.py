"""Unmodified clients against the forge, over a real socket."""

from __future__ import annotations

import base64
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support_forge import WRITE, make_forge
from tagseal.rehearsal.forge import ForgeService
from tagseal.rehearsal.http import Fault, Server

if TYPE_CHECKING:
    from github import Github


class Running:
    """A forge on loopback."""

    def __init__(self, service: ForgeService, server: Server) -> None:
        self.service = service
        self.server = server

    def github(self, token: str = WRITE) -> Github:
        from github import Auth, Github

        auth = Auth.Token(token) if token else None
        return Github(
            auth=auth, base_url=self.server.url, retry=0, seconds_between_requests=0, seconds_between_writes=0
        )


@pytest.fixture(params=[False, True], ids=["mutable", "immutable"])
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    service = make_forge(immutable=request.param)
    with Server(service.handle) as server:
        yield Running(service, server)
    assert service.unknown_routes == []


@pytest.mark.peer("PyGithub")
def test_pygithub_releases(running: Running, tmp_path: Path) -> None:
    wheel = tmp_path / "a-1.whl"
    wheel.write_bytes(b"hello")
    repository = running.github().get_repo("acme/widget")
    draft = repository.create_git_release("v1.0.0", "1.0.0", "notes", draft=True, target_commitish="main")
    asset = draft.upload_asset(str(wheel), content_type="application/zip")
    assert (asset.name, asset.size, asset.state, asset.content_type) == ("a-1.whl", 5, "uploaded", "application/zip")
    assert asset.digest == "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert asset.uploader.login == "github-actions[bot]"
    assert [item.id for item in repository.get_releases()] == [draft.id]
    published = draft.update_release("1.0.0", "notes", draft=False, make_latest="true")
    assert (published.draft, published.immutable) == (False, running.service.store.immutable)
    assert published.published_at is not None
    public = running.github("").get_repo("acme/widget")
    found = public.get_release("v1.0.0")
    assert (found.id, found.author.type, found.tag_name) == (draft.id, "Bot", "v1.0.0")
    assert [item.name for item in found.get_assets()] == ["a-1.whl"]
    found.assets[0].download_asset(str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == b"hello"
    with urllib.request.urlopen(found.assets[0].browser_download_url, timeout=10) as answer:
        assert answer.read() == b"hello"
        assert answer.headers["Content-Disposition"] == "attachment; filename=a-1.whl"
    assert public.get_latest_release().id == draft.id
    assert public.get_git_ref("tags/v1.0.0").object.sha == "c" * 40


@pytest.mark.peer("PyGithub")
def test_pygithub_understands_refusals(running: Running) -> None:
    from github import BadCredentialsException, GithubException, UnknownObjectException

    repository = running.github().get_repo("acme/widget")
    repository.create_git_release("v1.0.0", "1.0.0", "notes")
    with pytest.raises(GithubException) as taken:
        repository.create_git_release("v1.0.0", "1.0.0", "notes")
    assert taken.value.status == 422
    assert isinstance(taken.value.data, dict)
    assert taken.value.data["errors"][0]["code"] == "already_exists"
    with pytest.raises(UnknownObjectException):
        repository.get_release("v9")
    with pytest.raises(BadCredentialsException):
        running.github("wrong").get_repo("acme/widget")


@pytest.mark.peer("PyGithub")
def test_pygithub_reads_every_page(running: Running) -> None:
    repository = running.github().get_repo("acme/widget")
    for number in range(33):
        repository.create_git_release(f"v{number}", "t", "n", draft=True)
    assert len(list(repository.get_releases())) == 33


def test_an_upload_cut_off_on_its_way_leaves_a_starter(running: Running) -> None:
    draft = running.github().get_repo("acme/widget").create_git_release("v1.0.0", "t", "n", draft=True)
    authorization = base64.b64encode(f"x-access-token:{WRITE}".encode()).decode()
    head = (
        f"POST /api/uploads/repos/acme/widget/releases/{draft.id}/assets?name=a.whl HTTP/1.1\r\n"
        f"Host: forge\r\nAuthorization: Basic {authorization}\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.server.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"only a part")
    release = running.service.releases[draft.id]
    deadline = time.monotonic() + 10
    while not release.assets and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [(asset.name, asset.is_complete, asset.data) for asset in release.assets] == [("a.whl", False, b"")]


def test_a_fault_hits_before_anything_is_changed(running: Running) -> None:
    from github import GithubException

    repository = running.github().get_repo("acme/widget")
    with running.server.fault(Fault(match="POST /repos/acme/widget/releases", status=503)):
        with pytest.raises(GithubException):
            repository.create_git_release("v1.0.0", "t", "n", draft=True)
        assert running.service.releases == {}
        repository.create_git_release("v1.0.0", "t", "n", draft=True)
    assert len(running.service.releases) == 1
