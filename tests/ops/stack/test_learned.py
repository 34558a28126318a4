"""What a run learned makes the next start's class loading cheaper, and never stands in its way."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ops.stack import learned
from ops.stack.java import find_java


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAPE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def test_what_one_run_wrote_serves_the_next(cache: Path, tmp_path: Path) -> None:
    assert learned.use("kafka") == []
    (output, _) = learned.learn("kafka", tmp_path)
    written = Path(output.removeprefix("-XX:AOTCacheOutput="))
    written.write_bytes(b"learned")
    learned.keep("kafka", tmp_path)
    (kept,) = cache.iterdir()
    assert learned.use("kafka") == [f"-XX:AOTCache={kept}"]
    assert kept.read_bytes() == b"learned"
    assert not written.exists()
    assert learned.learn("kafka", tmp_path) == []
    assert learned.use("registry") == []


def test_a_run_that_was_killed_leaves_nothing_to_use(cache: Path, tmp_path: Path) -> None:
    learned.keep("kafka", tmp_path)
    assert not list(cache.iterdir())
    assert learned.use("kafka") == []


def test_another_set_of_pinned_files_learns_anew(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / learned.OUTPUT).touch()
    learned.keep("kafka", tmp_path)
    other = tmp_path / "pinned"
    other.touch()
    monkeypatch.setattr(learned, "PINNED", other)
    assert learned.use("kafka") == []
    assert learned.learn("kafka", tmp_path)


def test_another_way_to_start_learns_anew(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / learned.OUTPUT).touch()
    learned.keep("registry", tmp_path)
    assert learned.use("registry")
    monkeypatch.setattr(learned, "STARTS", learned.STARTS + 1)
    assert learned.use("registry") == []


def test_a_file_that_is_cut_off_or_foreign_is_no_obstacle(cache: Path, tmp_path: Path) -> None:
    java = str(find_java())
    if not learned.learn("kafka", tmp_path):
        pytest.skip("the JVM here is not the shipped one")
    run([java, *learned.learn("kafka", tmp_path), "-version"])
    whole = (tmp_path / learned.OUTPUT).read_bytes()
    learned.keep("kafka", tmp_path)
    (kept,) = cache.iterdir()
    for found in (whole, whole[: len(whole) // 2], b"not a cache", b""):
        kept.write_bytes(found)
        run([java, *learned.use("kafka"), "-version"])


def run(command: list[str]) -> None:
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
