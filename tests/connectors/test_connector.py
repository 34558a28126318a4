"""The processes, from the outside: two lines of three venues on the log, signals, exit codes."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from connectors.clock import TOPIC as CLOCK_TOPIC
from connectors.feed.capture import load
from connectors.feed.server import FeedServer, Options
from connectors.raw_writer import TOPIC
from ops.stack import StackInfo, kill_broker, restart_broker
from schemas.events import ConnectionClosed, ConnectionOpened, FrameReceived
from tests.connectors.asynchronous import run, until
from tests.connectors.cluster import create, local_codec, records

ROOT = Path(__file__).parent.parent.parent
SYMBOLS = {
    "BINANCE": ["BTCUSDT", "ETHUSDT"],
    "BINANCE_USDM": ["BTCUSDT"],
    "COINBASE": ["BTC-USD", "ETH-USD"],
}


@pytest.fixture
def prefix(stack: StackInfo, topic_prefix: str) -> str:
    create(stack, topic_prefix + TOPIC, **{"max.message.bytes": 16 * 1024 * 1024})
    create(stack, topic_prefix + CLOCK_TOPIC, partitions=1)
    return topic_prefix


async def start(*args: str) -> Process:
    command = [sys.executable, "-m", "tests.connectors.process", *args]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=PIPE, env=os.environ)


async def connector(stack: StackInfo, prefix: str, venue: str, line: str, url: str) -> Process:
    servers = stack.bootstrap_servers
    return await start("connector", servers, prefix, venue, line, url, *SYMBOLS[venue])


async def end(process: Process) -> tuple[int, str]:
    """SIGTERM; the exit code and what was logged. Fails after 5 s."""
    started_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, stderr = await process.communicate()
    assert time.monotonic() - started_s < 5.0
    assert process.returncode is not None
    return process.returncode, stderr.decode()


def test_three_venues_two_lines(stack: StackInfo, prefix: str) -> None:
    """Six processes, one feed. Both lines of a venue hold the same market data, byte for byte."""
    captures = [
        "binance_spot_btcusdt_20240808", "binance_spot_ethusdt_20240808",
        "binance_usdm_btcusdt_20240808", "coinbase_advanced_20260809_sample",
    ]  # fmt: skip
    frames = load(captures, 0, 10)

    async def main() -> None:
        options = Options(speed=None, wait_for=6, settle_s=1.0)
        async with FeedServer(frames, options) as feed:
            lines = [
                await connector(stack, prefix, venue, line, feed.url(venue))
                for venue in SYMBOLS
                for line in "AB"
            ]
            await until(feed.finished.is_set, "played", 40)
            ends = await asyncio.gather(*(end(line) for line in lines))
            assert [code for code, _ in ends] == [0] * 6, [log for _, log in ends]
            assert all("stopped" in log for _, log in ends)

    run(main(), 60)
    codec = local_codec()
    got: dict[tuple[str, str], list[bytes]] = {}
    kinds: Counter[str] = Counter()
    ended: set[str] = set()
    for messages in records(stack, prefix, TOPIC).values():
        for message in messages:
            event = codec.decode(message.value())
            kinds[type(event).__name__] += 1
            if isinstance(event, FrameReceived):
                got.setdefault((event.venue, event.line), []).append(event.payload)
            elif isinstance(event, ConnectionClosed):
                assert event.reason == "STOPPED"
                ended.add(event.connection)
            else:
                assert isinstance(event, ConnectionOpened)
    assert kinds["ConnectionOpened"] == len(ended) == 6
    for venue in ("BINANCE", "BINANCE_USDM"):
        sent = Counter(frame.payload for frame in frames if frame.venue == venue)
        for line in "AB":
            assert Counter(got[venue, line]) - sent == {b'{"result":null,"id":1}': 1}
            assert not sent - Counter(got[venue, line])
    wanted = books(frame.payload for frame in frames)
    assert books(got["COINBASE", "A"]) == books(got["COINBASE", "B"]) == wanted


def books(payloads: Iterable[bytes]) -> list[bytes]:
    """Coinbase's depth frames without their number, which counts per connection."""
    number = re.compile(rb'"sequence_num":\d+')
    return [number.sub(b"", one) for one in payloads if one.startswith(b'{"channel":"l2_data"')]


@pytest.mark.kills_broker
def test_log_away_at_the_stop(stack: StackInfo, stack_dir: Path, prefix: str) -> None:
    """Frames wait for a broker that is away: the exit code says that they are not on the log."""

    async def main() -> None:
        frames = load(["binance_spot_btcusdt_20240808"], 0, 30)
        async with FeedServer(frames, Options(settle_s=0.2)) as feed:
            process = await connector(stack, prefix, "BINANCE", "A", feed.url("BINANCE"))
            await until(feed.started.is_set, "started", 20)
            await asyncio.to_thread(kill_broker, stack_dir)
            sent = feed.status()["sent"]
            await until(lambda: feed.status()["sent"] > sent + 10)
            code, log = await end(process)
            assert code == 72
            assert "were not confirmed in 3 s" in log
            assert "Traceback" not in log

    try:
        run(main(), 60)
    finally:
        restart_broker(stack_dir)


def test_a_refused_record_ends_the_process(stack: StackInfo, topic_prefix: str) -> None:
    create(stack, topic_prefix + TOPIC, **{"max.message.bytes": 600})

    async def main() -> None:
        frames = load(["binance_spot_btcusdt_20240808"], 0, 5)
        async with FeedServer(frames, Options(speed=None, settle_s=0.2)) as feed:
            process = await connector(stack, topic_prefix, "BINANCE", "A", feed.url("BINANCE"))
            _, stderr = await process.communicate()
            assert process.returncode == 71, stderr.decode()
            assert "MSG_SIZE_TOO_LARGE" in stderr.decode()
            assert "Traceback" not in stderr.decode()

    run(main(), 40)


def test_clock_process(stack: StackInfo, prefix: str) -> None:
    async def main() -> None:
        process = await start("clock", stack.bootstrap_servers, prefix)
        await until(lambda: len(records(stack, prefix, CLOCK_TOPIC)[0]) >= 2, "two ticks", 20)
        code, log = await end(process)
        assert code == 0, log

    run(main(), 40)
    codec = local_codec()
    times = [codec.decode(m.value()).ts_ns for m in records(stack, prefix, CLOCK_TOPIC)[0]]
    gaps = [(later - first) / 1e9 for first, later in itertools.pairwise(times)]
    assert all(0.5 < gap < 1.5 for gap in gaps)
