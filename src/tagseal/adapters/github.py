"""Releases of one repository on GitHub, through PyGithub: its API, our limits and retries.

Every call may be lost after it took effect, so nothing is simply repeated: what is there is looked at first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from tagseal.adapters import service_errors as codes
from tagseal.adapters.files import sha256_of
from tagseal.adapters.github_errors import FORGE_REFUSED, SEVERAL_RELEASES, translated
from tagseal.adapters.http import HttpClient
from tagseal.errors import TagsealError
from tagseal.ports import ForgeAsset, ForgeRelease

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.GitReleaseAsset import GitReleaseAsset
    from github.Repository import Repository

    from tagseal.ports import Clock
    from tagseal.secret import Secret

T = TypeVar("T")

ATTEMPTS: Final = 4
TIMEOUT_S: Final = 60
MAX_RELEASES: Final = 1000
MAX_ASSETS: Final = 1000
WRITE_PAUSE_S: Final = 1.0  # what GitHub asks of clients that create content
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_STORAGE_HOSTS: Final = frozenset({"release-assets.githubusercontent.com", "objects.githubusercontent.com"})
_OK: Final = 200
_NOT_FOUND: Final = 404


class GitHubForge:
    """The releases of one repository, as `ports.Forge` describes them."""

    def __init__(self, api_url: str, repository: str, token: Secret | None, *, clock: Clock, ca_file: str = "") -> None:
        """`repository` is `owner/name`; without a token only what the public sees can be read."""
        self._api_url = api_url
        self._repository = repository
        self._token = token
        self._clock = clock
        self._ca_file = ca_file
        self._http = HttpClient(ca_file=ca_file, clock=clock)

    def release(self, tag: str) -> ForgeRelease | None:
        """Raises: several-releases, forge-refused, service-*."""
        found = self._repeated(f"looking for the release of {tag}", lambda: self._of_tag(tag))
        if len(found) > 1:
            raise TagsealError(SEVERAL_RELEASES, f"{self._repository} has {len(found)} releases or drafts for {tag}.")
        return found[0] if found else None

    def published_tags(self) -> tuple[str, ...]:
        """Raises: forge-refused, service-*."""
        return self._repeated(
            "listing the releases",
            lambda: tuple(entry.tag_name for entry in self._listed() if not entry.draft and not entry.prerelease),
        )

    def create_draft(self, *, tag: str, commit: str, title: str, notes: str, prerelease: bool) -> ForgeRelease:
        """Raises: forge-refused, several-releases, service-*."""
        self._need_token("creating a draft")

        def create() -> ForgeRelease:
            lost = self._of_tag(tag)  # an attempt before this one may have taken effect
            if lost:
                return lost[0]
            made = self._repo.create_git_release(
                tag=tag,
                name=title,
                message=notes,
                draft=True,
                prerelease=prerelease,
                target_commitish=commit,
                make_latest="false",
            )
            return self._release(made)

        return self._repeated(f"creating the draft for {tag}", create)

    def upload_asset(self, release: ForgeRelease, path: Path) -> ForgeAsset:
        """Raises: forge-refused, service-*."""
        self._need_token("uploading an asset")
        wanted = sha256_of(path)

        def upload() -> ForgeAsset:
            handle = self._repo.get_release(release.id)
            for there in self._assets(handle):
                if there.name == path.name and there.is_complete and there.sha256 == wanted:
                    return there  # the answer to an attempt before this one was lost
                if there.name == path.name:
                    self._repo.get_release_asset(there.id).delete_asset()
            with path.open("rb") as file:  # opened here: PyGithub leaves its own open when the connection breaks
                made = handle.upload_asset_from_memory(
                    file, path.stat().st_size, name=path.name, content_type="application/octet-stream"
                )
            return _asset(made)

        return self._repeated(f"uploading {path.name}", upload)

    def delete_asset(self, asset: ForgeAsset) -> None:
        """Raises: forge-refused, service-*."""
        self._need_token("deleting an asset")

        def delete() -> None:
            from github import UnknownObjectException

            try:
                self._repo.get_release_asset(asset.id).delete_asset()
            except UnknownObjectException:
                return  # gone: by an attempt whose answer was lost

        self._repeated(f"deleting the asset {asset.name}", delete)

    def publish(self, release: ForgeRelease, *, make_latest: bool) -> ForgeRelease:
        """Raises: forge-refused, service-*."""
        self._need_token("publishing a release")

        def publish() -> ForgeRelease:
            handle = self._repo.get_release(release.id)
            if handle.draft:
                handle = handle.update_release(
                    name=handle.name or release.tag,
                    message=handle.body or "",
                    draft=False,
                    prerelease=handle.prerelease,
                    make_latest="true" if make_latest else "false",
                )
            return self._release(handle)

        return self._repeated(f"publishing the release of {release.tag}", publish)

    def download_asset(self, asset: ForgeAsset, dest: Path, *, as_public: bool) -> None:
        """Raises: forge-refused, service-*."""
        headers = {"Accept": "application/octet-stream"}
        url = asset.url
        if not as_public:
            url = f"{self._api_url}/repos/{self._repository}/releases/assets/{asset.id}"
            if self._token is not None:
                headers["Authorization"] = f"Bearer {self._token.reveal()}"
        answer = self._http.download(url, dest, headers=headers, redirect_hosts=_STORAGE_HOSTS)
        if answer.status == _NOT_FOUND and as_public:
            raise TagsealError(codes.SERVICE_ERROR, f"The public cannot download {asset.name} (404).")
        if answer.status != _OK:
            raise TagsealError(FORGE_REFUSED, f"The forge answered {answer.status} to the download of {asset.name}.")

    @cached_property
    def _repo(self) -> Repository:
        from github import Auth, Github

        is_loopback = urlsplit(self._api_url).hostname in _LOOPBACK
        client = Github(
            base_url=self._api_url,
            auth=Auth.Token(self._token.reveal()) if self._token is not None else None,
            timeout=TIMEOUT_S,
            retry=None,
            per_page=100,
            verify=self._ca_file or True,
            seconds_between_requests=0,
            seconds_between_writes=0 if is_loopback else WRITE_PAUSE_S,
            user_agent="tagseal",
            lazy=True,
        )
        return client.get_repo(self._repository)

    def _listed(self) -> list[GitRelease]:
        return list(islice(self._repo.get_releases(), MAX_RELEASES))

    def _of_tag(self, tag: str) -> list[ForgeRelease]:
        return [self._release(entry) for entry in self._listed() if entry.tag_name == tag]

    def _release(self, handle: GitRelease) -> ForgeRelease:
        return ForgeRelease(
            id=handle.id,
            tag=handle.tag_name,
            is_draft=handle.draft,
            is_prerelease=handle.prerelease,
            url=handle.html_url,
            assets=self._assets(handle),
        )

    def _assets(self, handle: GitRelease) -> tuple[ForgeAsset, ...]:
        return tuple(_asset(entry) for entry in islice(handle.get_assets(), MAX_ASSETS))

    def _need_token(self, what: str) -> None:
        if self._token is None:
            raise TagsealError(FORGE_REFUSED, f"There is no token for {what}.")

    def _repeated(self, what: str, call: Callable[[], T]) -> T:
        """Call until it is answered; `call` looks at what is there before it changes anything."""
        for attempt in range(ATTEMPTS):
            try:
                with translated(what):
                    return call()
            except TagsealError as error:
                if not error.code.id.startswith("service-") or attempt == ATTEMPTS - 1:
                    raise
            self._clock.sleep(2.0**attempt)
        raise AssertionError("the last attempt returns or raises")


def _asset(handle: GitReleaseAsset) -> ForgeAsset:
    return ForgeAsset(
        id=handle.id,
        name=handle.name,
        size_bytes=handle.size,
        sha256=handle.digest or "",
        is_complete=handle.state == "uploaded",
        url=handle.browser_download_url,
    )
