from __future__ import annotations

import pytest

from tagseal.core.build_result import check_output, failure
from tagseal.errors import ExitCode, TagsealError

SDIST, WHEEL = "tiny_tree-1.2.3.tar.gz", "tiny_tree-1.2.3-py3-none-any.whl"


def test_a_job_that_ended_well_is_no_failure() -> None:
    assert failure(ended="exit", exit_code=0, log="x") is None


@pytest.mark.parametrize(
    ("ended", "exit_code", "log", "code", "words"),
    [
        ("timeout", None, "", "build-timeout", "did not end"),
        ("memory", None, "", "build-memory", "memory"),
        ("disk-full", None, "", "build-disk-full", "scratch"),
        ("output-limit", 0, "", "build-output-limit", "more output"),
        ("killed", None, "", "build-failed", "killed"),
        ("exit", 82, "OSError: [Errno 28] No space left on device", "build-disk-full", "scratch"),
        ("exit", 82, "socket.gaierror: [Errno -3] Temporary failure", "build-wants-network", "building the sdist"),
        ("exit", 84, "pip: NewConnectionError(", "build-wants-network", "wheel from the sdist"),
        ("exit", 82, "RuntimeError: press broken", "build-failed", "press broken"),
        ("exit", 1, "", "build-failed", "exit code 1"),
        ("exit", 81, "not in the build lock: hatchling>=1\n", "lock-stale", "lacks hatchling>=1"),
    ],
)
def test_each_failure_has_its_code(ended: str, exit_code: int | None, log: str, code: str, words: str) -> None:
    error = failure(ended=ended, exit_code=exit_code, log=log)
    assert error is not None
    assert error.code.id == code
    assert words in error.what


def test_a_stale_lock_is_the_persons_mistake_a_bad_build_a_verdict() -> None:
    stale = failure(ended="exit", exit_code=81, log="")
    failed = failure(ended="exit", exit_code=82, log="")
    assert stale is not None
    assert failed is not None
    assert (stale.exit_code, failed.exit_code) == (ExitCode.USAGE, ExitCode.FAIL)


def test_only_the_end_of_a_long_log_is_shown() -> None:
    error = failure(ended="exit", exit_code=82, log="a" * 100_000 + "\nthe cause")
    assert error is not None
    assert error.what.endswith("the cause")
    assert len(error.what) < 2_000


def test_one_sdist_and_wheels_of_one_version_are_good() -> None:
    check_output([SDIST, WHEEL, "tiny_tree-1.2.3-cp313-cp313-linux_x86_64.whl"])


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ([], "build-no-output"),
        ([SDIST], "build-no-output"),
        ([WHEEL], "build-no-output"),
        ([SDIST, "tiny_tree-1.2.4-py3-none-any.whl"], "build-several-versions"),
        ([SDIST, "other-1.2.3-py3-none-any.whl"], "build-several-versions"),
        ([SDIST, "Tiny.Tree-1.2.3.tar.gz", WHEEL], "build-unexpected-file"),
        ([SDIST, WHEEL, "notes.txt"], "build-unexpected-file"),
        ([SDIST, "tiny_tree-1.2.3.whl"], "build-unexpected-file"),
        ([SDIST, "tiny.tar.gz", WHEEL], "build-unexpected-file"),
    ],
)
def test_anything_else_is_refused(names: list[str], code: str) -> None:
    with pytest.raises(TagsealError) as caught:
        check_output(names)
    assert caught.value.code.id == code
