"""Frames on a real broker: where they lie, that they all do, and how much waits meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed as SocketClosed

from connectors.connector import Connector, _serve
from connectors.log.errors import Aborted, LogUnreachable, TopicMissing
from connectors.partitioner import murmur2_partition
from connectors.raw_writer import TOPIC, Bound, RawWriter
from connectors.venues import venue
from ops.stack import StackInfo, kill_broker, restart_broker
from schemas.events import ConnectionClosed, ConnectionOpened, FrameReceived
from tests.connectors.asynchronous import run, until
from tests.connectors.cluster import PARTITIONS, LeavingRegistry, create, local_codec, records
from tests.connectors.venues.rig import SOON, acknowledge, data, little_venue, protocol

MEGABYTE = 1024 * 1024
LATE = {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "test.mock.broker.rtt": 500}
# The broker refuses stamps more than an hour ahead of its clock.
NOW_NS = time.time_ns()


def writer(stack: StackInfo, prefix: str, bound: Bound = Bound()) -> RawWriter:  # noqa: B008
    options = {"bootstrap.servers": stack.bootstrap_servers}
    return RawWriter(options, prefix, local_codec(), venue("BINANCE").route(), bound)


@pytest.fixture
def prefix(stack: StackInfo, topic_prefix: str) -> str:
    create(stack, topic_prefix + TOPIC, **{"max.message.bytes": 16 * MEGABYTE})
    return topic_prefix


def frame(number: int, symbol: str = "btcusdt", ts_ns: int = NOW_NS) -> FrameReceived:
    payload = b'{"stream":"%b@trade","data":%d}' % (symbol.encode(), number)
    return FrameReceived("BINANCE", "A", "c1", ts_ns + number, payload)


@pytest.mark.parametrize(
    ("records", "size", "oldest_s", "exceeded", "relieved"),
    [
        (0, 0, 0.0, False, True),
        (9, 99, 0.9, False, False),
        (10, 0, 0.0, True, False),
        (0, 100, 0.0, True, False),
        (0, 0, 1.0, True, False),
        (4, 49, 0.4, False, True),
        (5, 0, 0.0, False, False),
    ],
)
def test_bound(records: int, size: int, oldest_s: float, exceeded: bool, relieved: bool) -> None:
    bound = Bound(records=10, bytes=100, age_s=1.0)
    assert bound.exceeded(records, size, oldest_s) is exceeded
    assert bound.relieved(records, size, oldest_s) is relieved


def test_frames_lie_where_their_key_belongs(stack: StackInfo, prefix: str) -> None:
    events = [
        frame(1), frame(2, "ethusdt"), frame(3, "solusdt"), frame(4),
        FrameReceived("BINANCE", "A", "c1", NOW_NS + 123_456_789, b"\xffgarbage"),
    ]  # fmt: skip

    async def main() -> None:
        raw = writer(stack, prefix)
        for event in events:
            raw.frame(event)
        raw.event(ConnectionOpened("BINANCE", "A", "c1", NOW_NS, "ws://x", ("a",)))
        raw.event(ConnectionClosed("BINANCE", "A", "c1", NOW_NS, "STOPPED", ""))
        assert raw.records == 10  # the end of a connection goes under each of its four keys
        raw.close(10.0)
        assert (raw.records, raw.bytes, raw.confirmed) == (0, 0, 10)

    run(main())
    codec = local_codec()
    found: dict[bytes, list[Any]] = {}
    for partition, messages in records(stack, prefix, TOPIC).items():
        for message in messages:
            key = message.key() or b""
            assert partition == murmur2_partition(key, PARTITIONS)
            event = codec.decode(message.value())
            assert message.timestamp()[1] == event.ts_recv_ns // 1_000_000
            found.setdefault(key, []).append(event)
    closed = found[b"BINANCE"][-1]
    assert found[b"BINANCE:BTCUSDT.BINANCE"] == [events[0], events[3], closed]
    assert found[b"BINANCE:ETHUSDT.BINANCE"] == [events[1], closed]
    assert found[b"BINANCE:SOLUSDT.BINANCE"] == [events[2], closed]
    assert found[b"BINANCE"][0] == events[4]
    assert [type(event).__name__ for event in found[b"BINANCE"][1:]] == [
        "ConnectionOpened", "ConnectionClosed",
    ]  # fmt: skip


def test_a_frame_of_many_megabytes(stack: StackInfo, prefix: str) -> None:
    big = FrameReceived("COINBASE", "A", "c1", 5, os.urandom(15 * MEGABYTE))

    async def main() -> None:
        raw = writer(stack, prefix)
        raw.frame(big)
        raw.close(20.0)

    run(main())
    [message] = [m for some in records(stack, prefix, TOPIC).values() for m in some]
    assert local_codec().decode(message.value()) == big


def test_what_the_log_refuses_fails_the_writer(stack: StackInfo, topic_prefix: str) -> None:
    create(stack, topic_prefix + TOPIC, **{"max.message.bytes": 1000})

    async def main() -> None:
        raw = writer(stack, topic_prefix)
        pumping = asyncio.create_task(raw.run())
        raw.frame(frame(1)._replace(payload=os.urandom(5000)))
        with pytest.raises(Aborted, match="MSG_SIZE_TOO_LARGE"):
            await raw.failed
        pumping.cancel()

    run(main())


def test_errors_at_the_start(
    stack: StackInfo, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        with pytest.raises(TopicMissing, match="tape topics apply"):
            writer(stack, topic_prefix)
        monkeypatch.setattr("connectors.log.kafka.REQUEST_TIMEOUT_S", 0.5)
        with pytest.raises(LogUnreachable):
            writer(StackInfo("127.0.0.1:1", ""), topic_prefix)

    run(main())


def test_an_old_record_alone_makes_the_writer_full() -> None:
    """librdkafka's mock cluster, which answers everything half a second late."""

    async def main() -> None:
        raw = RawWriter(LATE, "", local_codec(), venue("BINANCE").route(), Bound(age_s=0.2))
        pumping = asyncio.create_task(raw.run())
        raw.frame(frame(1))
        assert not raw.full
        await until(lambda: raw.full, "full by age")
        assert raw.records == 1
        await raw.room()
        assert (raw.full, raw.records) == (False, 0)
        pumping.cancel()

    run(main())


