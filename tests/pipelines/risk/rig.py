"""A desk in memory: records for risk, made from short words, and what risk said.

mark:101.5          a mark (mark:101.5:OTHER for another instrument)
open:BUY:2@99       a request that must be approved, and stays open (named o1, o2, ...)
fill:o1:2@99        a fill of it; pos:5 buys 5 at 100 and fills it
fee:o1:1@99:BNB:0.1 a fill with a fee
accept:o1 doubt:o1  order events; end:o1, reject:o1, drop:o1 and gone:o1 (resolved ABSENT) end it
halt pause reduce flatten   for the desk; halt:s for the scope s: account, strategy or instrument
resume              ends what is latched for the desk (resume:s)
limit:KIND=5        another set of limits, with this one changed; limit:KIND= without it
cash:50             a transfer; +5s: log time and clock go on; still+5s: log time alone
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipelines.logic import Input, Output, Position
from pipelines.risk.logic import RiskLogic
from pipelines.risk.state import RiskState
from schemas.events import (
    CancelRequested,
    ClockTick,
    InstrumentTerms,
    Limit,
    LimitsChanged,
    MarkPublished,
    OrderApproved,
    OrderRequested,
    TradingFlattened,
    TradingHalted,
    TradingPaused,
    TradingReduced,
    TradingResumed,
    TransferAnnounced,
)
from tests.pipelines.batches import batch_of
from tests.pipelines.orders.events import event

ACCOUNT, STRATEGY, VENUE, INSTRUMENT = "sim-1", "ema", "BINANCE", "BTCUSDT.BINANCE"
OTHER = "BTC-USD.COINBASE"
START_MS = 1_700_000_000_000
LIMITS = {
    "PRICE_COLLAR_BPS": "100",
    "MARK_AGE_MAX_MS": "2000",
    "ORDER_NOTIONAL_MAX": "5000",
    "POSITION_QTY_MAX": "50",
    "EXPOSURE_GROSS_MAX": "10000",
    "ORDERS_OPEN_MAX": "20",
    "ORDERS_PER_SECOND_MAX": "10",
    "ORDERS_PER_MINUTE_MAX": "30",
    "LOSS_DAILY_MAX": "1000",
}
STATES: dict[str, Any] = {
    "halt": TradingHalted,
    "pause": TradingPaused,
    "reduce": TradingReduced,
    "flatten": TradingFlattened,
}
ENDS = {"end": "OrderCanceled", "reject": "OrderRejected", "drop": "DecisionExpired"}


def limits_of(
    values: dict[str, str], version: int = 1, scope: tuple[str | None, str | None] = (None, None)
) -> LimitsChanged:
    """Limits of the desk (or an account, or a strategy), over two instruments of step 0.01."""
    limits = tuple(
        Limit(kind, *scope, INSTRUMENT if kind == "POSITION_QTY_MAX" else None, Decimal(value))  # type: ignore[arg-type]
        for kind, value in sorted(values.items())
    )
    return LimitsChanged(version, "USDT", limits, (terms(),), "ada", "test", 0)


def terms(instrument: str = INSTRUMENT, **given: Any) -> InstrumentTerms:
    base: InstrumentTerms = InstrumentTerms(
        VENUE,
        instrument,
        "BTC",
        "USDT",
        False,
        Decimal("0.01"),
        Decimal("0.01"),
        Decimal(1),
        Decimal(1000),
        Decimal("0.02"),
        Decimal(500),
        Decimal(5),
        None,
    )
    return base._replace(**given)


def request(
    cl_ord_id: str, side: str, qty: str, price: str | None = "100", **given: Any
) -> OrderRequested:
    """A limit order, or a market order where `price` is None."""
    made = event(
        "OrderRequested",
        strategy=STRATEGY,
        cl_ord_id=cl_ord_id,
        side=side,
        ord_type="LIMIT" if price else "MARKET",
        time_in_force="GTC",
        price=None if price is None else Decimal(price),
        order_qty=Decimal(qty),
        parent_qty=Decimal(1_000_000),
        correlation_id="tick",
        mark_px=None,
        mark_ts_recv_ns=None,
    )
    found: OrderRequested = made._replace(**given)
    return found


class Desk:
    """Writes records, each a millisecond of log time after the one before, and runs them."""

    def __init__(self, **limits: str) -> None:
        self.logic, self.inputs, self.outputs = RiskLogic(), list[Input](), list[Output]()
        self.state: RiskState = self.logic.initial()
        self.now_ms, self._offsets = START_MS, dict[str, int]()
        self.limits, self.version = {**LIMITS, **limits}, 0
        self.opened: list[OrderRequested] = []
        self.gateway = False  # one that lives says so about as often as the clock ticks

    def begin(self) -> Desk:
        """A desk that may trade: limits, a clock, a gateway, money and a mark of 100."""
        self.put("ops.control.v1", limits_of(self.limits, 1))
        self.version = 1
        self.gateway = True
        self.clock()
        return self.play("cash:20000 mark:100")

    def put(self, topic: str, item: Any, key: str = ACCOUNT, partition: int = 0) -> list[Output]:
        """One record as an epoch of its own; gives what risk says to it."""
        self.now_ms += 1
        offset = self._offsets.get(topic, 0)
        self._offsets[topic] = offset + 1
        record = Input(Position(topic, partition, offset), self.now_ms, key.encode(), item)
        self.inputs.append(record)
        self.state, outputs = self.logic.step(self.state, batch_of([record]))
        self.outputs += outputs
        return outputs

    def ask(self, item: OrderRequested | CancelRequested) -> Any:
        """Risk's answer to one request."""
        [answer] = self.put("oms.order-request.v1", item)
        return answer.event

    def clock(self) -> None:
        self.put("ops.clock.v1", ClockTick((self.now_ms + 1) * 1_000_000))
        if self.gateway:
            self.put("oms.order-event.v1", event("GatewayReady"))

    def play(self, text: str) -> Desk:
        for word in text.split():
            name, _, rest = word.partition(":")
            self._word(name, rest)
        return self

    def _word(self, name: str, rest: str) -> None:
        if name in STATES or name == "resume":
            self._control(name, rest)
        elif "+" in name:
            still, _, seconds = name.partition("+")
            self.now_ms += int(float(seconds.rstrip("s")) * 1000)
            if not still:
                self.clock()
        else:
            getattr(self, f"_{name}")(*rest.split(":"))

    def _control(self, name: str, rest: str) -> None:
        scopes = {ACCOUNT: 0, STRATEGY: 1, INSTRUMENT: 2}
        scope = [rest if scopes.get(rest) == place else None for place in range(3)]
        cls = STATES.get(name, TradingResumed)
        extra = (True,) if cls is TradingHalted else ()
        self.put("ops.control.v1", cls(*scope, *extra, "OPERATOR", "ada", "why", None, 7))

    def _mark(self, px: str, instrument: str = INSTRUMENT) -> None:
        at, one = (self.now_ms + 1) * 1_000_000, Decimal(px)
        name = OTHER if instrument == "OTHER" else instrument
        self.put("md.mark.v1", MarkPublished(VENUE, name, one, one, one, None, at), name)

    def _open(self, side: str, what: str) -> OrderRequested:
        qty, _, price = what.partition("@")
        order = request(f"o{len(self.opened) + 1}", side, qty, price or None)
        answer = self.ask(order)
        assert isinstance(answer, OrderApproved), answer
        self.opened.append(order)
        return order

    def _pos(self, qty: str) -> None:
        order = self._open("BUY", f"{qty}@100")
        self._accept(order.cl_ord_id)
        self._fill(order.cl_ord_id, f"{qty}@100")

    def _cash(self, qty: str) -> None:
        name = f"t{len(self.inputs)}"
        item = TransferAnnounced(name, ACCOUNT, VENUE, "USDT", Decimal(qty), "ada", "", "", 0)
        self.put("ops.control.v1", item)

    def _limit(self, what: str) -> None:
        kind, _, value = what.partition("=")
        self.limits = {k: v for k, v in {**self.limits, kind: value}.items() if v}
        self.version += 1
        self.put("ops.control.v1", limits_of(self.limits, self.version))

    def _order(self, kind: str, cl_ord_id: str, **given: Any) -> None:
        """An order event; one that is about to be accepted was submitted."""
        order = next(o for o in self.opened if o.cl_ord_id == cl_ord_id)
        names = {"strategy": order.strategy, "side": order.side, "order_id": cl_ord_id}
        item = event(kind, cl_ord_id=cl_ord_id, **{**names, **given})
        self.put("oms.order-event.v1", item)

    def _accept(self, name: str) -> None:
        self._order("OrderSubmitting", name)
        self._order("OrderAccepted", name)

    def _fill(self, name: str, what: str, trade: str = "") -> None:
        qty, _, px = what.partition("@")
        trade = trade or f"x{len(self.inputs)}"
        last = {"last_qty": Decimal(qty), "last_px": Decimal(px), "trade_id": trade}
        self._order("OrderFilled", name, **last)

    def _fee(self, name: str, what: str, asset: str, fee: str) -> None:
        qty, _, px = what.partition("@")
        last = {"last_qty": Decimal(qty), "last_px": Decimal(px), "trade_id": "f"}
        self._order("OrderFilled", name, **last, comm_currency=asset, commission=Decimal(fee))

    def _doubt(self, name: str) -> None:
        self._order("OrderOutcomeUnknown", name)

    def _gone(self, name: str) -> None:
        self._order("OrderResolved", name, resolution="ABSENT")

    def _end(self, name: str, cum: str = "0") -> None:
        self._order("OrderCanceled", name, cum_qty=Decimal(cum))

    def _reject(self, name: str) -> None:
        self._order("OrderRejected", name)

    def _drop(self, name: str) -> None:
        self._order("DecisionExpired", name)
