"""The operator's side of the simulation, on a port of its own that listens on loopback only.

    GET    /faults               what is armed, and how often each kind struck
    POST   /faults               arm one: {"kind": "lost_response", "count": 1}
    DELETE /faults[/KIND]        disarm; bans end too
    POST   /foreign-order        an order that no client sent: {"account": ..., "symbol": ..., ...}
    POST   /transfer             {"account": ..., "asset": ..., "amount": "-5"}
    GET    /status               counts

Bodies are JSON and must say so: a web page cannot send that to another site unasked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from connectors.simulated.calls import Desk
from connectors.simulated.errors import Refusal, VenueError
from connectors.simulated.faults import Fault, Faults
from connectors.simulated.render import order_form
from connectors.simulated.streams import Streams
from pipelines.matching.model import (
    OrderAdded,
    OrdType,
    PlaceOrder,
    Side,
    TimeInForce,
    Transfer,
)
from schemas.errors import NotExact
from schemas.numbers import exact

FOREIGN = "web_"


class _Foreign(msgspec.Struct, forbid_unknown_fields=True):
    account: str
    symbol: str
    side: Side
    quantity: str
    type: OrdType = "MARKET"
    price: str = "0"
    time_in_force: TimeInForce = "GTC"


class _Transfer(msgspec.Struct, forbid_unknown_fields=True):
    account: str
    asset: str
    amount: str


class Clock:
    """The venue's time: the machine's, and a skew."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns, self.skew_ns = now_ns, 0

    def now_ns(self) -> int:
        return self._now_ns() + self.skew_ns


class Admin:
    """Arms faults and does what no client did."""

    def __init__(self, desk: Desk, faults: Faults, clock: Clock, streams: Streams) -> None:
        self._desk, self._faults, self._clock = desk, faults, clock
        self._streams = streams

    def application(self) -> web.Application:
        app = web.Application(middlewares=[_answers])
        app.add_routes(
            [
                web.get("/faults", self._show),
                web.post("/faults", self._arm),
                web.delete("/faults", self._disarm),
                web.delete("/faults/{kind}", self._disarm),
                web.post("/foreign-order", self._foreign),
                web.post("/transfer", self._transfer),
                web.get("/status", self._status),
            ]
        )
        return app

    def status(self) -> dict[str, Any]:
        """`orders` by status, `trades` (halves), and the faults that struck."""
        exchange = self._desk.venue.exchange
        return {
            "orders": dict(Counter(one.status for one in exchange.orders.values())),
            "trades": sum(len(found) for found in self._desk.venue.trades.values()),
            "faults": dict(self._faults.counts),
        }

    async def _show(self, request: web.Request) -> Any:
        return {"armed": self._faults.armed(), "counts": dict(self._faults.counts)}

    async def _arm(self, request: web.Request) -> Any:
        fault = await _body(request, Fault)
        if fault.kind == "foreign_order":
            raise VenueError("a foreign order is placed by POST /foreign-order")
        self._faults.arm(fault)
        if fault.kind == "clock_skew":
            self._clock.skew_ns = fault.skew_ms * 1_000_000
            self._faults.counts["clock_skew"] += 1
        return await self._show(request)

    async def _disarm(self, request: web.Request) -> Any:
        kind = request.match_info.get("kind")
        self._faults.disarm(kind)
        if kind in (None, "clock_skew"):
            self._clock.skew_ns = 0
        if kind in (None, "ban"):
            self._desk.limits.pardon()
        return await self._show(request)

    async def _foreign(self, request: web.Request) -> Any:
        asked = await _body(request, _Foreign)
        venue = self._desk.venue
        cl_ord_id = f"{FOREIGN}{venue.exchange.next_order_id}"
        order = PlaceOrder(
            asked.account,
            asked.symbol,
            cl_ord_id,
            asked.side,
            asked.type,
            asked.time_in_force,
            exact(asked.price),
            exact(asked.quantity),
        )
        added = venue.take(order)[0]
        self._streams.held_answer_s()  # no client waits for this answer
        assert isinstance(added, OrderAdded)
        self._faults.counts["foreign_order"] += 1
        await venue.durable()
        return order_form(venue.exchange.orders[added.order.order_id])

    async def _transfer(self, request: web.Request) -> Any:
        asked = await _body(request, _Transfer)
        self._desk.venue.take(Transfer(asked.account, asked.asset, exact(asked.amount)))
        await self._desk.venue.durable()
        return {}

    async def _status(self, request: web.Request) -> Any:
        return self.status()


async def _body(request: web.Request, kind: Any) -> Any:
    if request.content_type != "application/json":
        raise VenueError("the body must be application/json")
    return msgspec.json.decode(await request.read(), type=kind)


@web.middleware
async def _answers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]
) -> web.StreamResponse:
    try:
        found = await handler(request)
    except Refusal as refused:
        return web.json_response(refused.body(), status=refused.status)
    except (VenueError, NotExact, msgspec.DecodeError) as error:
        return web.json_response({"msg": str(error)}, status=400)
    return web.json_response(found)
