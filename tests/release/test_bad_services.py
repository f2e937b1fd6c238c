"""Services that are down, fail, hang up, are slow or talk nonsense; tokens refused; files that are there already.

An answer that comes too late is tested where the deadline can be shortened: test_http.py, test_index.py and
test_sigstore.py in tests/adapters.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from support_bad import (
    FILES,
    Tools,
    assert_nothing_public,
    assert_one_error,
    assert_only_sealed_is_public,
    assert_sound,
    bad_release,
    make_source,
    tools,
)
from support_release import Release
from tagseal.rehearsal.http import Fault, Server
from tagseal.rehearsal.index_store import Digests
from tagseal.steps import RELEASE_ORDER

FOR_EVER = 1_000_000
HTML = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"
KINDS = {
    "503": Fault(match="", status=503),
    "cut": Fault(match="", cut=True),
    "html": Fault(match="", status=200, body=HTML),
    "half": Fault(match="", status=200, body=b'{"value": "ey'),
}


@pytest.fixture(scope="module")
def build_tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    with tools(tmp_path_factory.mktemp("tools")) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, build_tools: Tools) -> Iterator[Release]:
    """A release that goes on as far as the tests of this module ask for."""
    folder = tmp_path_factory.mktemp("shared")
    with bad_release(folder, build_tools, make_source(folder / "source", build_tools.lock)) as found:
        yield found


@pytest.fixture
def made(tmp_path: Path, build_tools: Tools) -> Iterator[Release]:
    source = make_source(tmp_path / "source", build_tools.lock)
    with bad_release(tmp_path, build_tools, source) as found:
        yield found


def server(made: Release, name: str) -> Server:
    services = made.services
    return {"sigstore": services.sigstore.server, "index": services.index.plain, "forge": services.forge_server}[name]


def advance(made: Release, node: str) -> None:
    """Run the nodes before `node` that have not run yet."""
    for name in RELEASE_ORDER[: RELEASE_ORDER.index(node)]:
        if not (made.directory / "steps" / name / "record.json").exists():
            ended = made.step(name)
            assert ended.exit_code == 0, (name, ended.data)


def tree(folder: Path) -> Mapping[str, str]:
    """Return path -> digest of every file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@contextmanager
