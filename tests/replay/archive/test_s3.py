"""The archive in S3, by boto3 as it is against a real HTTP server.

1. The bytes are those of the folder, and everything that reads an archive reads them.
2. S3 refuses, breaks off or does not answer, at each kind of request: nothing is lost.
3. Two writers: nothing is overwritten unseen (`test_rivals` has whole archivers).
4. Local copies are bounded, and not believed.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import pytest

from connectors.log.memory import MemoryLog
from replay.archive import parquet
from replay.archive.cache import Cache
from replay.archive.errors import ArchiveAway, ArchiveConflict, ArchiveCorrupt, ArchiveError
from replay.archive.layout import FileName
from replay.archive.options import of_environment
from replay.archive.reader import index
from replay.archive.run import archive
from replay.archive.s3 import S3Store
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore, store_at
from replay.archive.trim import plan
from replay.rerun import rerun
from tests.connectors.epochs import toy
from tests.replay.archive.crash import log_after
from tests.replay.archive.rig import DAY_MS, TOPICS, archived, bytes_of
from tests.replay.archive.test_source import TRADES
from tests.replay.test_rerun import recorded_log, replayed, small
from tests.s3 import S3, Fault, Harm


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return recorded_log(60)


@pytest.fixture(scope="module")
def wanted(log: MemoryLog, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("folder")
    archived(log, folder)
    return bytes_of(folder)


@pytest.fixture
def store(s3: S3, log: MemoryLog) -> S3Store:
    """With everything archived."""
    made = s3.store()
    archive(log, toy.CODEC, made, TOPICS)
    return made


def test_the_same_bytes_as_in_a_folder(s3: S3, store: S3Store, wanted: dict[str, bytes]) -> None:
    assert s3.objects() == wanted
    assert store.names() == sorted(wanted)
    assert store.names("_schemas") == sorted(n for n in wanted if n.startswith("_schemas/"))


def test_files_that_grow_take_the_place_of_shorter_ones(s3: S3, tmp_path: Path) -> None:
    for rounds in (1, 2):
        archive(log_after(rounds), toy.CODEC, s3.store(), TOPICS)
    archive(log_after(2), toy.CODEC, FolderStore(tmp_path / "folder"), TOPICS)
    assert s3.objects() == bytes_of(tmp_path / "folder")


def test_another_version_goes_on_behind_a_finished_day(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog(toy.TOPICS)
    for number in range(20):
        toy.trade(log, number, 1_000)
    archive(log, toy.CODEC, s3.store(), TOPICS)
    monkeypatch.setattr(parquet, "_LEVEL", 1)
    toy.trade(log, 0, DAY_MS)
    done = archive(log, toy.CODEC, s3.store(), TOPICS)
    assert done.days == ["1970-01-01", "1970-01-02"]


def test_another_version_takes_over_what_a_dead_one_left_without_a_manifest(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_after(1)
    s3.proxy.faults[:] = [Fault("cut", "PUT", "dt%3D", times=2, skip=1)]  # behind a file
    with pytest.raises(ArchiveAway, match=r"dt=1970-01-01/.*json"):
        archive(log, toy.CODEC, s3.store(attempts=2), TOPICS)
    assert any(name.endswith(".parquet") for name in s3.objects())
    monkeypatch.setattr(parquet, "_LEVEL", 1)
    archive(log, toy.CODEC, s3.store("other"), TOPICS)
    archived(log, tmp_path / "folder")
    assert s3.objects() == bytes_of(tmp_path / "folder")


def test_recorded_epochs_from_s3_give_the_live_digests(store: S3Store, log: MemoryLog) -> None:
    again = rerun(ArchiveLog(store), toy.CODEC, small(), toy.ToyLogic())
    assert again == replayed(log)
    assert again.clean


def test_only_files_that_are_asked_for_are_fetched(s3: S3, store: S3Store) -> None:
    back = ArchiveLog(store)
    s3.proxy.asked.clear()
    back.read(TRADES, *back.bounds(TRADES), 1.0)
    assert s3.proxy.count("GET", ".parquet") == len(back.files[TRADES])
    back.read(TRADES, *back.bounds(TRADES), 1.0)
    assert s3.proxy.count("GET", ".parquet") == len(back.files[TRADES])


def test_a_time_is_looked_for_from_its_day_on(s3: S3) -> None:
    log = log_after(3)
    archive(log, toy.CODEC, s3.store(), TOPICS)
    back = ArchiveLog(s3.store())
    late = [name for name in back.files[TRADES] if name.day > "1970-01-01"]
    s3.proxy.asked.clear()
    for at_ms in (DAY_MS, DAY_MS + 1):
        assert back.offset_at(TRADES, at_ms) == log.offset_at(TRADES, at_ms)
    assert late
    assert not s3.proxy.count("GET", "dt%3D1970-01-01")


def test_the_log_may_forget_what_is_proven_archived_there(s3: S3, tmp_path: Path) -> None:
    log = log_after(3)
    archive(log, toy.CODEC, s3.store(), TOPICS)
    archived(log, tmp_path / "folder")
    there = plan(log, toy.CODEC, s3.store(), TOPICS)
    assert there == plan(log, toy.CODEC, FolderStore(tmp_path / "folder"), TOPICS)
    assert there
    name = index(s3.store())[there[0].tp][0].path
    s3.client.put_object(Bucket=s3.bucket, Key=f"desk/{name}", Body=b"PAR1")
    with pytest.raises(ArchiveCorrupt, match="not the file that its manifest describes"):
        plan(log, toy.CODEC, s3.store(), TOPICS)


def test_another_process_reads_by_itself(store: S3Store) -> None:
    opener = ArchiveLog(store).elsewhere({TRADES: 0})
    reader = pickle.loads(pickle.dumps(opener))()
    assert reader.poll(5, 0.0)[TRADES][0].offset() == 0


def test_objects_are_encrypted_as_the_settings_say(s3: S3, small_parts: int) -> None:
    plain, keyed = s3.store(encryption="AES256"), s3.store(encryption="aws:kms", kms_key="desk")
    plain.write("a", b"1")
    keyed.write("b", b"2")
    large = keyed.draft("c")
    large.write_bytes(bytes(small_parts + 1))
    keyed.publish(large, "c")
    heads = [s3.client.head_object(Bucket=s3.bucket, Key=f"desk/{name}") for name in "abc"]
    assert [head["ServerSideEncryption"] for head in heads] == ["AES256", "aws:kms", "aws:kms"]
    assert ["SSEKMSKeyId" in head for head in heads] == [False, True, True]


def test_a_root_without_a_bucket_is_refused() -> None:
    for root in ("s3://", "s3:///desk", "s3://UPPER/desk"):
        with pytest.raises(ArchiveError, match="names no bucket"):
            store_at(root)
    with pytest.raises(ArchiveError, match="goes with the encryption"):
        of_environment({"TAPE_ARCHIVE__KMS_KEY": "desk"})


def test_what_passes_is_not_noticed(s3: S3, log: MemoryLog, wanted: dict[str, bytes]) -> None:
    s3.proxy.faults[:] = [
        Fault("503", "GET", "list-type"),
        Fault("503", "HEAD"),
        Fault("cut", "PUT", ".parquet"),
        Fault("lost", "PUT", ".parquet"),
        Fault("503", "PUT", ".parquet"),
        Fault("lost", "PUT", "ids.json"),
        Fault("lost", "PUT", "_days/"),
        Fault("half", "GET", ".json"),
    ]
    archive(log, toy.CODEC, s3.store(), TOPICS)
    assert not any(fault.times for fault in s3.proxy.faults)
    assert s3.objects() == wanted


@pytest.mark.parametrize(("harm", "part"), [("503", ".parquet"), ("cut", "_days/")])
def test_what_lasts_is_one_line_and_loses_nothing(
    s3: S3, log: MemoryLog, wanted: dict[str, bytes], harm: Harm, part: str
) -> None:
    s3.proxy.faults[:] = [Fault(harm, "PUT", part, times=2)]
    with pytest.raises(ArchiveAway, match=f"s3://{s3.bucket}/desk/.*{part}") as caught:
        archive(log, toy.CODEC, s3.store(attempts=2), TOPICS)
    assert "\n" not in str(caught.value)
    archive(log, toy.CODEC, s3.store("other"), TOPICS)
    assert s3.objects() == wanted


def test_a_silent_s3_is_not_waited_for(s3: S3) -> None:
    s3.store().write("name", b"before")
    s3.proxy.faults[:] = [Fault("silent", "GET", "name", times=2)]
    with pytest.raises(ArchiveAway, match=r"[Tt]ime"):
        s3.store(attempts=2, timeout_s=0.2).read("name")


PARTS = [
    pytest.param(Fault("503", "PUT", "partNumber=2", 2), id="a part refused"),
    pytest.param(Fault("cut", "PUT", "partNumber=2"), id="a part cut off"),
    pytest.param(Fault("lost", "POST", "uploadId"), id="the end's answer lost"),
]


@pytest.mark.parametrize("fault", PARTS)
def test_a_large_file_goes_in_parts(s3: S3, small_parts: int, fault: Fault) -> None:
    data = os.urandom(2 * small_parts + 1)
    s3.proxy.faults[:] = [fault]
    put(s3.store(), data)
    assert s3.objects() == {"large": data}
    assert s3.proxy.count("PUT", "partNumber=3") == 1


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Bytes of a part."""
    monkeypatch.setattr("replay.archive.bucket.PART_BYTES", 1_000)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
    return 1_000


