"""The forge's rules, as GitHub's REST API has them."""

from __future__ import annotations

import pytest

from support_forge import REPO, Caller, errors, make_forge
from tagseal.rehearsal.forge import ForgeService

HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_a_release_from_draft_to_published() -> None:
    forge = make_forge()
    writer = Caller(forge)
    release_id = writer.draft()
    status, asset = writer.upload(release_id)
    assert (status, asset["state"], asset["digest"], asset["size"]) == (201, "uploaded", HELLO, 5)
    status, release = writer.publish(release_id)
    assert (status, release["draft"], release["immutable"]) == (200, False, False)
    assert release["published_at"] == "2026-01-02T03:04:05Z"
    assert release["html_url"] == "http://forge/acme/widget/releases/tag/v1.0.0"
    assert release["upload_url"] == (
        f"http://forge/api/uploads/repos/acme/widget/releases/{release_id}/assets{{?name,label}}"
    )
    assert release["assets"][0]["browser_download_url"] == ("http://forge/acme/widget/releases/download/v1.0.0/a.txt")
    assert Caller(forge, "").get(f"{REPO}/releases/latest")[1]["id"] == release_id
    assert list(forge.releases) == [release_id]


def test_drafts_are_for_writers_alone() -> None:
    forge = make_forge()
    writer = Caller(forge)
    release_id = writer.draft()
    asset_id = writer.upload(release_id)[1]["id"]
    assert len(writer.get(f"{REPO}/releases")[1]) == 1
    assert writer.get(f"{REPO}/releases/tags/v1.0.0")[0] == 404  # not even for them
    for caller in (Caller(forge, ""), Caller(forge, "ghs-read")):
        assert caller.get(f"{REPO}/releases") == (200, [])
        for page in (f"{release_id}", f"{release_id}/assets", f"assets/{asset_id}", "tags/v1.0.0", "latest"):
            assert caller.get(f"{REPO}/releases/{page}")[0] == 404
    page = "/acme/widget/releases/download/v1.0.0/a.txt"
    assert Caller(forge, "").ask("GET", page).status == 404


def test_a_draft_has_no_public_address() -> None:
    writer = Caller(make_forge())
    release_id = writer.draft()
    writer.upload(release_id)
    release = writer.get(f"{REPO}/releases/{release_id}")[1]
    assert "/releases/tag/untagged-" in release["html_url"]
    assert "/releases/download/untagged-" in release["assets"][0]["browser_download_url"]
    assert (release["published_at"], release["tarball_url"]) == (None, None)


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [
        ("", 401, "Requires authentication"),
        ("wrong", 401, "Bad credentials"),
        ("ghs-read", 403, "Resource not accessible by integration"),
    ],
)
def test_only_a_token_that_can_write_changes_anything(token: str, status: int, message: str) -> None:
    forge = make_forge()
    writer = Caller(forge)
    release_id = writer.draft()
    asset_id = writer.upload(release_id)[1]["id"]
    other = Caller(forge, token)
    answers = [
        other.post(f"{REPO}/releases", {"tag_name": "v2"}),
        other.publish(release_id),
        other.upload(release_id, "b.txt"),
        other.patch(f"{REPO}/releases/assets/{asset_id}", {"name": "c.txt"}),
    ]
    assert [(answer[0], answer[1]["message"]) for answer in answers] == [(status, message)] * 4
    assert other.delete(f"{REPO}/releases/{release_id}") == status
    assert other.delete(f"{REPO}/releases/assets/{asset_id}") == status
    (release,) = forge.releases.values()
    assert (release.is_draft, [asset.name for asset in release.assets]) == (True, ["a.txt"])


def test_a_private_repository_is_hidden() -> None:
    forge = make_forge(is_private=True)
    for page in ("", "/releases", "/git/ref/tags/v1.0.0", "/releases/1"):
        assert Caller(forge, "").get(f"{REPO}{page}")[0] == 404
    assert Caller(forge, "ghs-read").get(REPO)[1]["private"] is True
    writer = Caller(forge)
    release_id = writer.draft()
    writer.upload(release_id)
    writer.publish(release_id)
    page = "/acme/widget/releases/download/v1.0.0/a.txt"
    assert Caller(forge, "").ask("GET", page).status == 404
    assert Caller(forge, "ghs-read").ask("GET", page).status == 302


def test_one_published_release_for_a_tag() -> None:
    forge = make_forge()
    writer = Caller(forge)
    first, second = writer.draft(), writer.draft()
    writer.publish(first)
    taken = [{"resource": "Release", "code": "already_exists", "field": "tag_name"}]
    assert errors(writer.publish(second)) == taken
    assert errors(writer.post(f"{REPO}/releases", {"tag_name": "v1.0.0"})) == taken
    assert forge.releases[second].is_draft


