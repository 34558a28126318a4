"""Reconciliation in memory: events in, events out, through the fold and through `step`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pipelines.logic import Input, Output, Position, fold
from pipelines.reconciliation.logic import ReconciliationLogic
from pipelines.reconciliation.settings import ReconciliationSettings
from schemas.events import (
    AccountTrade,
    Balance,
    BalancesObserved,
    ClockTick,
    InstrumentTerms,
    OpenOrder,
    OpenOrdersObserved,
    TradesObserved,
)
from tests.pipelines.batches import batch_of, local_codec
from tests.pipelines.orders.events import event

BTC, ACCOUNT = "BTCUSDT.BINANCE", "sim-1"
TOPICS = {
    "LimitsChanged": "ops.control.v1",
    "PositionAdjusted": "ops.control.v1",
    "TransferAnnounced": "ops.control.v1",
    "OrderApproved": "risk.decision.v1",
    "BalancesObserved": "venue.snapshot.v1",
    "OpenOrdersObserved": "venue.snapshot.v1",
    "TradesObserved": "venue.snapshot.v1",
    "ClockTick": "ops.clock.v1",
}
NS = 10**6  # nanoseconds of a millisecond


def terms(instrument: str, base: str, lot: str = "0.1") -> InstrumentTerms:
    one, many = Decimal(1), Decimal(10**6)
    steps = (one, Decimal(lot), one, many, one, many, one)
    return InstrumentTerms("BINANCE", instrument, base, "USDT", False, *steps, None)


class Rig:
    """One account. Snapshots are taken at once, balances before open orders."""

    def __init__(self, now_ms: int = 1_000_000, **changed: Any) -> None:
        self.logic = ReconciliationLogic(ReconciliationSettings(**changed))
        self.state, self.twin = self.logic.initial(), self.logic.initial()
        self.inputs: list[Input] = []
        self.outputs: list[Output] = []
        self.now_ms, self.rounds = now_ms, 0
        self._ends: dict[str, int] = {}
        self.feed(event("LimitsChanged", instruments=(terms(BTC, "BTC"),)))

    def feed(self, item: Any) -> list[Any]:
        topic = TOPICS.get(type(item).__name__, "oms.order-event.v1")
        offset = self._ends.get(topic, 0)
        self._ends[topic] = offset + 1
        row = Input(Position(topic, 0, offset), self.now_ms, b"", item)
        before = self.logic.dump(self.state)
        self.logic.decide(self.state, row)
        assert self.logic.dump(self.state) == before, "decide changes nothing"
        self.state, outputs = fold(self.logic, self.state, iter([row]))
        self.twin, stepped = self.logic.step(self.twin, batch_of([row]))
        assert stepped == outputs
        self.inputs.append(row)
        self.outputs += outputs
        return [output.event for output in outputs]

    def tick(self, ms: int = 1_000) -> list[Any]:
        self.now_ms += ms
        return self.feed(ClockTick(self.now_ms * NS))

    def tell(self, kind: str, order: str = "C1", **fields: Any) -> list[Any]:
        """An order event of strategy s, received now."""
        known = {"cl_ord_id": order, "order_id": f"V{order}", "ts_recv_ns": self.now_ms * NS}
        return self.feed(event(kind, **{**known, **fields}))

    def open(
        self,
        order: str = "C1",
        qty: str = "2",
        side: str = "BUY",
        price: str = "100",
        instrument: str = BTC,
    ) -> None:
        of = {"order_qty": Decimal(qty), "side": side, "price": Decimal(price)}
        terms_of = {**of, "instrument": instrument}
        for kind in ("OrderApproved", "OrderSubmitting", "OrderAccepted"):
            self.tell(kind, order, **terms_of)

    def fill(self, qty: str, trade_id: str = "1", order: str = "C1", **more: Any) -> list[Any]:
        return self.tell("OrderFilled", order, **fill_fields(qty, trade_id, **more))

    def round(
        self,
        btc: str | Decimal = "0",
        usdt: str | Decimal = "0",
        orders: Sequence[OpenOrder] = (),
        ago_ms: int = 0,
        balances_ms: int = -1,
    ) -> list[Any]:
        """One round of requests, `ago_ms` ago: balances answered, then open orders a millisecond
        later; `balances_ms` 1 turns that round.
        """
        self.rounds += 1
        name, ns = f"S{self.rounds}", (self.now_ms - ago_ms) * NS
        zero, at = Decimal(0), ns + balances_ms * NS
        balances = (Balance("BTC", Decimal(btc), zero), Balance("USDT", Decimal(usdt), zero))
        held = BalancesObserved(ACCOUNT, "BINANCE", name, balances, None, at - NS, at)
        seen = OpenOrdersObserved(ACCOUNT, "BINANCE", name, tuple(orders), ns - NS, ns)
        return self.feed(held) + self.feed(seen)

    def trades(self, *trades: AccountTrade) -> list[Any]:
        self.rounds += 1
        name, ns = f"S{self.rounds}", self.now_ms * NS
        return self.feed(
            TradesObserved(ACCOUNT, "BINANCE", BTC, name, None, True, trades, ns - NS, ns)
        )

    def transfer(self, asset: str, qty: str, name: str) -> None:
        fields = {"transfer_id": name, "asset": asset, "qty": Decimal(qty)}
        self.feed(event("TransferAnnounced", **fields))

    def check_saved(self) -> None:
        body = self.logic.dump(self.state)
        assert self.logic.dump(self.twin) == body
        assert self.logic.load(body, self.logic.state_version) == self.state


def fill_fields(qty: str, trade_id: str, **more: Any) -> Mapping[str, Any]:
    return {"last_qty": Decimal(qty), "trade_id": trade_id, **more}


def listed(
    order: str = "C1", qty: str = "2", cum: str | Decimal = "0", side: Any = "BUY"
) -> OpenOrder:
    numbers = (Decimal(100), Decimal(qty), Decimal(cum))
    return OpenOrder(BTC, f"V{order}", order, side, *numbers, None)


def trade(
    qty: str,
    trade_id: str = "1",
    order: str = "C1",
    fee: str = "0",
    px: str = "100",
    side: Any = "BUY",
    ts_event_ns: int | None = None,
) -> AccountTrade:
    numbers = (Decimal(px), Decimal(qty), Decimal(fee))
    about = (BTC, f"V{order}", trade_id, side)
    return AccountTrade(*about, *numbers, "USDT", "MAKER", ts_event_ns)


def held(qty: str = "10") -> Rig:
    """An account that bought at 100 and holds nothing else."""
    rig = Rig()
    rig.open(qty=qty)
    rig.fill(qty)
    rig.now_ms += 100
    return rig


def kinds(found: list[Any]) -> list[str]:
    """What was said, shortly; every event fits its schema."""
    for item in found:
        local_codec().encode(item)
    return [f"{type(item).__name__} {getattr(item, 'kind', '')}".strip() for item in found]


def only(found: list[Any], kind: type[Any]) -> Any:
    [one] = [item for item in found if isinstance(item, kind)]
    return one
