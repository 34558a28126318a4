"""What is left undecoded tells nothing: flags read from bytes are those of the events. What is no
event is said and left out, whatever topic it lies in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import pytest

from connectors.log.interface import Message, OutRecord, Tp
from connectors.log.memory import MemoryMessage
from ops.console.reading import Telling, apply
from ops.console.state import EPOCHS, MARKET, ORDERS, SNAPSHOTS, WHOLE, State
from pipelines.batches import local_codec
from schemas.events import BookChanged, ConnectionOpened, FrameReceived

CODEC = local_codec()
BOOKS, FRAMES = Tp("md.book.v1", 0), Tp("md.raw.v1", 0)


def message(tp: Tp, offset: int, event: object, key: str, at_ms: int = 0) -> Message:
    record = OutRecord(tp.topic, tp.partition, key.encode(), CODEC.encode(event), at_ms)
    return MemoryMessage(record, offset)


def book(offset: int, name: str, snapshot: bool) -> Message:
    one = (Decimal(1),)
    event = BookChanged("V" * 7, name, snapshot, 1, 2, None, one, one, (), (), None, 5, "A")
    return message(BOOKS, offset, event, name)


def frame(offset: int, line: str, at_ms: int) -> Message:
    return message(FRAMES, offset, FrameReceived("V", line, "c", 1, b"x"), "V", at_ms)


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        pytest.param([[("A", False), ("A", False)]], [[]], id="never whole"),
        pytest.param([[("A", False), ("A", True), ("A", False)]], [[1, 2]], id="from the snapshot"),
        pytest.param([[("A", True), ("A", False), ("A", True)]], [[2]], id="the newest snapshot"),
        pytest.param([[("A", True)], [("A", False)]], [[0], [0]], id="whole since the last batch"),
        pytest.param([[("A", True), ("B", False)]], [[0]], id="each book by itself"),
    ],
)
def test_a_book_begins_with_its_snapshot(
    batches: list[list[tuple[str, bool]]], told: list[list[int]]
) -> None:
    telling = Telling(CODEC)
    for batch, wanted in zip(batches, told, strict=True):
        found = telling.of(BOOKS, [book(at, *one) for at, one in enumerate(batch)])
        assert [one.offset() for one in found] == wanted


STRAY = (b"", b"hi", b"hello world!", b"\0\0\0\0", b"\0\0\0\0\1", b"\0\xff\xff\xff\xff\2a", None)
TOPICS = (*MARKET, FRAMES.topic, *ORDERS, *WHOLE, *EPOCHS, SNAPSHOTS)


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_no_event_is_said_and_left_out(
    topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    tp = Tp(topic, 0)
    records = [OutRecord(*tp, b"k", cast(bytes, value), 5) for value in STRAY]
    found = [MemoryMessage(one, at) for at, one in enumerate(records)]
    state, telling = State(), Telling(CODEC)
    for one in found:
        apply(state, CODEC, telling.of(tp, [one]))
    assert not state.versions
    said = [text for text in caplog.messages if text.startswith(f"{topic}/0/")]
    assert len(said) == (0 if tp == BOOKS else len(STRAY))  # no book began with a snapshot


def test_a_stray_record_begins_no_book() -> None:
    stray = MemoryMessage(OutRecord(*BOOKS, b"A", b"hel\0\0\0\0\1", 5), 2)
    batch = [book(0, "A", True), book(1, "A", False), stray, book(3, "A", False)]
    found = Telling(CODEC).of(BOOKS, batch)
    assert [one.offset() for one in found] == [0, 1, 2, 3]


def test_of_each_line_the_newest_frame_is_read() -> None:
    opened = message(FRAMES, 3, ConnectionOpened("V", "A", "c", 1, "ws://x", ()), "V", 1)
    batch = [frame(0, "A", 5), frame(1, "A", 9), frame(2, "B", 7), opened, frame(4, "A", 8)]
    assert {one.offset() for one in Telling(CODEC).of(FRAMES, batch)} == {1, 2, 3}