def put(store: S3Store, data: bytes) -> None:
    draft = store.draft("large")
    draft.write_bytes(data)
    store.publish(draft, "large")


def test_an_upload_that_fails_half_way_leaves_nothing(s3: S3, small_parts: int) -> None:
    s3.proxy.faults[:] = [Fault("cut", "PUT", "partNumber=2", times=2)]
    with pytest.raises(ArchiveAway, match="large"):
        put(s3.store(attempts=2), bytes(2 * small_parts + 1))
    assert not s3.objects()
    assert not s3.client.list_multipart_uploads(Bucket=s3.bucket).get("Uploads")
    put(s3.store(), bytes(2 * small_parts + 1))
    with pytest.raises(ArchiveConflict):
        put(s3.store(), bytes(4 * small_parts))
    assert len(s3.objects()["large"]) == 2 * small_parts + 1


def test_a_body_that_breaks_off_goes_on_where_it_did(s3: S3) -> None:
    data, taken = os.urandom(3 << 20), io.BytesIO()
    s3.store().write("name", data)
    s3.proxy.faults[:] = [Fault("half", "GET", "name", 2)]
    with s3.store().open("name") as handle:
        taken.write(handle.read())
    assert taken.getvalue() == data


def test_two_writers_of_one_name(s3: S3) -> None:
    one, other = s3.store(), s3.store()
    one.write("ids", b"1")
    assert other.read("ids") == b"1"
    one.write("ids", b"2")
    with pytest.raises(
        ArchiveConflict, match=rf"^{s3.root}/ids was written or removed by somebody else"
    ):
        other.write("ids", b"3")
    assert s3.objects() == {"ids": b"2"}
    one.write("ids", b"3")
    other.write("ids", b"3")  # the same thing twice is no conflict
    for store in (one, other):
        assert not store.exists("new")
    one.write("new", b"1")
    with pytest.raises(ArchiveConflict):
        other.write("new", b"2")


