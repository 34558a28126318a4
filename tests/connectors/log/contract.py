"""What every log must do: the same checks for the one in memory and for Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import pytest

from connectors.log.errors import Fenced, OffsetsGone, TopicMissing, TransactionHangs
from connectors.log.interface import Log, Message, OutRecord, Reader, Tp, Writer
from connectors.log.places import present
from connectors.log.ranges import passing

TOPICS = {"one": 1, "three": 3}
ONE = Tp("one", 0)
PATIENCE_S = 20.0


class Backend(Protocol):
    """A log with `TOPICS`, and what only an edge or an operator does to it."""

    @property
    def log(self) -> Log: ...
    def append(self, records: Sequence[OutRecord]) -> None:
        """Writes outside any transaction."""
        ...

    def trim(self, tp: Tp, low: int) -> None: ...


def record(value: bytes, partition: int = 0, topic: str = "one", at_ms: int = 1_000) -> OutRecord:
    return OutRecord(topic, partition, b"key", value, at_ms)


def records(*values: bytes) -> list[OutRecord]:
    return [record(value) for value in values]


def values(messages: Sequence[Message]) -> list[bytes]:
    return [m.value() for m in messages]


def committed(log: Log, tp: Tp = ONE) -> list[Message]:
    low, end = log.bounds(tp)
    return log.read(tp, low, end, PATIENCE_S)


def opened(log: Log, identifier: str = "writer") -> Writer:
    writer = log.writer(identifier)
    writer.fence()
    return writer


def write(writer: Writer, *wanted: OutRecord) -> Mapping[Tp, int]:
    writer.begin()
    writer.send(wanted)
    return writer.commit()


def gathered(reader: Reader, count: int, tp: Tp = ONE) -> list[Message]:
    """The next `count` records of a partition."""
    found: list[Message] = []
    limit = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < limit:
        found += reader.poll(100, 0.05).get(tp, [])
    return found


def reached(reader: Reader, tp: Tp, position: int, end: int) -> bool:
    """Whether the reader comes to see that nothing but markers lies up to `end`."""
    limit = time.monotonic() + PATIENCE_S
    while reader.end_seen(tp, position) < end and time.monotonic() < limit:
        assert not reader.poll(100, 0.05)
    return reader.end_seen(tp, position) == end


def counts_partitions(b: Backend) -> None:
    assert (b.log.partition_count("one"), b.log.partition_count("three")) == (1, 3)


def names_a_missing_topic(b: Backend) -> None:
    with pytest.raises(TopicMissing, match="absent is missing"):
        b.log.partition_count("absent")
    with pytest.raises(TopicMissing):
        b.log.bounds(Tp("absent", 0))


def is_empty_at_first(b: Backend) -> None:
    assert b.log.bounds(ONE) == (0, 0)
    assert committed(b.log) == []


def keeps_what_a_record_is(b: Backend) -> None:
    wanted = OutRecord("three", 2, b"k", b"v", 1_234, (("h", b"1"), ("i", b"2")))
    write(opened(b.log), wanted)
    [m] = committed(b.log, Tp("three", 2))
    assert (m.partition(), m.offset(), m.key(), m.value()) == (2, 0, b"k", b"v")
    assert m.timestamp()[1] == 1_234
    assert m.headers() == [("h", b"1"), ("i", b"2")]


def keeps_the_order_of_a_partition(b: Backend) -> None:
    wanted = [str(number).encode() for number in range(500)]
    b.append(records(*wanted))
    assert values(committed(b.log)) == wanted


def leaves_gaps_where_transactions_end(b: Backend) -> None:
    writer = opened(b.log)
    write(writer, *records(b"0"))
    write(writer, *records(b"2"))
    assert [m.offset() for m in committed(b.log)] == [0, 2]
    assert b.log.bounds(ONE) == (0, 4)


def tells_where_a_commit_ended(b: Backend) -> None:
    ends = write(opened(b.log), *records(b"0", b"1"), record(b"x", 1, "three"))
    assert ends == {ONE: 2, Tp("three", 1): 1}


def hides_an_open_transaction_and_what_follows(b: Backend) -> None:
    writer = opened(b.log)
    b.append(records(b"before"))
    writer.begin()
    writer.send(records(b"inside"))
    wait_for_end(b.log, 2)
    b.append(records(b"after"))
    wait_for_end(b.log, 3)
    assert values(gathered_now(b.log)) == [b"before"]
    with pytest.raises(TransactionHangs, match="left open hides records from offset 1"):
        b.log.read(ONE, 0, 3, 0.5)
    writer.commit()
    assert values(committed(b.log)) == [b"before", b"inside", b"after"]


def wait_for_end(log: Log, end: int) -> None:
    limit = time.monotonic() + PATIENCE_S
    while log.bounds(ONE)[1] < end and time.monotonic() < limit:
        time.sleep(0.02)
    assert log.bounds(ONE)[1] == end


def gathered_now(log: Log) -> list[Message]:
    """What a reader gets within half a second."""
    reader, found = log.reader({ONE: 0}), list[Message]()
    limit = time.monotonic() + 0.5
    while time.monotonic() < limit:
        found += reader.poll(100, 0.05).get(ONE, [])
    reader.close()
    return found


def a_successor_aborts_what_is_open_and_fences(b: Backend) -> None:
    first = opened(b.log)
    first.begin()
    first.send(records(b"half"))
    second = opened(b.log)
    write(second, *records(b"whole"))
    with pytest.raises(Fenced):
        send_and_commit(first)
    assert values(committed(b.log)) == [b"whole"]


def a_fenced_writer_cannot_begin_again(b: Backend) -> None:
    first = opened(b.log)
    write(first, *records(b"0"))
    write(opened(b.log), *records(b"1"))
    with pytest.raises(Fenced):
        write(first, *records(b"2"))
    assert values(committed(b.log)) == [b"0", b"1"]


def send_and_commit(writer: Writer) -> None:
    writer.send(records(b"more"))
    writer.commit()


def writers_of_other_ids_do_not_fence(b: Backend) -> None:
    first, second = opened(b.log, "a"), opened(b.log, "b")
    write(first, *records(b"a"))
    write(second, *records(b"b"))
    write(first, *records(b"c"))
    assert values(committed(b.log)) == [b"a", b"b", b"c"]


def reads_from_a_position_on(b: Backend) -> None:
    b.append(records(b"0", b"1", b"2", b"3"))
    reader = b.log.reader({ONE: 2})
    assert values(gathered(reader, 2)) == [b"2", b"3"]
    b.append(records(b"4"))
    assert values(gathered(reader, 1)) == [b"4"]
    reader.close()


def reads_several_partitions(b: Backend) -> None:
    b.append([record(str(p).encode(), p, "three") for p in range(3)])
    reader = b.log.reader({Tp("three", 0): 0, Tp("three", 2): 0})
    found: dict[Tp, list[bytes]] = {}
    limit = time.monotonic() + PATIENCE_S
    while len(found) < 2 and time.monotonic() < limit:
        found |= {tp: values(messages) for tp, messages in reader.poll(100, 0.05).items()}
    assert found == {Tp("three", 0): [b"0"], Tp("three", 2): [b"2"]}
    reader.close()


def sees_beyond_markers(b: Backend) -> None:
    write(opened(b.log), *records(b"0"))
    reader = b.log.reader({ONE: 0})
    assert len(gathered(reader, 1)) == 1
    assert reached(reader, ONE, 1, 2)
    assert reader.end(ONE) == 2
    reader.close()


def an_open_transaction_is_no_backlog(b: Backend) -> None:
    """What it wrote lies on the log, and may never come: nothing else waits for it."""
    other = Tp("three", 0)
    write(opened(b.log), *records(b"0"))
    reader = b.log.reader({ONE: 0, other: 0})
    assert len(gathered(reader, 1)) == 1
    assert reached(reader, ONE, 1, 2)
    writer = opened(b.log, "open")
    writer.begin()
    writer.send(records(b"1", b"2", b"3"))
    limit = time.monotonic() + PATIENCE_S
    while b.log.bounds(ONE)[1] < 5:
        assert time.monotonic() < limit, "never written"
    b.append([record(b"beside", 0, "three")])
    assert len(gathered(reader, 1, other)) == 1
    assert reader.end(ONE) == 2
    writer.commit()
    assert values(gathered(reader, 3)) == [b"1", b"2", b"3"]
    assert reached(reader, ONE, 5, 6)
    reader.close()


def holds_back_paused_partitions(b: Backend) -> None:
    b.append(records(b"0", b"1"))
    reader = b.log.reader({ONE: 0})
    reader.pause([ONE])
    reader.pause([ONE])
    assert all(not reader.poll(100, 0.05) for _ in range(5))
    reader.resume([ONE])
    assert values(gathered(reader, 2)) == [b"0", b"1"]
    reader.close()


def finds_the_first_offset_of_a_time(b: Backend) -> None:
    b.append([record(b"", at_ms=at_ms) for at_ms in (1_000, 2_000, 3_000)])
    found = [b.log.offset_at(ONE, at_ms) for at_ms in (0, 2_000, 2_001, 9_000)]
    assert found == [0, 1, 2, 3]


def offsets_that_are_gone_are_an_error(b: Backend) -> None:
    b.append(records(b"0", b"1", b"2"))
    b.trim(ONE, 2)
    assert b.log.bounds(ONE) == (2, 3)
    with pytest.raises(OffsetsGone, match="offset 0 is gone"):
        b.log.read(ONE, 0, 3, PATIENCE_S)
    reader = b.log.reader({ONE: 0})
    with pytest.raises(OffsetsGone, match="retention"):
        gathered(reader, 1)
    reader.close()


def passes_the_records_of_a_range(b: Backend) -> None:
    writer = opened(b.log)
    for number in range(3):
        write(writer, *records(*(b"%d" % (3 * number + at) for at in range(3))))
    whole = committed(b.log)
    start, end = whole[2].offset(), whole[7].offset()
    assert values([*passing(b.log, ONE, start, end, PATIENCE_S)]) == values(whole[2:7])
    assert values([*passing(b.log, ONE, *b.log.bounds(ONE), PATIENCE_S)]) == values(whole)
    assert not [*passing(b.log, ONE, start, start, PATIENCE_S)]
    some = passing(b.log, ONE, start, end, PATIENCE_S)
    assert next(some).value() == whole[2].value()
    some.close()
    b.trim(ONE, end)
    with pytest.raises(OffsetsGone, match=f"offset {start} is gone"):
        next(passing(b.log, ONE, start, end, PATIENCE_S))


def names_what_an_open_transaction_hides(b: Backend) -> None:
    b.append(records(b"0"))
    writer = opened(b.log)
    writer.begin()
    writer.send(records(b"1"))
    wait_for_end(b.log, 2)
    found = passing(b.log, ONE, 0, 2, 0.2)
    assert next(found).value() == b"0"
    with pytest.raises(TransactionHangs, match="hides records from offset 1 on"):
        next(found)
    writer.commit()


def knows_which_topics_are_present(b: Backend) -> None:
    assert present(b.log, "one", "none", "three") == [ONE, *(Tp("three", p) for p in range(3))]


def remembers_the_offsets_of_a_group(b: Backend) -> None:
    tps = [Tp("three", p) for p in range(3)]
    assert b.log.group_offsets("group", tps) == {}
    b.log.commit_group("group", {tps[1]: 7})
    limit = time.monotonic() + PATIENCE_S
    while not b.log.group_offsets("group", tps) and time.monotonic() < limit:
        time.sleep(0.02)
    assert b.log.group_offsets("group", tps) == {tps[1]: 7}
    assert b.log.group_offsets("another", tps) == {}


Check = Callable[[Backend], None]
CHECKS: tuple[Check, ...] = (
    counts_partitions,
    names_a_missing_topic,
    is_empty_at_first,
    keeps_what_a_record_is,
    keeps_the_order_of_a_partition,
    leaves_gaps_where_transactions_end,
    tells_where_a_commit_ended,
    hides_an_open_transaction_and_what_follows,
    a_successor_aborts_what_is_open_and_fences,
    a_fenced_writer_cannot_begin_again,
    writers_of_other_ids_do_not_fence,
    reads_from_a_position_on,
    reads_several_partitions,
    sees_beyond_markers,
    an_open_transaction_is_no_backlog,
    holds_back_paused_partitions,
    finds_the_first_offset_of_a_time,
    offsets_that_are_gone_are_an_error,
    passes_the_records_of_a_range,
    names_what_an_open_transaction_hides,
    knows_which_topics_are_present,
    remembers_the_offsets_of_a_group,
)
