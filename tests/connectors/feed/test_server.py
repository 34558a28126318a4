"""The feed over real sockets: what clients get, when, and what a fault does to them.

1. All frames of the subscribed streams arrive, in order, at every client alike.
2. Playing begins with the last of the awaited subscribers.
3. Time runs at the given speed.
4. Each fault shows at the client as what it is.
"""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from connectors.feed.capture import Frame, load
from connectors.feed.faults import FaultPlan, Faults
from connectors.feed.server import FeedServer, Options
from tests.connectors.asynchronous import run, until

FAST = Options(speed=None, settle_s=0.05)
VENUES = ["BINANCE", "BINANCE_USDM"]
SPOT = "binance_spot_btcusdt_20240808"


def numbered(count: int, gap_ns: int = 1_000_000) -> list[Frame]:
    return [
        Frame(at * gap_ns, "BINANCE", ("x@trade",), b'{"stream":"x@trade","data":%d}' % at)
        for at in range(count)
    ]


async def subscribe(feed: FeedServer, streams: str = "x@trade") -> ClientConnection:
    client = await connect(f"{feed.url('BINANCE')}/stream?streams={streams}", max_queue=None)
    return client


async def take(client: ClientConnection, count: int) -> list[bytes]:
    return [await client.recv(decode=False) for _ in range(count)]


async def take_all(client: ClientConnection) -> list[bytes]:
    got: list[bytes] = []
    try:
        while True:
            got.append(await client.recv(decode=False))
    except ConnectionClosed:
        return got


def test_every_client_gets_every_frame_in_order() -> None:
    frames = load([SPOT], 0, 20)
    wanted = [frame.payload for frame in frames if frame.streams[0] != "btcusdt@trade"]

    async def main() -> None:
        options = FAST._replace(wait_for=2, close_at_end=True)
        async with FeedServer(frames, options) as feed:
            streams = "btcusdt@bookTicker/btcusdt@depth@100ms"
            a, b = await subscribe(feed, streams), await subscribe(feed, streams)
            assert list(await asyncio.gather(take_all(a), take_all(b))) == [wanted, wanted]
            await until(feed.finished.is_set)
            assert feed.status()["sent"] == 2 * len(wanted)
            assert feed.status()["state"] == "finished"

    run(main())


def test_venues_with_equal_stream_names_are_kept_apart() -> None:
    async def main() -> None:
        payloads = {code: b'{"stream":"x@trade","data":"%b"}' % code.encode() for code in VENUES}
        frames = [Frame(0, code, ("x@trade",), payload) for code, payload in payloads.items()]
        async with FeedServer(frames, FAST._replace(wait_for=2, close_at_end=True)) as feed:
            clients = [await connect(f"{feed.url(code)}/stream?streams=x@trade") for code in VENUES]
            got = await asyncio.gather(*map(take_all, clients))
        assert got == [[payload] for payload in payloads.values()]

    run(main())


def test_waits_for_its_subscribers() -> None:
    async def main() -> None:
        async with FeedServer(numbered(3), FAST._replace(wait_for=2, settle_s=0.02)) as feed:
            first = await subscribe(feed)
            silent = await connect(f"{feed.url('BINANCE')}/stream")
            await until(lambda: feed.status()["connections"] == 2)
            for _ in range(100):
                await asyncio.sleep(0.001)
            assert feed.status()["state"] == "waiting"
            await silent.send('{"method":"SUBSCRIBE","params":["x@trade"],"id":1}')
            assert len(await take(first, 3)) == 3
            assert (await take(silent, 4))[0] == b'{"result":null,"id":1}'

    run(main())


def test_subscription_of_several_messages_is_waited_for() -> None:
    """Coinbase takes a message per channel; the first must not start the clock."""

    async def main() -> None:
        frames = load(["coinbase_advanced_20260809_sample"])
        async with FeedServer(frames, FAST._replace(settle_s=0.3, close_at_end=True)) as feed:
            client = await connect(feed.url("COINBASE"), max_queue=None, max_size=None)
            for channel in ("market_trades", "level2"):
                message = {"type": "subscribe", "channel": channel, "product_ids": ["BTC-USD"]}
                await client.send(json.dumps(message))
                assert b"subscriptions" in await client.recv(decode=False)
            got = [json.loads(frame) for frame in await take_all(client)]
            assert [one["sequence_num"] for one in got] == list(range(2, len(got) + 2))
            assert sum(one["channel"] == "l2_data" for one in got) == 154
            assert sum(one["channel"] == "market_trades" for one in got) == 20

    run(main())


