"""An epoch's batch and digest: the tables say what the rows say, whatever was polled together.

The strategy: a few partitions of several topics, events of several kinds, some values broken, some
offsets missing, times that overlap, records left out, polled in pieces of any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.epochs import batch as module
from connectors.epochs.batch import EpochBatch
from connectors.epochs.digest import input_digest
from connectors.epochs.merge import PartitionBuffer
from connectors.epochs.runs import Slice, run_of
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryMessage
from pipelines.logic import Input, Position
from schemas.events import CLASSES, ClockTick, QuoteChanged, TradePrinted
from tests.connectors.epochs.toy import CODEC

ONE = Decimal(1)
EVENTS = st.one_of(
    st.integers(0, 9).map(lambda n: TradePrinted("V", "I", str(n), "BUY", ONE, ONE, None, n, "A")),
    st.integers(0, 9).map(lambda n: QuoteChanged("V", "I", n, ONE, ONE, ONE, ONE, None, n, "B")),
    st.integers(0, 9).map(ClockTick),
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    *[EVENTS.map(CODEC.encode)] * 6,
    st.sampled_from([None, b"", b"\0\0", b"\1\0\0\0\0\0", b"\0\0\0\xff\xff\0"]),
    EVENTS.map(lambda event: CODEC.encode(event)[:-1]),
)
TRADES = st.integers(0, 9).map(
    lambda n: CODEC.encode(TradePrinted("V", "I", str(n), "SELL", ONE, ONE, n, n, "A"))
)


@dataclass
class Polled:
    """One partition as it lies on the log, and the sizes of the pieces it was polled in."""

    tp: Tp
    records: list[tuple[int, OutRecord]]
    pieces: list[int]

    def slice(self, pieces: list[int]) -> Slice:
        buffer = PartitionBuffer(self.tp, 0, -1)
        messages = [MemoryMessage(record, offset) for offset, record in self.records]
        for size in [*pieces, len(messages)]:
            if messages[:size]:
                buffer.extend(run_of(messages[:size]))
            messages = messages[size:]
        return buffer.take(len(self.records))


@st.composite
def polled(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> list[Polled]:
    found = []
    for topic, partition in [("a", 0), ("a", 1), ("b", 0)]:
        records, offset = [], 0
        for value in draw(st.lists(values, max_size=8)):
            offset += draw(st.integers(1, 2))
            key: Any = draw(st.sampled_from([b"", b"k", b"key", None]))
            time = draw(st.integers(0, 6))
            records.append((offset, OutRecord(topic, partition, key, value, time)))
        found.append(Polled(Tp(topic, partition), records, draw(st.lists(st.integers(1, 4)))))
    return found


def in_order(partitions: list[Polled], left_out: frozenset[Position]) -> list[tuple[Any, ...]]:
    """Log time, place in declared order, offset; the record: sorted as the merge says."""
    rows = []
    for number, one in enumerate(partitions):
        log_time = -1
        for offset, record in one.records:
            log_time = max(log_time, record.timestamp_ms)
            if Position(*one.tp, offset) not in left_out:
                rows.append((log_time, number, offset, record))
    return sorted(rows, key=lambda row: row[:3])


@given(polled(VALUES), st.frozensets(st.tuples(st.just("a"), st.just(0), st.integers(1, 9))))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("rows_max", [0, 1_000])
def test_tables_and_rows_say_what_lies_on_the_log(
    rows_max: int, partitions: list[Polled], skipped: frozenset[tuple[str, int, int]]
) -> None:
    left_out = frozenset(Position(*at) for at in skipped)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_MAX", rows_max)
        batch = EpochBatch([p.slice(p.pieces) for p in partitions], CODEC, "p", left_out)
        wanted = in_order(partitions, left_out)
        rows, errors = list(batch.rows()), list(batch.errors)
    places = {row.position: row for row in rows}
    assert batch.count == len(wanted) == len(rows) + len(errors)
    order = [Position(record.topic, record.partition, at) for _, _, at, record in wanted]
    assert [row.position for row in rows] == [at for at in order if at in places]
    assert [error.position for error in errors] == [at for at in order if at not in places]
    for error, record in zip(
        errors, [w[3] for w in wanted if Position(w[3].topic, w[3].partition, w[2]) not in places],
        strict=True,
    ):  # fmt: skip
        assert error.event.original == (record.value or b"")
        assert error.event.reason in {"UNDECODABLE", "UNKNOWN_SCHEMA"}
    assert rows_of(batch) == [
        (order.index(row.position), *row.position, row.timestamp_ms, row.event) for row in rows
    ]


def rows_of(batch: EpochBatch) -> list[tuple[Any, ...]]:
    """The tables' rows as events, in the merged order."""
    found: list[tuple[Any, ...]] = []
    for name, table in batch.tables.items():
        assert table["_index"].is_sorted()
        for index, topic, partition, offset, stamp, *fields in table.iter_rows():
            found.append((index, topic, partition, offset, stamp, CLASSES[name](*fields)))
    return sorted(found, key=lambda row: row[0])