def test_a_hang_up_is_written_while_no_registry_answers(stack: StackInfo, prefix: str) -> None:
    registry = LeavingRegistry()

    async def hangs_up(socket: ServerConnection) -> None:
        await acknowledge(socket)
        await socket.send(data(1), text=True)

    async def main() -> None:
        options = {"bootstrap.servers": stack.bootstrap_servers}
        raw = RawWriter(options, prefix, registry.codec, venue("BINANCE").route())
        registry.gone = True
        async with little_venue(hangs_up) as url:
            connector = Connector(
                "BINANCE", "A", ["BTCUSDT"], raw,
                channels=["trade"], url=url, protocol=protocol(), backoff=SOON,
            )  # fmt: skip
            running = asyncio.create_task(connector.run())
            await until(lambda: running.done() or "VENUE" in connector.status()[0]["last_end"])
            connector.stop()
            await running
        raw.close(10.0)

    run(main())
    codec, found = local_codec(), list[Any]()
    for messages in records(stack, prefix, TOPIC).values():
        found += [codec.decode(message.value()) for message in messages]
    assert data(1) in [one.payload for one in found if isinstance(one, FrameReceived)]
    reasons = [one.reason for one in found if isinstance(one, ConnectionClosed)]
    assert "VENUE_CLOSED" in reasons


class Failing:
    """A connector that fails when it has handed over ten frames."""

    def __init__(self, raw: RawWriter) -> None:
        self._raw = raw

    async def run(self) -> None:
        for number in range(10):
            self._raw.frame(frame(number))
        raise ValueError("a mistake of ours")

    def stop(self) -> None:
        raise AssertionError("nobody stops it")