def test_time_runs_at_the_given_speed() -> None:
    """100 frames in 0.99 s of capture, at ten times the speed: about 0.1 s, never less."""

    async def main() -> None:
        async with FeedServer(numbered(100, 10_000_000), FAST._replace(speed=10.0)) as feed:
            client = await subscribe(feed)
            await client.recv()
            started_s = time.monotonic()
            await take(client, 99)
            assert 0.08 < time.monotonic() - started_s < 2.0

    run(main())


def test_a_late_client_joins_where_the_clock_is() -> None:
    async def main() -> None:
        async with FeedServer(numbered(4000), FAST._replace(speed=1.0)) as feed:
            early = await subscribe(feed)
            await take(early, 50)
            late = await subscribe(feed)
            first = json.loads(await late.recv())
            assert first["data"] >= 50

    run(main())


def test_idle_coinbase_clients_get_heartbeats() -> None:
    async def main() -> None:
        async with FeedServer([], FAST) as feed:
            client = await connect(feed.url("COINBASE"))
            await client.send('{"type":"subscribe","channel":"heartbeats"}')
            frames = [json.loads(frame) for frame in await take(client, 2)]
            assert [frame["channel"] for frame in frames] == ["subscriptions", "heartbeats"]
            assert [frame["sequence_num"] for frame in frames] == [0, 1]

    run(main())


def test_unknown_path_is_refused() -> None:
    async def main() -> None:
        async with FeedServer([], FAST) as feed:
            with pytest.raises(InvalidStatus, match="404"):
                await connect(f"ws://127.0.0.1:{feed.port}/kraken")

    run(main())


async def suffered(faults: Faults, count: int = 300) -> tuple[list[bytes], FeedServer]:
    """What one client got of `count` frames, the connection being closed at the end."""
    options = FAST._replace(faults=faults, seed=11, close_at_end=True)
    async with FeedServer(numbered(count), options) as feed:
        client = await subscribe(feed)
        return await take_all(client), feed


def test_loss_duplication_and_garbage() -> None:
    async def main() -> None:
        faults = Faults(loss=0.1, duplication=0.1, garbage=0.1, delay=0.01, delay_s=0.001)
        got, feed = await suffered(faults)
        sent = [frame.payload for frame in numbered(300)]
        real = [frame for frame in got if frame in set(sent)]
        counts = feed.status()["faults"]
        assert len(set(sent)) - len(set(real)) == counts["loss"]
        assert len(got) - len(real) == counts["garbage"]
        assert real == sorted(real, key=sent.index)
        assert feed.status()["sent"] == len(real)
        assert (await suffered(faults))[0] == got, "the same seed gives the same faults"

    run(main())


def test_disconnect_comes_without_a_goodbye() -> None:
    async def main() -> None:
        async with FeedServer(numbered(10), FAST._replace(faults=Faults(disconnect=1.0))) as feed:
            client = await subscribe(feed)
            with pytest.raises(ConnectionClosedError, match="no close frame"):
                await client.recv()
            await until(feed.finished.is_set)
            assert feed.status()["faults"] == {"disconnect": 1}

    run(main())


def test_silence_discards_what_comes() -> None:
    """Everything up to the first silence, nothing after it; the connection itself stays."""

    async def main() -> None:
        faults = Faults(silence=0.05)
        got, feed = await suffered(faults)
        plan = FaultPlan(faults, 11, 1)
        first = next(
            at for at, frame in enumerate(numbered(300)) if plan.steps(frame.payload)[0].seconds
        )
        assert got == [frame.payload for frame in numbered(first)]
        assert 0 < first < 200
        assert feed.status()["connections"] == 1

    run(main())


def test_a_client_too_slow_for_the_clock_is_thrown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.feed.connection.BACKLOG_MAX", 10)

    async def main() -> None:
        big = [frame._replace(payload=bytes(200_000)) for frame in numbered(300, 1000)]
        async with FeedServer(big, FAST._replace(speed=1.0)) as feed:
            client = await connect(f"{feed.url('BINANCE')}/stream?streams=x@trade", max_queue=1)
            await until(lambda: feed.status()["state"] == "finished")
            await until(lambda: not feed.status()["open"])
            assert len(await take_all(client)) < 300

    run(main())