def test_a_tag_that_is_not_there_is_made_of_the_target() -> None:
    forge = make_forge()
    writer = Caller(forge)
    status, _ = writer.post(f"{REPO}/releases", {"tag_name": "v2", "target_commitish": "main"})
    assert status == 201
    assert writer.get(f"{REPO}/git/ref/tags/v2")[1]["object"]["sha"] == "d" * 40
    wrong = writer.post(f"{REPO}/releases", {"tag_name": "v3", "target_commitish": "nowhere"})
    assert errors(wrong) == [{"resource": "Release", "code": "invalid", "field": "target_commitish"}]
    assert [release.tag for release in forge.releases.values()] == ["v2"]


def test_tags() -> None:
    reader = Caller(make_forge(), "")
    status, ref = reader.get(f"{REPO}/git/ref/tags/v1.0.0")
    assert (status, ref["ref"], ref["object"]["sha"], ref["object"]["type"]) == (
        200,
        "refs/tags/v1.0.0",
        "c" * 40,
        "tag",
    )
    assert reader.get(f"{REPO}/git/ref/tags/v9")[0] == 404


def test_a_published_immutable_release_is_locked() -> None:
    forge = make_forge(immutable=True)
    writer = Caller(forge)
    release_id = writer.draft()
    asset_id = writer.upload(release_id)[1]["id"]
    assert writer.publish(release_id)[1]["immutable"] is True
    status, body = writer.upload(release_id, "late.txt")
    assert (status, body["message"]) == (422, "Cannot upload assets to an immutable release.")
    assert writer.delete(f"{REPO}/releases/assets/{asset_id}") == 422
    assert writer.patch(f"{REPO}/releases/assets/{asset_id}", {"name": "x"})[0] == 422
    assert errors(writer.patch(f"{REPO}/releases/{release_id}", {"tag_name": "v2"}))[0]["field"] == "tag_name"
    assert errors(writer.patch(f"{REPO}/releases/{release_id}", {"draft": True}))[0]["code"] == "custom"
    assert writer.patch(f"{REPO}/releases/{release_id}", {"name": "new title"})[1]["name"] == "new title"
    assert [asset.name for asset in forge.releases[release_id].assets] == ["a.txt"]


def test_a_deleted_immutable_release_burns_its_tag() -> None:
    forge = make_forge(immutable=True)
    writer = Caller(forge)
    release_id = writer.draft()
    writer.publish(release_id)
    assert writer.delete(f"{REPO}/releases/{release_id}") == 204
    again = writer.post(f"{REPO}/releases", {"tag_name": "v1.0.0", "draft": True})
    assert errors(again)[0]["message"] == "tag_name was used by an immutable release"
    assert forge.releases == {}


def test_whether_releases_are_immutable_is_for_admins() -> None:
    forge = make_forge(immutable=True)
    assert Caller(forge, "ghp-admin").get(f"{REPO}/immutable-releases") == (
        200,
        {"enabled": True, "enforced_by_owner": False},
    )
    assert Caller(forge).get(f"{REPO}/immutable-releases")[0] == 403


def test_an_asset_name_is_used_once_until_deleted() -> None:
    forge = make_forge()
    writer = Caller(forge)
    release_id = writer.draft()
    asset_id = writer.upload(release_id)[1]["id"]
    assert errors(writer.upload(release_id, data=b"other")) == [
        {"resource": "ReleaseAsset", "code": "already_exists", "field": "name"}
    ]
    assert writer.delete(f"{REPO}/releases/assets/{asset_id}") == 204
    assert writer.upload(release_id, data=b"other")[0] == 201
    assert [asset.data for asset in forge.releases[release_id].assets] == [b"other"]


def test_a_broken_upload_leaves_a_starter_in_the_way() -> None:
    forge = make_forge()
    writer = Caller(forge)
    release_id = writer.draft()
    forge.break_uploads()
    assert writer.upload(release_id)[0] == 502
    (left,) = writer.get(f"{REPO}/releases/{release_id}/assets")[1]
    assert (left["name"], left["state"], left["size"], left["digest"]) == ("a.txt", "starter", 0, None)
    assert errors(writer.upload(release_id))[0]["code"] == "already_exists"
    assert writer.ask("GET", f"{REPO}/releases/assets/{left['id']}", accept="application/octet-stream").status == 404
    assert writer.delete(f"{REPO}/releases/assets/{left['id']}") == 204
    assert writer.upload(release_id)[0] == 201


def test_a_release_takes_a_thousand_assets() -> None:
    forge = make_forge()
    writer = Caller(forge)
    release_id = writer.draft()
    for number in range(1000):
        assert writer.upload(release_id, f"{number}.txt")[0] == 201
    assert errors(writer.upload(release_id, "one-more.txt"))[0]["message"].startswith("file_count limited to 1000")
    assert len(forge.releases[release_id].assets) == 1000


def test_uploads_need_a_name_and_content() -> None:
    writer = Caller(make_forge())
    release_id = writer.draft()
    assert errors(writer.upload(release_id, name="")) == [
        {"resource": "ReleaseAsset", "code": "missing_field", "field": "name"}
    ]
    assert errors(writer.upload(release_id, data=b""))[0]["field"] == "size"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("a b.txt", "a.b.txt"), (".hidden.", "hidden"), ("x+1_y-2@z.whl", "x+1_y-2@z.whl"), ("ü~", "default")],
)
def test_asset_names_are_tidied(sent: str, stored: str) -> None:
    writer = Caller(make_forge())
    assert writer.upload(writer.draft(), sent)[1]["name"] == stored


