"""What a file leaves out is put back byte for byte; what its columns do not give stays in it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.epochs.runs import run_of
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryMessage
from replay.archive import records, rows
from replay.archive.errors import ArchiveCorrupt
from replay.archive.records import batches
from replay.archive.source import ArchiveLog
from schemas.events import TradePrinted
from schemas.numbers import exact
from tests.replay.archive.rig import examples
from tests.replay.archive.test_records import BAD, CODEC, archived, check_same
from tests.schemas.strategies import CATALOG, EVENTS

TRADES = "md.trade.v1"
MIXED = sorted(name for name, topic in CATALOG.topics.items() if len(topic.events) > 1)
PX, QTY = exact("5.5"), exact("7")
PLAIN = [
    TradePrinted("BINANCE", "BTCUSDT.BINANCE", f"{n}", "BUY", PX, QTY, None, n, "A")
    for n in range(6)
]


def messages(topic: str, values: list[bytes | None]) -> list[MemoryMessage]:
    return [
        MemoryMessage(OutRecord(topic, 0, b"key", value, 1_000 + n), n)  # type: ignore[arg-type]
        for n, value in enumerate(values)
    ]


def stored(log: ArchiveLog, topic: str) -> list[bytes | None]:
    """The column as it lies in the file."""
    (name,) = log.files[Tp(topic, 0)]
    path = Path(str(log.store.root)) / name.path
    found: list[bytes | None] = pq.read_table(path, partitioning=None)["_value"].to_pylist()
    return found


def read(log: ArchiveLog, topic: str) -> list[bytes | None]:
    return [m.value() for batch in batches(log.store, log.files[Tp(topic, 0)], 0) for m in batch]


def test_values_that_the_columns_give_are_left_out(tmp_path: Path) -> None:
    values = [CODEC.encode(event) for event in PLAIN]
    log = archived(tmp_path, messages(TRADES, [*values]))
    assert stored(log, TRADES) == [None] * 6
    assert read(log, TRADES) == values


def test_what_the_columns_do_not_give_stays(tmp_path: Path) -> None:
    """A quantity with a byte too many, one beyond 64 bits, no event, no value."""
    values: list[bytes | None] = [CODEC.encode(event) for event in PLAIN[:4]]
    shorter = CODEC.encode(PLAIN[4])
    longer = shorter.replace(b"\x0a\x10", b"\x0c\0\x10")
    assert longer != shorter
    assert CODEC.decode(longer) == PLAIN[4]
    great = CODEC.encode(PLAIN[5]._replace(last_qty=exact("5000000000")))
    values += [longer, great, b"no event", None]
    log = archived(tmp_path, messages(TRADES, values))
    assert stored(log, TRADES) == [None] * 4 + values[4:]
    assert read(log, TRADES) == values


def test_old_versions_are_made_with_the_schema_they_were_written_with(tmp_path: Path) -> None:
    topic = "venue.raw.v1"
    versions = CATALOG.events["VenueRequestSent"].versions.values()
    values = [value for version in versions for value in examples(version)]
    assert len({value[:5] for value in values}) > 1
    log = archived(tmp_path, messages(topic, [*values]))
    assert read(log, topic) == values
    assert None in stored(log, topic)


@pytest.mark.parametrize("topic", MIXED)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_several_events_of_a_topic_are_put_back(topic: str, data: st.DataObject) -> None:
    events = st.one_of(*(EVENTS[name] for name in CATALOG.topics[topic].events))
    values: Any = events.map(CODEC.encode) | st.sampled_from(BAD)
    found = messages(topic, data.draw(st.lists(values, min_size=1, max_size=12)))
    with TemporaryDirectory() as folder:
        log = archived(Path(folder), found)
        (batch,) = batches(log.store, log.files[Tp(topic, 0)], 0)
        assert [m.value() for m in batch] == [m.value() for m in found]
        check_same(run_of(found), run_of(batch), topic)


def test_files_that_leave_nothing_out_are_read_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As earlier versions of Tape wrote them."""
    values = [CODEC.encode(event) for event in PLAIN]
    monkeypatch.setattr(rows, "without", lambda found, _: found["_value"])
    log = archived(tmp_path, messages(TRADES, [*values]))
    assert stored(log, TRADES) == values
    assert read(log, TRADES) == values


def test_files_are_read_in_any_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [CODEC.encode(event) for event in PLAIN]
    log = archived(tmp_path, messages(TRADES, [*values]))
    monkeypatch.setattr(records, "READ_ROWS", 4)
    monkeypatch.setattr(records, "BATCH_ROWS", 3)
    found = [*batches(log.store, log.files[Tp(TRADES, 0)], 1)]
    assert [[m.offset() for m in batch] for batch in found] == [[1, 2], [3], [4, 5]]
    assert [m.value() for batch in found for m in batch] == values[1:]
    assert [m.headers() for batch in found for m in batch] == [None] * 5


def test_a_schema_that_is_gone_is_named(tmp_path: Path) -> None:
    log = archived(tmp_path, messages(TRADES, [CODEC.encode(event) for event in PLAIN]))
    (schema,) = (tmp_path / "_schemas").glob("*.avsc")
    schema.unlink()
    with pytest.raises(ArchiveCorrupt, match=f"schema _schemas/{schema.name} is missing"):
        read(log, TRADES)


def test_an_id_that_is_gone_is_an_error(tmp_path: Path) -> None:
    log = archived(tmp_path, messages(TRADES, [CODEC.encode(event) for event in PLAIN]))
    (tmp_path / "_schemas/ids.json").write_text("{}\n")
    with pytest.raises(ArchiveCorrupt, match=r"\.parquet: a value was left out"):
        read(log, TRADES)
