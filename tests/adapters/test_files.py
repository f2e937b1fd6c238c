"""The release directory: atomic writes, what a step may touch, and what is refused when it was altered."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tagseal.adapters.files import ReleaseDir, sha256_of, sha256_of_all, write_atomically
from tagseal.adapters.step_files import StepFiles
from tagseal.errors import TagsealError

DATA = b"sealed\n"
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


def code_of(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(TagsealError) as caught:
        call()
    return caught.value.code.id, int(caught.value.exit_code)


@pytest.fixture
def release(tmp_path: Path) -> ReleaseDir:
    made = ReleaseDir(tmp_path / "release")
    write_atomically(made.root / "dist" / "a.whl", DATA)
    write_atomically(made.root / "steps" / "hash" / "result.json", b"{}")
    return made


def window(release: ReleaseDir) -> StepFiles:
    """What a step may touch that reads dist/* and SHA256SUMS and writes report.md and out/*."""
    staged = release.root / ".staging" / "x"
    staged.mkdir(parents=True, exist_ok=True)
    return StepFiles(
        release,
        staged=staged,
        reads=("dist/*", "SHA256SUMS"),
        writes=("report.md", "out/*"),
        recorded={"dist/a.whl": DIGEST},
    )


def test_digests(tmp_path: Path) -> None:
    paths = []
    for number, size in enumerate((0, 1, 4 * 2**20, 4 * 2**20 + 1)):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(bytes(size))
    expected = tuple(f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths)
    assert sha256_of_all(paths) == expected
    assert sha256_of_all(paths[:1]) == expected[:1]
    assert sha256_of_all([]) == ()
    assert sha256_of(paths[3]) == expected[3]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_atomically(target, b"old" * 1_000)
    seen: set[bytes] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(target.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(30):
        write_atomically(target, b"new" * 100_000 if number % 2 else b"old" * 1_000)
    stop.set()
    reader.join()
    assert seen <= {b"old" * 1_000, b"new" * 100_000}
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.mkdir()  # a rename onto a folder fails after everything was written
    (target / "inside").touch()
    with pytest.raises(OSError):
        write_atomically(target, DATA)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert code_of(lambda: ReleaseDir(tmp_path / "file" / "release")) == ("release-dir-unusable", 2)
    made = ReleaseDir(tmp_path / "release")
    (made.root / "steps").write_bytes(b"")

    def lock() -> None:
        with made.lock("hash"):
            pass

    assert code_of(lock) == ("release-dir-unusable", 2)


@pytest.mark.parametrize("where", ["dist/b.whl", "linked/a.whl"])
def test_symbolic_links_lead_nowhere(release: ReleaseDir, tmp_path: Path, where: str) -> None:
    outside = tmp_path / "outside"
    write_atomically(outside / "a.whl", DATA)
    (release.root / "dist" / "b.whl").symlink_to(outside / "a.whl")
    (release.root / "linked").symlink_to(outside)
    assert (release.root / where).read_bytes() == DATA
    assert release.read(where) is None
    assert not release.is_plain(where)


def test_the_walk_sees_everything_but_the_scratch_folder(release: ReleaseDir, tmp_path: Path) -> None:
    (release.root / "linked").symlink_to(tmp_path)
    write_atomically(release.root / ".staging" / "hash" / "x", DATA)
    write_atomically(release.root / "steps" / ".staging" / "x", DATA)
    assert list(release.walk()) == ["linked", "dist/a.whl", "steps/.staging/x", "steps/hash/result.json"]


def test_a_step_reads_and_writes_only_what_it_declares(release: ReleaseDir) -> None:
    files = window(release)
    for path in ("steps/hash/result.json", "dist", "dist/sub/a.whl", "SHA256SUMS2", "../outside", "/etc/passwd"):
        for call in (files.read, files.path, files.exists):
            with pytest.raises(ValueError, match="does not declare that it reads"):
                call(path)
        with pytest.raises(ValueError, match="does not declare that it writes"):
            files.write(path, DATA)
    with pytest.raises(ValueError, match="does not declare that it writes"):
        files.output("dist/a.whl")
    with pytest.raises(ValueError, match="does not declare that it reads"):
        files.names("steps/hash")
    assert files.inputs == {}
    assert list((release.root / ".staging").rglob("*.whl")) == []


@pytest.mark.parametrize("path", ["out/..", "out/.", "dist/.."])
def test_a_pattern_does_not_match_a_way_out(release: ReleaseDir, path: str) -> None:
    files = window(release)
    with pytest.raises(ValueError, match="does not declare"):
        files.output(path)
    with pytest.raises(ValueError, match="does not declare"):
        files.read(path)


def test_what_is_read_is_an_input_and_what_is_written_is_staged(release: ReleaseDir) -> None:
    files = window(release)
    assert files.names("dist") == ("a.whl",)
    assert files.read("dist/a.whl") == DATA
    assert files.digests(["dist/a.whl"]) == {"dist/a.whl": DIGEST}
    assert files.path("dist/a.whl") == release.root / "dist" / "a.whl"
    assert files.inputs == {"dist/a.whl": DIGEST}
    files.write("out/x", DATA)
    assert (release.root / ".staging" / "x" / "out" / "x").read_bytes() == DATA
    assert not (release.root / "out").exists()


@pytest.mark.promise("R14")
def test_what_was_changed_added_or_removed_is_refused_when_it_is_opened(release: ReleaseDir) -> None:
    path = release.root / "dist" / "a.whl"
    write_atomically(path, b"other\n")
    assert code_of(lambda: window(release).read("dist/a.whl")) == ("release-file-changed", 1)
    assert code_of(lambda: window(release).path("dist/a.whl")) == ("release-file-changed", 1)
    write_atomically(path, DATA)
    write_atomically(path.with_name("b.whl"), DATA)
    assert code_of(lambda: window(release).names("dist")) == ("release-file-added", 1)
    assert code_of(lambda: window(release).read("dist/b.whl")) == ("release-file-added", 1)
    path.with_name("b.whl").unlink()
    path.unlink()
    assert code_of(lambda: window(release).names("dist")) == ("release-file-missing", 1)
    assert code_of(lambda: window(release).read("dist/a.whl")) == ("release-file-missing", 1)
    assert code_of(lambda: window(release).digests(["dist/a.whl"])) == ("release-file-missing", 1)


def test_a_file_larger_than_its_reader_takes(release: ReleaseDir) -> None:
    assert window(release).read("dist/a.whl", max_bytes=7) == DATA
    assert code_of(lambda: window(release).read("dist/a.whl", max_bytes=6)) == ("release-file-too-large", 1)


def test_one_process_at_a_time(release: ReleaseDir) -> None:
    with release.lock("hash") as staged:
        assert staged == release.root / ".staging" / "hash"
        assert list(staged.iterdir()) == []
        with ReleaseDir(release.root).lock("compare") as other:
            assert other.is_dir()

        def again() -> None:
            with ReleaseDir(release.root).lock("hash"):
                pass

        assert code_of(again) == ("step-busy", 2)
    assert not (release.root / ".staging").exists()
    assert not (release.root / "steps" / "compare").exists()


def test_what_a_killed_process_left_is_thrown_away(release: ReleaseDir) -> None:
    left = release.root / ".staging" / "hash" / "dist" / "half"
    write_atomically(left, b"half")
    with release.lock("hash") as staged:
        assert list(staged.iterdir()) == []


def test_a_commit_moves_the_record_last_and_takes_old_outputs_away(release: ReleaseDir) -> None:
    write_atomically(release.root / "steps" / "hash" / "record.json", b"old")
    write_atomically(release.root / "dist" / "gone.whl", b"old")
    write_atomically(release.root.parent / "outside", b"stays")
    with release.lock("hash") as staged:
        write_atomically(staged / "dist" / "a.whl", b"new")
        write_atomically(staged / "steps" / "hash" / "record.json", b"new")
        release.commit(staged, "steps/hash/record.json", ["dist/gone.whl", "../outside", "dist/never-there"])
    assert list(release.walk()) == ["dist/a.whl", "steps/hash/record.json", "steps/hash/result.json"]
    assert (release.root / "dist" / "a.whl").read_bytes() == b"new"
    assert (release.root.parent / "outside").read_bytes() == b"stays"


def test_a_commit_that_is_cut_short_leaves_no_record(release: ReleaseDir) -> None:
    write_atomically(release.root / "steps" / "hash" / "record.json", b"old")
    (release.root / "report.md").mkdir()  # so that the move of report.md fails
    (release.root / "report.md" / "x").touch()
    with release.lock("hash") as staged:
        write_atomically(staged / "report.md", b"new")
        write_atomically(staged / "steps" / "hash" / "record.json", b"new")
        with pytest.raises(OSError):
            release.commit(staged, "steps/hash/record.json", [])
    assert not (release.root / "steps" / "hash" / "record.json").exists()


@contextlib.contextmanager
def full_disk(room_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond `room_bytes`: the kernel refuses the write as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_no_bug_of_ours(release: ReleaseDir) -> None:
    files = window(release)
    with full_disk(1_000):
        assert code_of(lambda: files.write("out/x", bytes(1_001))) == ("release-dir-unusable", 2)
        files.write("out/y", bytes(1_000))
    assert [path.name for path in (release.root / ".staging" / "x" / "out").iterdir()] == ["y"]


def test_a_device_is_no_file(release: ReleaseDir) -> None:
    os.mkfifo(release.root / "dist" / "b.whl")
    assert release.read("dist/b.whl") is None
    assert code_of(lambda: window(release).names("dist")) == ("release-file-added", 1)
