"""What an archive hands over in columns is what the same records give one by one, events too."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from connectors.epochs.digest import input_digest
from connectors.epochs.merge import PartitionBuffer
from connectors.epochs.runs import Run, Slice, run_of
from connectors.epochs.tables import Tables
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryMessage
from pipelines.batches import local_codec
from replay.archive import records
from replay.archive.decoded import kept
from replay.archive.incoming import records_of
from replay.archive.layout import FileName
from replay.archive.records import batches
from replay.archive.source import ArchiveLog
from replay.archive.store import FolderStore, Store
from replay.archive.writer import PartitionWriter
from schemas.events import ClockTick, TradePrinted
from schemas.numbers import exact
from tests.schemas.strategies import CATALOG, EVENTS

CODEC = local_codec()
BAD = (None, b"", b"\0\0", b"\1\0\0\0\0\0", b"\0\0\0\xff\xff\0")
DECODED = sorted(topic for topic in CATALOG.topics if kept(CATALOG, topic))
Messages = list[MemoryMessage]
ANY = 1_000_000


@st.composite
def messages(draw: st.DrawFn, topic: str, bad: bool) -> Messages:
    """Committed records of one partition, with gaps between their offsets."""
    values: Any = EVENTS[CATALOG.topics[topic].events[0]].map(CODEC.encode)
    values = values | st.sampled_from(BAD) if bad else values
    found, offset = [], draw(st.integers(0, 3))
    for value in draw(st.lists(values, min_size=1, max_size=12)):
        key: Any = draw(st.sampled_from([b"", b"key", None]))
        found.append(MemoryMessage(OutRecord(topic, 0, key, value, 1_000 + offset), offset))
        offset += draw(st.integers(1, 2))
    return found


def archived(folder: Path, found: Messages) -> ArchiveLog:
    topic, end = found[0].topic(), found[-1].offset() + 1
    writer = PartitionWriter(FolderStore(folder), CODEC, Tp(topic, 0), found[0].offset())
    writer.add(records_of(found))
    writer.finish(end)
    return ArchiveLog(FolderStore(folder))


def opened(store: Store, file: FileName) -> pa.Schema:
    """The columns of a file as they are read."""
    with records.checked(store, file) as found:
        return found.schema_arrow


def slice_of(run: Run, topic: str) -> Slice:
    buffer = PartitionBuffer(Tp(topic, 0), run.offsets[0], -1)
    buffer.extend(run)
    return buffer.take(run.length)


def check_same(theirs: Run, ours: Run, topic: str) -> None:
    assert list(theirs.offsets) == list(ours.offsets)
    assert [*theirs.keys] == [*ours.keys]
    assert [*theirs.plain_values()] == [*ours.plain_values()]
    assert theirs.size == ours.size
    one, other = slice_of(theirs, topic), slice_of(ours, topic)
    assert input_digest(one, CODEC.fingerprint_of) == input_digest(other, CODEC.fingerprint_of)
    (expected, bad), (frames, refused) = Tables([one], CODEC).read(), Tables([other], CODEC).read()
    assert bad == refused
    assert frames.keys() == expected.keys()
    for name, frame in frames.items():
        assert_frame_equal(frame, expected[name])


@pytest.mark.parametrize("topic", DECODED)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_run_from_the_archive_is_that_of_its_records(topic: str, data: st.DataObject) -> None:
    found = data.draw(messages(topic, bad=data.draw(st.booleans())))
    whole, few = data.draw(st.sampled_from([(0, False), (ANY, True)]))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "REPEATING_BYTES", whole)
        log = archived(Path(folder), found)
        (file,) = log.files[Tp(topic, 0)]
        assert pa.types.is_dictionary(opened(log.store, file).field("_event").type) is few
        tp = Tp(topic, 0)
        read = log.reader({tp: found[0].offset()}).poll(1, 0.0)[tp]
        assert [m.value() for m in read] == [m.value() for m in found]
        run = run_of(read)
    assert (run.events is None) == any(m.value() in BAD for m in found)
    check_same(run_of(found), run, topic)
    half = len(found) // 2
    for first, stop in [(0, half), (half, len(found))] if half else []:
        check_same(run_of(found[first:stop]), run.part(first, stop), topic)


def test_files_of_another_shape_are_read_by_their_values(tmp_path: Path) -> None:
    """A field that has another type in the file is none that can be taken as it is."""
    topic = "ops.clock.v1"
    event = ClockTick(1)
    found = [MemoryMessage(OutRecord(topic, 0, b"", CODEC.encode(event), 1_000), 0)]
    log = archived(tmp_path, found)
    whole = kept(CATALOG, topic)
    assert whole is not None
    other = whole._replace(fields=[field.with_type(pa.string()) for field in whole.fields])
    for wanted, there in ((whole, True), (other, False), (None, False)):
        (batch,) = batches(log.store, log.files[Tp(topic, 0)], 0, wanted)
        assert (batch.run().events is not None) is there


def test_parts_of_a_batch_are_messages_too(tmp_path: Path) -> None:
    topic = "ops.clock.v1"
    event = ClockTick(1)
    sent = [OutRecord(topic, 0, b"%d" % n, CODEC.encode(event), 1_000 + n) for n in range(5)]
    found = [MemoryMessage(record, offset) for offset, record in enumerate(sent)]
    log = archived(tmp_path, found)
    (batch,) = batches(log.store, log.files[Tp(topic, 0)], 1)
    assert [m.offset() for m in batch] == [1, 2, 3, 4]
    assert (batch[-1].key(), batch[0].key()) == (b"4", b"1")
    assert [m.offset() for m in batch[1:3]] == [2, 3]
    assert not batch[4:]
    with pytest.raises(IndexError):
        batch[4]


def test_strings_that_come_again_are_read_as_dictionaries(tmp_path: Path) -> None:
    """Which is a matter of speed alone: see above."""
    topic, one = "md.trade.v1", exact("1")
    trades = [TradePrinted("V", "X.V", f"{n}", "BUY", one, one, n, n, "A") for n in range(1_000)]
    sent = [OutRecord(topic, 0, b"X.V", CODEC.encode(trade), 1_000) for trade in trades]
    log = archived(tmp_path, [MemoryMessage(record, at) for at, record in enumerate(sent)])
    schema = opened(log.store, *log.files[Tp(topic, 0)])
    found = {field.name for field in schema if pa.types.is_dictionary(field.type)}
    assert found >= {"_key", "_event", "venue", "instrument", "aggressor_side", "line"}
    assert not found & {"trade_id", "_value"}
