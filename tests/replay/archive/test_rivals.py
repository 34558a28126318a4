"""Two archivers of one archive at once: a halted one and its successor, or somebody's mistake.

1. A whole other run, over a log that has gone on, comes while a request is under way: whoever is
   late gives way or does no harm, the audit has no findings, and nothing is lost or there twice.
2. The same by processes, one of them stopped and woken; then a sample of what `make soak` counts.
3. What only two archivers leave is cleared, refused or told.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from replay.archive import days
from replay.archive.errors import ArchiveConflict, ArchiveError
from replay.archive.store import FolderStore
from replay.times import Span
from replay.verify.signature import sign_days
from tests.replay.archive.crash import log_after
from tests.replay.archive.rig import archived
from tests.replay.archive.rivals import findings, run
from tests.replay.archive.survival import ROUNDS, Undisturbed, halted, survive, undisturbed
from tests.s3 import S3

OPEN_DAY = "_days/1970-01-02.json"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


def at(s3: S3, method: str, part: str, act: Callable[[], object]) -> None:
    """Acts once, before the first such request reaches S3."""

    def before(request: str) -> None:
        if request.startswith(f"{method} ") and part in request.replace("%3D", "="):
            s3.proxy.before = lambda _: None
            act()

    s3.proxy.before = before


@pytest.mark.parametrize(
    ("method", "part", "gives_way"),
    [
        pytest.param("PUT", ".parquet", False, id="before a file"),
        pytest.param(
            "GET", "dt=1970-01-01/md.trade.v1%2B3%2B0-8.json", True, id="files are listed"
        ),
        pytest.param("PUT", "_days/1970-01-01.json", True, id="before a closed day"),
        pytest.param("PUT", OPEN_DAY, True, id="before the open day"),
        pytest.param("PUT", ".json.sig", False, id="before a signature"),
    ],
)
def test_a_whole_run_comes_between(
    s3: S3, known: Undisturbed, tmp_path: Path, method: str, part: str, gives_way: bool
) -> None:
    run(FolderStore(tmp_path / "before"), 1, known.key)
    s3.copy(tmp_path / "before")
    came: list[str] = []

    def come_between() -> None:
        run(s3.store("other"), ROUNDS, known.key)
        came.append("whole")

    at(s3, method, part, come_between)
    with pytest.raises(ArchiveConflict) if gives_way else nullcontext():
        run(s3.store(), ROUNDS - 1, known.key)
    assert came
    assert not findings(s3, known.public_pem)
    assert s3.objects() == known.wanted


@pytest.mark.parametrize("part", [".parquet", OPEN_DAY])
def test_a_stopped_process_and_its_successor(s3: S3, known: Undisturbed, part: str) -> None:
    woken = halted(
        s3,
        known.key,
        ROUNDS - 1,
        lambda stop: at(s3, "PUT", part, stop),
        lambda rounds: run(s3.store(), rounds, known.key),
    )
    assert woken == ("finished" if part == ".parquet" else "gave way")
    assert not findings(s3, known.public_pem)
    assert s3.objects() == known.wanted


def test_killed_halted_and_left_without_answers(s3: S3, known: Undisturbed, tmp_path: Path) -> None:
    counts = survive(s3.proxy, known, tmp_path, 1, 9_000)
    assert counts.total() == 3


def test_a_signature_of_what_was_replaced_goes(s3: S3, known: Undisturbed) -> None:
    run(s3.store(), 2, known.key)
    [day, _] = days.days(s3.store())
    signature = f"_days/{day}.json.sig"
    s3.store().remove(signature)
    at(s3, "PUT", ".sig", lambda: replaced(s3, f"_days/{day}.json"))
    with pytest.raises(ArchiveConflict, match=day):
        sign_days(s3.store(), known.key.read_bytes())
    assert signature not in s3.objects()


def replaced(s3: S3, name: str) -> None:
    store = s3.store()
    store.write(name, store.read(name).replace(b'"closed":true', b'"closed":null'))


def test_what_was_seen_is_all_that_is_removed(s3: S3) -> None:
    one, other = s3.store(), s3.store()
    one.write("day.sig", b"1")
    assert other.read("day.sig") == b"1"
    one.write("day.sig", b"2")
    with pytest.raises(ArchiveConflict, match=r"day\.sig was written or removed"):
        other.remove("day.sig")
    one.remove("day.sig")
    other.remove("day.sig")  # what is gone need not be removed
    one.write("day", b"1")
    assert other.exists("day")
    one.remove("day")
    with pytest.raises(ArchiveConflict):
        other.write("day", b"2")  # in the place of what is gone
    assert not s3.objects()


def test_files_that_begin_at_different_places_are_told(tmp_path: Path) -> None:
    log, mine, theirs = log_after(2), tmp_path / "mine", tmp_path / "theirs"
    archived(log, mine)
    archived(log, theirs, span=Span(5_000, None))
    for path in (path for path in theirs.rglob("md.trade*") if path.is_file()):
        target = mine / path.relative_to(theirs)
        target.write_bytes(path.read_bytes())
    with pytest.raises(ArchiveError, match="hold the same offsets: two archivers began"):
        archived(log_after(3), mine)
