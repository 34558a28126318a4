"""The process `tape run venue-watch`: what the venue says of one account, to `venue.snapshot.v1`.

Every round is the account's balances and then its open orders, under one id: in this order they
show how much of each order was filled when the balances were read. Trades follow where something is
wrong. It is a process of its own with a key that can only read, so that a gateway's mistake does
not hide itself. Snapshots are answers as they were read; the bytes of `venue.raw.v1` are the
gateway's, its only writer.

0   stopped
2   could not run: one clear line
71  the log refused a record: restart
72  the log did not confirm one: restart
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol

from connectors.log.interface import Log, Reader, Tp
from connectors.log.places import place_of
from connectors.orderport.interface import Request, Trades
from connectors.traces.rounds import RoundSpans
from connectors.venue_watch.venue import Read, Unanswered, Venue
from connectors.venues.backoff import Backoff
from pipelines.exact import EXACTLY
from pipelines.watch.wanted import Listing, Wanted
from schemas.codec import Codec
from schemas.events import BalancesObserved, OpenOrdersObserved, TradesObserved

log = logging.getLogger("tape.watch")

TOPIC: Final = "venue.snapshot.v1"
WHOLE: Final = ("ops.control.v1", "recon.break.v1")
FROM_NOW: Final = ("oms.order-event.v1", "recon.position.v1")
POLL_S: Final = 0.05
LOOK_S: Final = 1.0  # how long fills of a round may take to be told before it is compared
READ_S: Final = 30.0
DAY_MS: Final = 86_400_000


class Writer(Protocol):
    """See `connectors.confirmed_writer.ConfirmedWriter`."""

    def write(self, event: Any, key: str) -> int: ...


class Parts(NamedTuple):
    """What a watch is given; a round every `every_s`."""

    log: Log
    codec: Codec
    writer: Writer
    account: str
    every_s: float = 5.0
    backoff: Backoff = Backoff(cap_s=30.0)
    monotonic: Callable[[], float] = time.monotonic


class Watch:
    """Reading and writing the log happens on a thread of its own; all else on the event loop."""

    def __init__(self, parts: Parts, venue: Venue, spans: RoundSpans | None = None) -> None:
        self._parts, self._venue = parts, venue
        self._spans = spans or RoundSpans(parts.account)
        self._wanted = Wanted(parts.account)
        self._instance, self.rounds = uuid.uuid4().hex[:16], 0
        self._pool = ThreadPoolExecutor(1, "watch")
        self._reader: Reader | None = None
        self._totals: dict[str, Decimal] | None = None
        self._due_s = self._quiet_until_s = self._look_by_s = parts.monotonic()
        self.failures = 0
        self.turned_s = time.monotonic()  # when its loop last turned

    async def run(self) -> None:
        """Until cancelled. Raises `KeyRefused`, and what the log raises."""
        try:
            self._reader = await self._on_thread(self._read_past)
            while not await self._tried(self._venue.check_key):
                await asyncio.sleep(POLL_S)
            while True:
                self.turned_s = self._parts.monotonic()
                await self._follow()
                await self._tried(self._work)
        finally:
            self._pool.shutdown()
            if self._reader is not None:
                self._reader.close()
            await self._venue.close()

    # ---- the log ---------------------------------------------------------------------------------

    async def _on_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _read_past(self) -> Any:
        """Control and breaks from the beginning, orders from here on; no registry from here on."""
        self._parts.codec.learn((*WHOLE, *FROM_NOW, TOPIC))
        positions = dict[Tp, int]()
        for tp in map(self._tp, (*WHOLE, *FROM_NOW)):
            low, end = self._parts.log.bounds(tp)
            positions[tp] = end
            if tp.topic in WHOLE:
                for message in self._parts.log.read(tp, low, end, READ_S):
                    self._wanted.hear(self._parts.codec.decode(message.value()))
        return self._parts.log.reader(positions)

    def _tp(self, topic: str) -> Tp:
        return place_of(self._parts.log, topic, self._parts.account.encode())

    async def _follow(self) -> None:
        assert self._reader is not None
        found = await self._on_thread(self._reader.poll, 500, POLL_S)
        for messages in found.values():
            for message in messages:
                event = self._parts.codec.decode(message.value())
                self._wanted.hear(event)
                self._spans.heard(event, self._venue.now_ns())
        late = self._parts.monotonic() >= self._look_by_s
        if self._totals is not None and (late or not found):  # the log has told what it knew
            self._wanted.look(self._totals)
            self._totals = None

    async def _write(self, event: Any) -> None:
        await self._on_thread(self._parts.writer.write, event, self._parts.account)

    # ---- the venue -------------------------------------------------------------------------------

    async def _tried(self, work: Callable[[], Any]) -> bool:
        """Whether it was done. What the venue does not answer is asked again, ever later."""
        if self._parts.monotonic() < self._quiet_until_s:
            return False
        try:
            await work()
        except Unanswered as error:
            self.failures += 1
            wait_s = self._parts.backoff.delay_s(self.failures, random.random())
            self._quiet_until_s = self._parts.monotonic() + wait_s
            log.warning("%s; again in %.1f s", error, wait_s)
            return False
        return True

    async def _work(self) -> None:
        """Raises `Unanswered`."""
        at_s = self._parts.monotonic()
        if at_s >= self._due_s:
            await self._round()
            self._due_s = max(self._due_s + self._parts.every_s, at_s)
            self.failures = 0
        if self._totals is None:
            for listing in self._wanted.listings():
                await self._list(listing)

    async def _round(self) -> None:
        port, account = self._venue.port, self._parts.account
        name = f"{self._instance}/{self.rounds + 1}"
        about = account, port.venue, name
        balances, times = await self._ask(name, port.account(), port.read_balances)
        await self._write(BalancesObserved(*about, balances, None, *times))
        orders, times = await self._ask(name, port.open_orders(None), port.read_open_orders)
        await self._write(OpenOrdersObserved(*about, orders, *times))
        self._spans.over(name, self._venue.now_ns(), len(balances), len(orders))
        self.rounds += 1
        self._look_by_s = self._parts.monotonic() + LOOK_S
        self._totals = {one.asset: EXACTLY.add(one.free_qty, one.locked_qty) for one in balances}

    async def _ask(
        self, name: str, request: Request, read: Callable[[bytes], Read]
    ) -> tuple[Read, tuple[int, int]]:
        """One question of the round `name`. Raises `Unanswered`."""
        begun_ns = self._venue.now_ns()
        try:
            found, times = await self._venue.read(request, read)
        except Unanswered:
            self._spans.asked(name, request, begun_ns, self._venue.now_ns(), failed=True)
            raise
        self._spans.asked(name, request, *times)
        return found, times

    async def _list(self, listing: Listing) -> None:
        """Page by page to the end, while the limit allows it; else in a later round. Raises
        `Unanswered` where a full page brings nothing new: it would be asked for for ever.
        """
        first, complete = self._wanted.first(listing), False
        name = f"{self._instance}/{self.rounds}"
        while not complete:
            request = self._request(listing, first)
            if not self._venue.affords(request):
                return
            trades, times = await self._ask(name, request, self._venue.port.read_trades)
            complete = trades.complete
            seen = self._seen(name, listing, first, trades, times)
            await self._write(seen)
            self._spans.listed(name, seen)
            newest = trades.rows[-1].trade_id if trades.rows else None
            if not complete and newest in (None, first):
                raise Unanswered(f"{request.path}: the same page again")
            if newest is not None:
                first = newest
                self._wanted.read_to(listing, first)
        self._wanted.listed(listing)

    def _request(self, listing: Listing, first: str | None) -> Request:
        begun_ms = (self._wanted.begun_ns + self._venue.offset_ns) // 1_000_000
        since_ms = max(begun_ms, self._venue.venue_ms() - DAY_MS)
        return self._venue.port.trades(*listing, since_ms, from_id=first)

    def _seen(
        self, name: str, listing: Listing, first: str | None, trades: Trades, times: tuple[int, int]
    ) -> TradesObserved:
        return TradesObserved(
            self._parts.account,
            self._venue.port.venue,
            listing.instrument,
            name,
            first,
            trades.complete,
            trades.rows,
            *times,
        )