def test_two_writers_of_one_file(s3: S3) -> None:
    drafts = {}
    for cache, data in (("a", b"same"), ("b", b"same"), ("c", b"else")):
        store = s3.store(cache)
        drafts[cache] = store, store.draft("file")
        drafts[cache][1].write_bytes(data)
    for cache in "ab":
        store, draft = drafts[cache]
        store.publish(draft, "file")
    store, draft = drafts["c"]
    with pytest.raises(ArchiveConflict):
        store.publish(draft, "file")
    assert s3.objects() == {"file": b"same"}


FILE = FileName(toy.TRADES, 0, 0, 8, "1970-01-01")


def published(store: S3Store, data: bytes) -> S3Store:
    """Two versions have other bytes for the same records."""
    draft = store.draft(FILE.path)
    draft.write_bytes(data)
    store.publish(draft, FILE.path)
    return store


@pytest.mark.parametrize("size", [1, 2_001])
def test_a_manifest_that_comes_late_does_not_stay_with_another_file(
    s3: S3, small_parts: int, size: int
) -> None:
    halted = published(s3.store("a"), b"a" * size)
    successor = published(s3.store("b"), b"b" * size)
    halted.write(FILE.manifest, b"of a")
    successor.write(FILE.manifest, b"of b")
    assert s3.objects() == {FILE.path: b"b" * size, FILE.manifest: b"of b"}
    with pytest.raises(ArchiveConflict):
        published(s3.store("c"), b"c" * size)  # it has its manifest: it stays
    with pytest.raises(ArchiveConflict):
        published(s3.store("a"), b"a" * size)


