from __future__ import annotations

import pytest

from tagseal.core.checks import Check, Verdict, overall


def of(*verdicts: str) -> Verdict:
    return overall(
        Check(code="rule", verdict=Verdict(verdict), subject="a", message="A sentence.") for verdict in verdicts
    )


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ((), "UNKNOWN"),
        (("PASS",), "PASS"),
        (("PASS", "WAIVED", "NOT_APPLICABLE"), "PASS"),
        (("WAIVED",), "UNKNOWN"),
        (("NOT_APPLICABLE", "WAIVED"), "UNKNOWN"),
        (("PASS", "UNKNOWN"), "UNKNOWN"),
        (("UNKNOWN", "FAIL", "PASS"), "FAIL"),
        (("FAIL", "WAIVED"), "FAIL"),
    ],
)
def test_the_worst_verdict_counts_and_missing_data_is_never_a_pass(verdicts: tuple[str, ...], worst: str) -> None:
    assert of(*verdicts) == worst
