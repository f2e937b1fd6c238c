from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tagseal.adapters import trust_config
from tagseal.errors import TagsealError

PRIVATE = replace(
    trust_config.production(),
    index=trust_config.IndexEndpoints(
        name="private", upload_url="https://index.example.org/legacy/", base_url="https://index.example.org"
    ),
    forge_api_url="https://forge.example.org/api",
    sigstore='{"mediaType": "x"}',
)


def test_production_is_built_in() -> None:
    config = trust_config.load(None, is_actions=True)
    assert config == trust_config.production()
    assert config.oidc_issuer == "https://token.actions.githubusercontent.com"
    assert config.forge_api_url == "https://api.github.com"
    assert (config.sigstore, config.builder_san, config.ca_file) == ("", "", "")


def test_a_file_stands_in_for_it_outside_actions(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(trust_config.dump(PRIVATE))
    assert trust_config.load(path, is_actions=False) == PRIVATE


def test_on_actions_no_file_redirects_anything(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(trust_config.dump(PRIVATE))
    with pytest.raises(TagsealError) as caught:
        trust_config.load(path, is_actions=True)
    assert (caught.value.code.id, caught.value.exit_code) == ("trust-config-refused", 2)
    assert str(path) in caught.value.what


def changed(**members: object) -> bytes:
    return json.dumps({**json.loads(trust_config.dump(PRIVATE)), **members}).encode()


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{}",
        b"[]",
        changed(schema="https://example.org/other"),
        changed(more="x"),
        changed(index={"name": "x"}),
        changed(forge_api_url=1),
    ],
    ids=["absent", "empty", "no-members", "list", "foreign-schema", "unknown-member", "index", "type"],
)
def test_a_file_in_another_form(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "trust.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(TagsealError) as caught:
        trust_config.load(path, is_actions=False)
    assert (caught.value.code.id, caught.value.exit_code) == ("trust-config-unreadable", 2)
    assert str(path) in caught.value.what


def test_the_bytes_are_for_people_too() -> None:
    data = trust_config.dump(PRIVATE)
    assert data.startswith(b'{\n  "builder_digest": "",\n')
    assert data == trust_config.dump(PRIVATE)