def test_an_asset_can_be_renamed() -> None:
    writer = Caller(make_forge())
    asset_id = writer.upload(writer.draft())[1]["id"]
    renamed = writer.patch(f"{REPO}/releases/assets/{asset_id}", {"name": "b.txt", "label": "B"})[1]
    assert (renamed["name"], renamed["label"]) == ("b.txt", "B")


def test_bytes_come_from_another_address() -> None:
    forge = make_forge()
    writer = Caller(forge)
    release_id = writer.draft()
    asset_id = writer.upload(release_id)[1]["id"]
    answer = writer.ask("GET", f"{REPO}/releases/assets/{asset_id}", accept="application/octet-stream")
    assert answer.status == 302
    target = answer.headers["Location"].removeprefix("http://forge")
    assert Caller(forge, "").ask("GET", target).body == b"hello"
    assert Caller(forge, "").ask("GET", f"/_objects/{'0' * 32}").status == 404
    assert writer.get(f"{REPO}/releases/assets/{asset_id}")[1]["download_count"] == 1


def test_lists_come_in_pages_newest_first() -> None:
    writer = Caller(make_forge())
    ids = [writer.draft(f"v{number}") for number in range(5)]
    first = writer.ask("GET", f"{REPO}/releases?per_page=2")
    assert first.headers["Link"] == (
        '<http://forge/repos/acme/widget/releases?per_page=2&page=2>; rel="next", '
        '<http://forge/repos/acme/widget/releases?per_page=2&page=3>; rel="last"'
    )
    last = writer.ask("GET", f"{REPO}/releases?per_page=2&page=3")
    assert 'rel="prev"' in last.headers["Link"]
    assert 'rel="next"' not in last.headers["Link"]
    pages = [writer.get(f"{REPO}/releases?per_page=2&page={page}")[1] for page in (1, 2, 3, 4)]
    assert [item["id"] for page in pages for item in page] == ids[::-1]


def test_a_prerelease_is_never_the_latest() -> None:
    writer = Caller(make_forge())
    stable = writer.draft()
    writer.publish(stable)
    writer.post(f"{REPO}/releases", {"tag_name": "v2rc1", "prerelease": True})
    writer.post(f"{REPO}/releases", {"tag_name": "v0.9", "make_latest": "false"})
    assert writer.get(f"{REPO}/releases/latest")[1]["id"] == stable
    assert writer.delete(f"{REPO}/releases/{stable}") == 204
    assert writer.get(f"{REPO}/releases/latest")[0] == 404


def test_a_draft_can_be_edited() -> None:
    writer = Caller(make_forge())
    release_id = writer.draft()
    changed = writer.patch(
        f"{REPO}/releases/{release_id}",
        {"tag_name": "v2", "target_commitish": "main", "body": "notes", "prerelease": True},
    )[1]
    assert (changed["tag_name"], changed["target_commitish"], changed["name"]) == ("v2", "main", "t")
    assert (changed["body"], changed["prerelease"], changed["draft"]) == ("notes", True, True)


@pytest.mark.parametrize(
    ("raw", "status", "message"),
    [
        (b"{", 400, "Problems parsing JSON"),
        (b"[]", 400, "Body should be a JSON object"),
        (b"{}", 422, "Validation Failed"),
        (b'{"tag_name": 1}', 422, "Invalid request.\n\nFor 'properties/tag_name', 1 is not a string."),
        (
            b'{"tag_name": "v1", "draft": "yes"}',
            422,
            "Invalid request.\n\nFor 'properties/draft', \"yes\" is not a boolean.",
        ),
    ],
)
def test_nonsense_is_refused(raw: bytes, status: int, message: str) -> None:
    forge = make_forge()
    answer = Caller(forge).ask("POST", f"{REPO}/releases", raw=raw)
    assert (answer.status, Caller._parsed(answer)[1]["message"]) == (status, message)
    assert forge.releases == {}


def test_an_unknown_route_is_answered_and_remembered() -> None:
    forge = make_forge()
    assert Caller(forge).get(f"{REPO}/actions/secrets")[0] == 501
    assert Caller(forge).get("/repos/acme/other")[0] == 501
    assert forge.unknown_routes == [f"GET {REPO}/actions/secrets", "GET /repos/acme/other"]


def test_rate_limits_are_shown() -> None:
    forge = make_forge()
    caller = Caller(forge)
    assert caller.ask("GET", REPO).headers["X-RateLimit-Remaining"] == "4999"
    assert caller.ask("GET", REPO).headers["X-RateLimit-Used"] == "2"
    assert Caller(forge, "").ask("GET", REPO).headers["X-RateLimit-Limit"] == "60"
    assert caller.get("/rate_limit")[1]["rate"]["limit"] == 5000


def test_a_role_must_be_known() -> None:
    with pytest.raises(ValueError, match="unknown roles"):
        ForgeService("a/b", make_forge()._clock, tokens={"t": "owner"})
