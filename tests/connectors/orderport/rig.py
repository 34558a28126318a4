"""An order port, a transport to a venue with a market of 99 / 101, a key, and an instrument."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Final, NamedTuple

from connectors.gateway.keys import Key
from connectors.gateway.transport import Answer, Transport, boottime_ns
from connectors.orderport.interface import OrderPort, Request
from pipelines.gateway.reports import Report, Stamp
from schemas.events import OrderApproved
from tests.connectors.gateway.rig import approval

WINDOW_MS: Final = 5_000


class Rig(NamedTuple):
    port: OrderPort
    transport: Transport
    key: Key
    instrument: str

    def order(self, cl_ord_id: str, price: str | None = "100", qty: str = "0.1") -> OrderApproved:
        limit = None if price is None else Decimal(price)
        return approval(cl_ord_id)._replace(
            instrument=self.instrument,
            ord_type="LIMIT" if limit else "MARKET",
            price=limit,
            order_qty=Decimal(qty),
        )

    async def answer(self, request: Request) -> Answer:
        stamp = Stamp(time.time_ns() // 1_000_000, WINDOW_MS)
        signed = self.port.sign(request, self.key, stamp)
        if request.private:
            assert self.port.stamp(signed.parameters) == stamp
        found = await self.transport.send(signed, boottime_ns())
        assert isinstance(found, Answer)
        return found

    async def ask(self, request: Request) -> list[Report]:
        found = await self.answer(request)
        kind = self.port.kind(request.method, request.path)
        return self.port.read_response(kind, found.status, found.body)