@pytest.mark.parametrize(
    ("flush_s", "confirmed", "says"),
    [
        pytest.param(10.0, 10, [], id="the broker answers"),
        pytest.param(0.1, 0, ["10 records for md.raw.v1 were not confirmed in 0.1 s"], id="not"),
    ],
)
def test_whatever_ends_a_connector_its_frames_are_waited_for(
    flush_s: float,
    confirmed: int,
    says: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The mock cluster again, which answers half a second late."""
    monkeypatch.setattr("connectors.connector.FLUSH_S", flush_s)

    async def main() -> None:
        raw = RawWriter(LATE, "", local_codec(), venue("BINANCE").route())
        with pytest.raises(ValueError, match="a mistake of ours"):
            await _serve(cast(Connector, Failing(raw)), raw, 30.0)
        assert raw.confirmed == confirmed

    run(main())
    assert [one.message for one in caplog.records if one.levelname == "CRITICAL"] == says


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.kills_broker
def test_broker_killed_and_restarted(stack: StackInfo, stack_dir: Path, prefix: str) -> None:
    """1. A venue sends frames of 2 kB as fast as they are taken; the broker is killed.
    2. What waits stays within the bound and what a socket may hold; memory does not grow, though
       the venue would have sent gigabytes; the connection is given up as LOG_UNAVAILABLE.
    3. The broker is back: the line reconnects. Stopped in the end, everything that was received is
       on the log, once, in its order.
    """
    bound = Bound(records=5_000, bytes=8 * MEGABYTE, age_s=1.0)
    held = Bound(bound.records + 2_000, bound.bytes + 4 * MEGABYTE)
    filler = b"x" * 2000

    async def firehose(socket: ServerConnection) -> None:
        await acknowledge(socket)
        try:
            for number in range(10**9):
                await socket.send(data(number)[:-1] + b',"f":"%b"}' % filler, text=True)
        except SocketClosed:
            return

    async def main() -> None:
        raw = writer(stack, prefix, bound)
        pumping = asyncio.create_task(raw.run())
        async with little_venue(firehose) as url:
            connector = Connector(
                "BINANCE", "A", ["BTCUSDT"], raw,
                channels=["trade"], url=url, protocol=protocol(unread_s=1.0), backoff=SOON,
            )  # fmt: skip
            running = asyncio.create_task(connector.run())
            await until(lambda: raw.confirmed > 5_000, "frames flow")
            before = resident_bytes()
            await asyncio.to_thread(kill_broker, stack_dir)
            await until(lambda: raw.full, "full")
            await until(lambda: connector.status()[0]["state"] == "BACKING_OFF", "given up")
            assert "LOG_UNAVAILABLE" in connector.status()[0]["last_end"]
            assert raw.records <= held.records
            assert raw.bytes <= held.bytes
            assert resident_bytes() - before < 40 * MEGABYTE
            received = connector.status()[0]["frames"]
            confirmed = raw.confirmed
            restarting = asyncio.create_task(asyncio.to_thread(restart_broker, stack_dir))
            await until(lambda: raw.confirmed > confirmed + 20_000, "frames flow again", 60)
            assert connector.status()[0]["frames"] > received
            await restarting
            connector.stop()
            await running
        pumping.cancel()
        raw.close(30.0)
        counts.update(written=raw.confirmed, received=connector.status()[0]["frames"])

    counts: dict[str, int] = {}
    run(main(), 120)
    codec = local_codec()
    events = [
        codec.decode(message.value())
        for messages in records(stack, prefix, TOPIC).values()
        for message in messages
    ]
    frames = [event for event in events if isinstance(event, FrameReceived)]
    assert (len(events), len(frames)) == (counts["written"], counts["received"])
    ends = {end.connection: end.reason for end in events if isinstance(end, ConnectionClosed)}
    assert sorted(set(ends.values())) == ["LOG_UNAVAILABLE", "STOPPED"]
    numbers: dict[str, list[int]] = {connection: [] for connection in ends}
    for frame in frames:
        if frame.payload.startswith(b'{"stream"'):
            number = int(frame.payload.split(b'"data":')[1].split(b",")[0])
            numbers[frame.connection].append(number)
    for some in numbers.values():
        assert some == list(range(len(some))), "once each, in order, without a hole"
