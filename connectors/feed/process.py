"""The process `tape feed`: a feed server until SIGTERM, SIGINT or, if so asked, its end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from typing import Any

from connectors.feed.capture import Frame
from connectors.feed.server import FeedServer, Options

Report = Callable[[dict[str, Any]], None]


def run_feed(
    frames: Sequence[Frame],
    options: Options,
    report: Report,
    host: str = "127.0.0.1",
    port: int = 0,
    every_s: float = 1.0,
) -> None:
    """Serve until a signal, or until the end with `close_at_end`.

    `report` gets the addresses at once (`urls`), then the server's status every `every_s` and at
    the end. Raises `CannotListen`.
    """
    asyncio.run(_serve(frames, options, report, host, port, every_s))


async def _serve(
    frames: Sequence[Frame],
    options: Options,
    report: Report,
    host: str,
    port: int,
    every_s: float,
) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with FeedServer(frames, options, host, port) as feed:
        report({"state": "listening", "urls": feed.urls()})
        before: dict[str, Any] = {}
        while not stop.is_set() and not (options.close_at_end and feed.finished.is_set()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)
            if feed.status() != before:
                before = feed.status()
                report(before)
