"""The process `tape venue`: a simulated venue until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Any

from connectors.epochs.tuning import rest, tune
from connectors.simulated.server import Options, VenueServer

Report = Callable[[dict[str, Any]], None]


def run_venue(options: Options, report: Report, every_s: float = 1.0) -> None:
    """Serve until a signal. `report` gets the addresses at once (`url`, `socket_url`, `admin_url`),
    then the status whenever it has changed, every `every_s` at most.

    Raises `VenueError`, also when the disk or the market fails under way.
    """
    undo = tune()  # a tenth of an order's price was looking for cycles
    try:
        asyncio.run(_serve(options, report, every_s))
    finally:
        undo()


async def _serve(options: Options, report: Report, every_s: float) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with VenueServer(options) as server:
        urls = {name: getattr(server, name) for name in ("url", "socket_url", "admin_url")}
        report({"state": "listening", **urls, "restored": server.restored})
        before = server.status()
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)
            server.check()
            rest()
            status = server.status()
            if status != before:
                before = status
                report(
                    {"state": "market ended" if server.market_ended.is_set() else "open"} | status
                )