def refusing(made: Release, name: str) -> Iterator[Release]:
    """Give the release with one of its services at a port that is taken but not listened to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        url = server(made, name).url
        trust = made.trust.with_name(f"down-{name}.json")
        trust.write_text(made.trust.read_text(encoding="utf-8").replace(url, nowhere), encoding="utf-8")
        variables = made.variables("sign.release")
        request = {key: value.replace(url, nowhere) for key, value in variables.items() if key.startswith("ACTIONS_")}
        request = request if name == "sigstore" else {}
        yield replace(made, trust=trust, environment={**made.environment, **request})


CASES = [
    ("provenance", "sigstore", "", "503", "service-error"),
    ("provenance", "sigstore", "", "cut", "service-cut-off"),
    ("provenance", "sigstore", "", "html", "service-nonsense"),
    ("provenance", "sigstore", "", "half", "service-nonsense"),
    ("sign.release", "sigstore", "", "503", "service-error"),
    ("sign.release", "sigstore", "POST /api/v2/signingCert", "503", "fulcio-unavailable"),
    ("sign.release", "sigstore", "POST /api/v2/signingCert", "cut", "fulcio-unavailable"),
    ("sign.release", "sigstore", "POST /api/v2/signingCert", "html", "service-nonsense"),
    ("sign.release", "sigstore", "POST /api/v1/log/entries", "503", "rekor-unavailable"),
    ("sign.release", "sigstore", "POST /api/v1/log/entries", "cut", "rekor-unavailable"),
    ("sign.release", "sigstore", "POST /api/v1/log/entries", "half", "service-nonsense"),
    ("release.draft", "forge", "", "503", "service-error"),
    ("release.draft", "forge", "POST /api/uploads/", "cut", "service-cut-off"),
    ("release.draft", "forge", "", "html", "service-nonsense"),
    ("publish", "sigstore", "", "html", "service-nonsense"),
    ("publish", "index", "", "503", "service-error"),
    ("publish", "index", "GET /simple/", "cut", "service-cut-off"),
    ("publish", "index", "GET /simple/", "half", "service-nonsense"),
    ("publish", "index", "POST /_/oidc/mint-token", "503", "service-error"),
    ("publish", "index", "POST /_/oidc/mint-token", "html", "service-nonsense"),
    ("publish", "index", "POST /legacy/", "503", "service-error"),
    ("publish", "index", "POST /legacy/", "cut", "service-cut-off"),
    ("verify-release", "index", "", "503", "service-error"),
    ("verify-release", "index", "", "html", "service-nonsense"),
    ("verify-release", "forge", "", "503", "service-error"),
    ("verify-release", "forge", "", "half", "service-nonsense"),
    ("release.complete", "forge", "", "503", "service-error"),
    ("release.complete", "forge", "PATCH ", "cut", "service-cut-off"),
    ("release.complete", "forge", "", "html", "service-nonsense"),
]


@pytest.mark.parametrize(("node", "name", "match", "kind", "code"), CASES)
def test_a_service_that_does_not_come_back(
    shared: Release, node: str, name: str, match: str, kind: str, code: str
) -> None:
    advance(shared, node)
    before = tree(shared.directory)
    with server(shared, name).fault(replace(KINDS[kind], match=match, times=FOR_EVER)):
        assert_one_error(shared.step(node), code, 3)
    assert tree(shared.directory) == before
    assert_sound(shared)
    assert_only_sealed_is_public(shared)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("provenance", "sigstore"),
        ("sign.release", "sigstore"),
        ("release.draft", "forge"),
        ("publish", "index"),
        ("verify-release", "index"),
        ("verify-release", "forge"),
        ("release.complete", "forge"),
    ],
)
def test_a_service_that_is_down(shared: Release, node: str, name: str) -> None:
    advance(shared, node)
    before = tree(shared.directory)
    with refusing(shared, name) as down:
        assert_one_error(down.step(node), "service-unreachable", 3)
    assert tree(shared.directory) == before
    assert_only_sealed_is_public(shared)


def test_the_release_that_met_all_of_them_finishes(shared: Release) -> None:
    advance(shared, "release.complete")
    assert shared.step("release.complete").exit_code == 0
    ended = shared.audit()
    assert (ended.exit_code, ended.data["verdict"]) == (0, "PASS")
    assert sorted(shared.services.index.service.files) == list(FILES)
    (entry,) = shared.services.forge.releases.values()
    assert not entry.is_draft


def test_services_that_fail_once_or_are_slow_only_cost_time(made: Release) -> None:
    for node in RELEASE_ORDER:
        with ExitStack() as stack:
            for name in ("sigstore", "index", "forge"):
                stack.enter_context(server(made, name).fault(Fault(match="GET ", status=503)))
                stack.enter_context(server(made, name).fault(Fault(match="GET ", cut=True)))
                stack.enter_context(server(made, name).fault(Fault(match="", delay_s=0.8)))
            ended = made.step(node)
            assert ended.exit_code == 0, (node, ended.data)
    assert made.audit().data["verdict"] == "PASS"


LOST = {
    "sign.release": ("sigstore", ["POST /api/v2/signingCert", "POST /api/v1/log/entries"]),
    "release.draft": ("forge", ["POST /repos/acme/example-widget/releases", "POST /api/uploads/"]),
    "publish": ("index", ["POST /_/oidc/mint-token", "POST /legacy/"]),
    "release.complete": ("forge", ["POST /api/uploads/", "PATCH "]),
}


def test_a_request_whose_answer_is_lost_does_nothing_twice(made: Release) -> None:
    for node in RELEASE_ORDER:
        name, matches = LOST.get(node, ("", []))
        for match in matches:
            with server(made, name).fault(Fault(match=match, cut=True, after=True)):
                ended = made.step(node)
                assert ended.exit_code in {0, 3}, (node, match, ended.data)
            assert_sound(made)
            assert_only_sealed_is_public(made)
        ended = made.step(node)
        assert ended.exit_code == 0, (node, ended.data)
    assert made.audit().data["verdict"] == "PASS"
    (entry,) = made.services.forge.releases.values()
    names = [asset.name for asset in entry.assets]
    assert sorted(names) == sorted(set(names))
    assert sorted(made.services.index.service.files) == list(FILES)


def test_the_index_of_the_build_requirements_is_down(made: Release) -> None:
    made.until("build.a")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/simple/"
        empty = {"XDG_CACHE_HOME": str(made.directory.parent / "empty"), "PIP_INDEX_URL": url, "UV_INDEX_URL": url}
        cut_off = replace(made, environment={**made.environment, **empty})
        assert_one_error(cut_off.step("build.a"), "index-unreachable", 3)
    assert_sound(made)
    assert made.step("build.a").exit_code == 0


def test_an_identity_that_is_no_publisher(made: Release) -> None:
    made.until("publish")
    before = tree(made.directory)
    job = made.services.sigstore.request_environment(made.services.seal_job)
    wrong = replace(made, environment={**made.environment, **job})
    ended = wrong.step("publish")
    assert_one_error(ended, "publisher-refused", 2)
    assert "seal.yml" in ended.data["error"]["what"] + ended.data["error"]["fix"]
    assert job["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] not in str(ended.data)
    assert tree(made.directory) == before
    assert_nothing_public(made)
    assert made.step("publish").exit_code == 0


def test_a_job_without_an_identity(made: Release) -> None:
    made.until("provenance")
    nobody = replace(
        made,
        environment={**made.environment, "ACTIONS_ID_TOKEN_REQUEST_URL": "", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""},
    )
    assert_one_error(nobody.step("provenance"), "identity-unavailable", 2)
    refused = replace(made, environment={**made.environment, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "not-a-token"})
    assert_one_error(refused.step("provenance"), "identity-refused", 3)
    assert_sound(made)
    assert made.step("provenance").exit_code == 0


@pytest.mark.parametrize("token", ["", "ghp_expired_or_of_somebody_else"])
def test_a_forge_token_that_is_refused(made: Release, token: str) -> None:
    made.until("release.draft")
    wrong = replace(made, environment={**made.environment, "GITHUB_TOKEN": token})
    ended = wrong.step("release.draft")
    assert_one_error(ended, "forge-refused", 2)
    assert not token or token not in str(ended.data) + ended.stderr
    assert_sound(made)
    assert made.services.forge.releases == {}
    assert made.step("release.draft").exit_code == 0


@pytest.fixture
def published(made: Release) -> Release:
    made.until("verify-release")
    return made


def test_files_that_are_there_with_the_same_bytes(published: Release) -> None:
    before = dict(published.services.index.service.files)
    uploads = [line for line in published.services.index.plain.log if line[1].startswith("/legacy/")]
    ended = published.step("publish")
    assert (ended.exit_code, ended.data["verdict"]) == (0, "PASS")
    assert [receipt["action"] for receipt in ended.data["result"]["receipts"]] == ["already-there", "already-there"]
    assert published.services.index.service.files == before
    assert [line for line in published.services.index.plain.log if line[1].startswith("/legacy/")] == uploads
    published.until("", first="verify-release")


def test_a_file_that_is_there_with_other_bytes(published: Release) -> None:
    files = published.services.index.service.files
    wheel, sdist = FILES
    ours, other = files[wheel], b"a wheel that somebody else made"
    files[wheel] = replace(ours, data=other, digests=Digests.of(other))
    del files[sdist]
    ended = published.step("publish")
    assert_one_error(ended, "file-exists-with-other-bytes", 1)
    assert hashlib.sha256(ours.data).hexdigest() in ended.data["error"]["what"]
    assert hashlib.sha256(other).hexdigest() in ended.data["error"]["what"]
    assert list(files) == [wheel]
    assert files[wheel].data == other
    assert_sound(published, failed="publish")
    assert_one_error(published.step("verify-release"), "step-failed", 1)
    files[wheel] = ours
    published.until("", first="publish")
    assert sorted(files) == list(FILES)
    assert published.audit().data["verdict"] == "PASS"
