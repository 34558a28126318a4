"""The simulated venue as a server: `async with VenueServer(settings) as server`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from aiohttp import web

from connectors.simulated.admin import Admin, Clock
from connectors.simulated.arrivals import Arrivals, FileArrivals, NoArrivals, Opened
from connectors.simulated.calls import Desk
from connectors.simulated.errors import VenueError
from connectors.simulated.faults import Faults
from connectors.simulated.front import front
from connectors.simulated.guard import Guard
from connectors.simulated.journal import FileJournal, Journal, MemoryJournal
from connectors.simulated.keys import Account
from connectors.simulated.limits import Limits, LimitSettings
from connectors.simulated.market import VENUE, MarketSource
from connectors.simulated.rest import Rest
from connectors.simulated.sockets import PATH, Sockets
from connectors.simulated.streams import Streams
from connectors.simulated.venue import Venue
from pipelines.matching.latency import Latency
from pipelines.matching.model import Fees, Instrument, Transfer
from pipelines.matching.state import Exchange

log = logging.getLogger("tape.venue")

INSTRUMENTS: Final = (
    Instrument("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001")),
    Instrument("ETHUSDT", "ETH", "USDT", Decimal("0.01"), Decimal("0.0001")),
)
_GOODBYE_S: Final = 1.0


class Options(NamedTuple):
    """`state`: the folder that outlives the process; None forgets. Ports 0: any free one.

    `arrivals`: note there what arrives, in its order.
    """

    accounts: Sequence[Account]
    market: MarketSource | None = None
    state: Path | None = None
    arrivals: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    admin_port: int = 0
    instruments: Sequence[Instrument] = INSTRUMENTS
    fees: Fees = Fees()
    latency: Latency = Latency()
    limits: LimitSettings = LimitSettings()
    seed: int = 0
    now_ns: Callable[[], int] = time.time_ns


class VenueServer:
    """Listens on entry, stops on exit. `url`, `socket_url`, `admin_url` are known then.

    `market_ended` is an event. Raises `VenueError`.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.clock = Clock(options.now_ns)
        self.faults = Faults(options.seed, self.clock.now_ns)
        self.streams = Streams(self.faults, options.latency)
        self.market_ended = asyncio.Event()
        self.url = self.socket_url = self.admin_url = ""
        self.restored = 0
        self._file: FileJournal | None = None
        self._following: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def status(self) -> dict[str, Any]:
        """What the admin's status shows, and requests."""
        return {"requests": self.rest.requests, **self.admin.status()}

    def check(self) -> None:
        """Raises what ended the journal or the market: a venue without them must not go on."""
        if self._following is not None and self._following.done():
            self._following.result()
        if self._file is not None:
            self._file.check()

    async def _start(self) -> None:
        options = self._options
        self.venue = Venue(
            Exchange(options.instruments, options.fees),
            self._journal(),
            self.clock.now_ns,
            self._arrivals(),
        )
        self._open()
        self.venue.deliver, self.venue.arrange = self.streams.publish, self.streams.arrange
        keys = {key.api_key: key for account in options.accounts for key in account.keys}
        guard = Guard(keys, self.clock.now_ns)
        limits = Limits(options.limits, self.clock.now_ns)
        desk = self.desk = Desk(self.venue, guard, limits, options.latency)
        self._stack.callback(desk.disarm)
        self.rest = Rest(desk, self.faults, self.streams)
        self.admin = Admin(desk, self.faults, self.clock, self.streams)
        await self._serve(desk)
        if options.market is not None:
            self._following = asyncio.create_task(self._follow(options.market))
            self._stack.push_async_callback(_ended, self._following)

    def _journal(self) -> Journal:
        if self._options.state is None:
            return MemoryJournal()
        self._file = FileJournal(self._options.state)
        self._stack.callback(self._file.close)
        return self._file

    def _arrivals(self) -> Arrivals:
        if self._options.state is None or not self._options.arrivals:
            return NoArrivals()
        noted = FileArrivals(self._options.state)
        self._stack.callback(noted.close)
        return noted

    def _open(self) -> None:
        """What was before; else the balances that accounts begin with."""
        if self._file is not None:
            self.restored = self.venue.restore(self._file.read())
        terms = (self._options.fees, tuple(self._options.instruments))
        self.venue.arrivals.note(Opened(self.restored, *terms))
        for account in self._options.accounts:
            if account.name not in self.venue.exchange.balances:
                for asset, amount in account.balances.items():
                    self.venue.take(Transfer(account.name, asset, amount))

    async def _serve(self, desk: Desk) -> None:
        if self._file is not None:
            await self._stack.enter_async_context(self._file)
            await self.venue.durable()  # nobody is to hear of the first balances as of news
        sockets = Sockets(desk, self.streams)
        public = web.ServerRunner(front(self.rest, sockets), shutdown_timeout=_GOODBYE_S)
        base = await self._listen(public, self._options.host, self._options.port)
        self._stack.push_async_callback(sockets.close)
        self.url, self.socket_url = f"http://{base}", f"ws://{base}{PATH}"
        app = self.admin.application()
        operators = web.AppRunner(app, access_log=None, shutdown_timeout=_GOODBYE_S)
        admin = await self._listen(operators, "127.0.0.1", self._options.admin_port)
        self.admin_url = f"http://{admin}"

    async def _listen(self, runner: web.BaseRunner, host: str, port: int) -> str:
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise VenueError(f"cannot listen on {host}:{port}: {error.strerror}") from None
        return f"{host}:{runner.addresses[0][1]}"

    async def _follow(self, market: MarketSource) -> None:
        async for events in market.batches():
            for event, position in events:
                symbol, _, code = event.instrument.partition(".")
                if code == VENUE:
                    self.venue.hear(event, symbol, position)
        self.market_ended.set()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