@given(polled(VALUES), st.lists(st.integers(1, 5)))
@settings(max_examples=150, deadline=None)
def test_a_digest_does_not_depend_on_how_records_were_polled(
    partitions: list[Polled], pieces: list[int]
) -> None:
    for one in partitions:
        digests = {input_digest(one.slice(p), CODEC.fingerprint_of) for p in (one.pieces, pieces)}
        assert len(digests) == 1


@given(polled(VALUES), st.integers(0, 7), st.sampled_from(["key", "value", "time"]))
@settings(max_examples=150, deadline=None)
def test_a_digest_covers_every_record(partitions: list[Polled], at: int, what: str) -> None:
    [one, *_] = partitions
    if at >= len(one.records):
        return
    before = input_digest(one.slice([]), CODEC.fingerprint_of)
    offset, record = one.records[at]
    changed = {
        "key": record._replace(key=other(record.key)),
        "value": record._replace(value=other(record.value)),
        "time": record._replace(timestamp_ms=record.timestamp_ms + 1),
    }[what]
    one.records[at] = (offset, changed)
    assert input_digest(one.slice([]), CODEC.fingerprint_of) != before


def other(text: bytes | None) -> bytes:
    """Another text, of the same length where that is possible."""
    return text[:-1] + bytes([text[-1] ^ 1]) if text else b"x"


def test_a_digest_follows_the_fingerprint_not_the_registry_id() -> None:
    values = [CODEC.encode(ClockTick(n)) for n in range(5)]
    renumbered = [b"\0\0\0\x03\xe7" + value[5:] for value in values]
    mixed = [*renumbered[:2], *values[2:]]

    def fingerprint(value: bytes) -> bytes:
        return CODEC.fingerprint_of(values[0])

    def digest(some: list[bytes]) -> bytes:
        records = [(n, OutRecord("t", 0, b"", value, n)) for n, value in enumerate(some)]
        return input_digest(Polled(Tp("t", 0), records, []).slice([3]), fingerprint)

    assert digest(values) == digest(renumbered) == digest(mixed)


@given(polled(TRADES))
@settings(max_examples=50, deadline=None)
def test_good_values_of_one_kind_are_one_table(partitions: list[Polled]) -> None:
    batch = EpochBatch([p.slice(p.pieces) for p in partitions], CODEC, "p")
    wanted = in_order(partitions, frozenset())
    assert not batch.errors
    assert batch.tables.keys() == ({"TradePrinted"} if wanted else set())
    for table in batch.tables.values():
        assert table["_index"].to_list() == list(range(len(wanted)))
        assert table["_index"].dtype == pl.UInt32
        ids = [CODEC.decode(record.value).trade_id for *_, record in wanted]
        assert table["trade_id"].to_list() == ids


def test_a_row_is_an_input() -> None:
    record = OutRecord("a", 0, b"k", CODEC.encode(ClockTick(7)), 5)
    batch = EpochBatch([Polled(Tp("a", 0), [(3, record)], []).slice([])], CODEC, "p")
    assert list(batch.rows()) == [Input(Position("a", 0, 3), 5, b"k", ClockTick(7))]