def test_a_manifest_of_what_was_taken_over_is_refused(s3: S3) -> None:
    published(s3.store("a"), b"a")
    second, third = published(s3.store("b"), b"b"), published(s3.store("c"), b"c")
    third.write(FILE.manifest, b"of c")
    with pytest.raises(ArchiveConflict, match=r"0-8\.json was written or removed by somebody else"):
        second.write(FILE.manifest, b"of b")
    assert s3.objects() == {FILE.path: b"c", FILE.manifest: b"of c"}


def test_a_harmed_copy_is_fetched_anew(s3: S3, store: S3Store, log: MemoryLog) -> None:
    assert rerun(ArchiveLog(store), toy.CODEC, small(), toy.ToyLogic()).clean
    for copy in (s3.folder / "cache" / "files").iterdir():
        os.truncate(copy, copy.stat().st_size // 2)
    s3.proxy.asked.clear()
    assert rerun(ArchiveLog(store), toy.CODEC, small(), toy.ToyLogic()) == replayed(log)
    assert s3.proxy.count("GET", ".parquet")


def test_a_harmed_object_is_named(s3: S3, store: S3Store) -> None:
    [name] = index(store, [toy.TRADES])[TRADES]
    s3.client.put_object(Bucket=s3.bucket, Key=f"desk/{name.path}", Body=b"PAR1")
    with pytest.raises(ArchiveCorrupt, match="not the file that its manifest describes"):
        ArchiveLog(store).read(TRADES, 0, 1, 1.0)


def test_copies_are_bounded(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 250)
    for number in range(4):
        cache.link(f"{number}", 100, lambda take: take(bytes(100)))
        if number == 2:
            cache.link("1", 100, lambda take: pytest.fail("it is there"))
    kept = sorted(path.name[0] for path in (tmp_path / "files").iterdir())
    assert kept == ["1", "3"]
    cache.link("large", 300, lambda take: take(bytes(300)))
    assert len(list((tmp_path / "files").iterdir())) == 2


def test_more_than_the_bound_at_once_is_refused(s3: S3) -> None:
    store = s3.store(cache_bytes=15)
    for name in ("one", "two"):
        store.write(name, bytes(10))
    assert store.local("one") == store.local("one")
    with pytest.raises(ArchiveError, match="more than 15 bytes: ask for fewer days"):
        store.local("two")


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / "in-use" / "left"
    left.mkdir(parents=True)
    (left / "held").touch()
    (left / "1.parquet").write_bytes(b"x")
    own = Cache(tmp_path, 1).own
    assert list((tmp_path / "in-use").iterdir()) == [own]
