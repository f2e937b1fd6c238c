from __future__ import annotations

from dataclasses import replace

import pytest

from support_attest import SOURCE
from support_sigstore import ISSUER, SEAL_SAN
from tagseal.core.checks import Verdict
from tagseal.core.identity_rules import Claimed, Expected, runner_check, workflow_path
from tagseal.errors import TagsealError

CLAIMED = Claimed(
    issuer=ISSUER,
    repository="acme/widget",
    ref="refs/tags/v1.0.0",
    sha="a" * 40,
    workflow_ref="acme/widget/.github/workflows/release.yml@refs/tags/v1.0.0",
    runner_environment="github-hosted",
)
EXPECTED = Expected(issuer=ISSUER, builder_id=SEAL_SAN, builder_san=SEAL_SAN)


def test_the_callers_file_is_found_even_with_an_at_sign_in_it() -> None:
    assert workflow_path(CLAIMED, SOURCE, EXPECTED) == ".github/workflows/release.yml"
    odd = replace(CLAIMED, workflow_ref="acme/widget/.github/workflows/a@b.yml@refs/tags/v1.0.0")
    assert workflow_path(odd, SOURCE, EXPECTED) == ".github/workflows/a@b.yml"
    assert workflow_path(CLAIMED, SOURCE, replace(EXPECTED, builder_san="", builder_id="any"))


@pytest.mark.parametrize(
    "claimed",
    [
        replace(CLAIMED, issuer="https://issuer.example"),
        replace(CLAIMED, repository="Acme/widget"),
        replace(CLAIMED, ref="refs/tags/v1.0"),
        replace(CLAIMED, sha="A" * 40),
        replace(CLAIMED, workflow_ref="other/widget/.github/workflows/release.yml@refs/tags/v1.0.0"),
        replace(CLAIMED, workflow_ref="acme/widget/.github/workflows/release.yml@refs/heads/main"),
        replace(CLAIMED, workflow_ref="acme/widget/@refs/tags/v1.0.0"),
        replace(CLAIMED, workflow_ref=""),
    ],
)
def test_every_difference_stops(claimed: Claimed) -> None:
    with pytest.raises(TagsealError) as caught:
        workflow_path(claimed, SOURCE, EXPECTED)
    assert caught.value.code.id == "identity-not-for-this-release"


def test_another_builder_stops() -> None:
    with pytest.raises(TagsealError) as caught:
        workflow_path(CLAIMED, SOURCE, replace(EXPECTED, builder_id=SEAL_SAN + "0"))
    assert caught.value.code.id == "identity-not-for-this-release"


def test_only_a_hosted_runner_passes() -> None:
    assert runner_check(CLAIMED).verdict is Verdict.PASS
    assert runner_check(replace(CLAIMED, runner_environment="self-hosted")).verdict is Verdict.UNKNOWN
