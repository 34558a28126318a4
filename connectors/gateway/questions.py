"""Asks the venue what nobody told: orders in doubt, fills that are missing, quotes of our own."""

from __future__ import annotations

import asyncio
from typing import Final

from connectors.gateway.desk import Desk, log
from connectors.gateway.transport import Answer
from connectors.orderport.interface import UNREADABLE, Request
from pipelines.gateway.book import Entry
from pipelines.gateway.caps import Quote
from pipelines.gateway.resolution import Question, question

EVERY_S: Final = 0.02
QUOTE_EVERY_S: Final = 0.5
MISSING_AGAIN_NS: Final = 1_000_000_000
BREAK_AGAIN_NS: Final = 5_000_000_000
BEFORE_MS: Final = 60_000  # how far before an order's tick the venue's clock may have stood


class Questions:
    """One question at a time, as far as the venue's limit leaves more than the cancels' part."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._missing_ns: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            request = self.next()
            if request is None:
                await asyncio.sleep(EVERY_S)
            else:
                await self._desk.ask(request)

    def next(self) -> Request | None:
        """The question that is due and may be asked; None if there is none."""
        at_ns, book = self._desk.parts.now_ns(), self._desk.fold.book
        for cl_ord_id, inquiry in self._desk.fold.inquiries.items():
            wanted = question(inquiry, at_ns)
            if wanted is None:
                continue
            if (request := self._request(cl_ord_id, wanted, inquiry.after)) is not None:
                return request
        self._missing_ns = {name: self._missing_ns.get(name, at_ns) for name in book.missing}
        for cl_ord_id, since_ns in self._missing_ns.items():
            if at_ns < since_ns + MISSING_AGAIN_NS:  # the stream has its time to tell
                continue
            if (request := self._request(cl_ord_id, "TRADES")) is not None:
                self._missing_ns[cl_ord_id] = at_ns
                return request
        return self._of_breaks(at_ns)

    def _of_breaks(self, at_ns: int) -> Request | None:
        """How a live order stands that a break is about: once, and on while the break is open."""
        book, doubted = self._desk.fold.book, self._desk.doubted
        for cl_ord_id, asked_ns in list(doubted.items()):
            closed = asked_ns and cl_ord_id not in self._desk.broken.values()
            if closed or cl_ord_id not in book.live:
                del doubted[cl_ord_id]
            elif at_ns >= asked_ns + BREAK_AGAIN_NS:
                request = self._request(cl_ord_id, "CLOSED_ORDERS")
                if request is not None:
                    doubted[cl_ord_id] = at_ns
                    return request
        return None

    def _request(
        self, cl_ord_id: str, wanted: Question, after: str | None = None
    ) -> Request | None:
        """None where it may not be asked now."""
        request = self._of(self._desk.fold.book.entries[cl_ord_id], wanted, after)
        return request if self._desk.may_ask(request) else None

    def _of(self, entry: Entry, wanted: Question, after: str | None) -> Request:
        port, order = self._desk.parts.port, entry.approved
        since_ms = order.ts_recv_ns // 1_000_000 - BEFORE_MS
        if wanted == "OPEN_ORDERS":
            return port.open_orders(order.instrument, order.cl_ord_id)
        if wanted == "CLOSED_ORDERS":
            return port.closed_orders(order.instrument, since_ms, order.cl_ord_id, after)
        return port.trades(order.instrument, entry.order_id, since_ms, order.cl_ord_id, after)


class Quotes:
    """Best bid and ask of each allowed instrument, as the gateway itself reads them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self) -> None:
        """Until cancelled. What fails leaves the old quote to age."""
        while True:
            for instrument in self._desk.parts.caps.position_max:
                await self._read(instrument)
            await asyncio.sleep(QUOTE_EVERY_S)

    async def _read(self, instrument: str) -> None:
        desk = self._desk
        request = desk.parts.port.quote(instrument)
        if not desk.may_ask(request):
            return
        outcome = await desk.look(request)
        if not isinstance(outcome, Answer) or outcome.status != 200:
            return
        try:
            bid_px, ask_px = desk.parts.port.read_quote(outcome.body)
        except UNREADABLE:
            log.warning("%s: a quote that cannot be read", instrument)
            return
        if 0 < bid_px <= ask_px:
            desk.quotes[instrument] = Quote(bid_px, ask_px, outcome.ts_recv_ns)
