"""Fetching pinned files, against a small repository served on loopback."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stack import artifacts
from ops.stack.errors import ChecksumMismatch, DiskFull, NotFetched

JAR = "org/example/1/example-1.jar"
PROGRAM = "org/example/2/program-2-all.tar.gz"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A repository with one jar and one archive."""
    root = tmp_path / "repository"
    for path, body in ((JAR, b"a jar"), (PROGRAM, _archive())):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(body)
    handler = functools.partial(_Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache that is in force."""
    monkeypatch.setenv("TAPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """The pins of what the repository serves."""
    path = tmp_path / "checksums.txt"
    rows = [(JAR, b"a jar"), (PROGRAM, _archive())]
    lines = [f"{hashlib.sha256(body).hexdigest()} {len(body)} {name}\n" for name, body in rows]
    path.write_text("# pinned\n" + "".join(lines))
    return path


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("lib/program.jar")
        entry.size = 7
        tar.addfile(entry, io.BytesIO(b"program"))
    return buffer.getvalue()


def test_files_arrive_verified_unpacked_and_counted(
    repository: str, cache: Path, listing: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    files = artifacts.fetch(repository, lambda _, done, total: seen.append((done, total)), listing)
    assert [path.read_bytes() for path in files.kafka_jars] == [b"a jar"]
    assert (files.registry / "lib" / "program.jar").read_bytes() == b"program"
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1]
    assert not list(cache.rglob("*.partial"))


def test_what_was_verified_once_needs_no_repository(
    repository: str, cache: Path, listing: Path
) -> None:
    first = artifacts.fetch(repository, listing=listing)
    assert artifacts.fetch("http://127.0.0.1:1", listing=listing) == first


def test_a_file_that_is_not_the_pinned_one_is_not_kept(
    repository: str, cache: Path, listing: Path, tmp_path: Path
) -> None:
    (tmp_path / "repository" / JAR).write_bytes(b"a JAR")
    with pytest.raises(ChecksumMismatch, match=JAR):
        artifacts.fetch(repository, listing=listing)
    assert not (cache / "maven" / JAR).exists()
    assert not list(cache.rglob("*.partial"))


def test_a_changed_file_in_the_cache_is_fetched_again_when_the_pins_change(
    repository: str, cache: Path, listing: Path
) -> None:
    kept = artifacts.fetch(repository, listing=listing).kafka_jars[0]
    kept.write_bytes(b"a JAR")
    listing.write_text(listing.read_text() + "# changed\n")
    artifacts.fetch(repository, listing=listing)
    assert kept.read_bytes() == b"a jar"


def test_a_truncated_or_deleted_file_is_fetched_again(
    repository: str, cache: Path, listing: Path
) -> None:
    kept = artifacts.fetch(repository, listing=listing).kafka_jars[0]
    kept.write_bytes(b"a")
    artifacts.fetch(repository, listing=listing)
    assert kept.read_bytes() == b"a jar"


def test_an_unreachable_repository_names_the_file_and_the_setting(
    cache: Path, listing: Path
) -> None:
    with pytest.raises(NotFetched, match="TAPE_STACK__MAVEN_REPOSITORY"):
        artifacts.fetch("http://127.0.0.1:1", listing=listing)


def test_who_signs_in_at_a_repository_is_not_said(cache: Path, listing: Path) -> None:
    with pytest.raises(NotFetched, match=r"//\*+@127") as refused:
        artifacts.fetch("http://me:canary@127.0.0.1:1", listing=listing)
    assert "canary" not in str(refused.value)


def test_a_file_that_the_repository_lacks_is_named(
    repository: str, cache: Path, listing: Path, tmp_path: Path
) -> None:
    (tmp_path / "repository" / JAR).unlink()
    with pytest.raises(NotFetched, match=rf"{JAR}.*404"):
        artifacts.fetch(repository, listing=listing)


def test_too_little_room_is_said_before_anything_is_fetched(cache: Path, listing: Path) -> None:
    huge = 10**18
    listing.write_text(f"{'0' * 64} {huge} {JAR}\n{'1' * 64} 1 {PROGRAM}\n")
    with pytest.raises(DiskFull, match="TAPE_CACHE"):
        artifacts.fetch("http://127.0.0.1:1", listing=listing)


def test_the_shipped_pins_are_complete() -> None:
    rows = artifacts.pinned()
    assert all(len(row.sha256) == 64 and row.size > 0 for row in rows)
    paths = [row.path for row in rows]
    assert paths == sorted(set(paths))
    assert sum(not path.endswith(".jar") for path in paths) == 1
    assert "org/apache/kafka/kafka_2.13/4.3.0/kafka_2.13-4.3.0.jar" in paths
