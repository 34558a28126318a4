"""A strategy that trades, in memory: inputs on their topics, the fold and `step` side by side.

The signal wants what trades tell it: a trade at 100 + n asks for a position of n.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from pipelines.execution.executor import Executor
from pipelines.execution.line import Line
from pipelines.execution.settings import Execution, Terms, execution_of
from pipelines.logic import Input, Output, Position, fold
from pipelines.strategy.logic import StrategyLogic, StrategySettings
from pipelines.strategy.signal import LoadedSignal
from pipelines.strategy.state import StrategyState
from schemas.events import ClockTick, LogCreated, QuoteChanged, TradePrinted
from tests.pipelines.batches import batch_of
from tests.pipelines.orders.events import event

BTC = "BTCUSDT.BINANCE"
ACCOUNT, STRATEGY = "sim-1", "told"
TOPICS = {
    "TradePrinted": "md.trade.v1",
    "QuoteChanged": "md.quote.v1",
    "ClockTick": "ops.clock.v1",
    "LogCreated": "ops.control.v1",
    "PositionAdjusted": "ops.control.v1",
    "TradingFlattened": "ops.control.v1",
    "TradingResumed": "ops.control.v1",
    "OrderApproved": "risk.decision.v1",
    "OrderDenied": "risk.decision.v1",
    "CancelApproved": "risk.decision.v1",
}
OPTIONS: dict[str, Any] = {
    "account": ACCOUNT,
    "instruments": [
        {
            "instrument": BTC,
            "base_asset": "BTC",
            "tick_size": "0.5",
            "lot_size": "0.1",
            "child_qty_max": "2",
        }
    ],
}


class Nothing(NamedTuple):
    """The signal keeps no state."""


class Told(msgspec.Struct, frozen=True):
    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Nothing:
        return Nothing()

    def row(self, state: Nothing, event: TradePrinted) -> tuple[Nothing, Decimal]:
        return state, event.last_px - 100


def logic(execution: Execution | None = None, columnar_from: int = 200) -> StrategyLogic:
    loaded = LoadedSignal(STRATEGY, Told(), b"\1" * 32)
    chosen = execution or execution_of(STRATEGY, OPTIONS)
    executor = Executor("strategy", {STRATEGY: chosen}, {STRATEGY: loaded.version})
    return StrategyLogic([loaded], StrategySettings(columnar_from=columnar_from), executor)


def bare() -> StrategyLogic:
    """The same signal without execution."""
    return StrategyLogic([LoadedSignal(STRATEGY, Told(), b"\1" * 32)])


def options(**changed: Any) -> Execution:
    """The usual settings with some changed; those of the instrument by their names as well."""
    terms = dict(OPTIONS["instruments"][0])
    names = [name for name in changed if name in Terms.__struct_fields__]
    terms.update({name: changed.pop(name) for name in names})
    return execution_of(STRATEGY, {**OPTIONS, "instruments": [terms], **changed})


class Rig:
    """Feeds inputs one by one; every one goes through the fold and through `step`, which agree."""

    def __init__(self, execution: Execution | None = None) -> None:
        self.logic = logic(execution)
        self.state: StrategyState = self.logic.initial()
        self.twin: StrategyState = self.logic.initial()
        self.inputs: list[Input] = []
        self.outputs: list[Output] = []
        self.now_ms = 1_000_000
        self._ends: dict[str, int] = {}

    @property
    def line(self) -> Line:
        assert self.state.execution is not None
        return self.state.execution.lines[STRATEGY, BTC]

    def feed(self, item: Any, topic: str = "") -> list[Any]:
        """What the event leads to."""
        topic = topic or TOPICS.get(type(item).__name__, "oms.order-event.v1")
        offset = self._ends.get(topic, 0)
        self._ends[topic] = offset + 1
        row = Input(Position(topic, 0, offset), self.now_ms, b"", item)
        self.state, outputs = fold(self.logic, self.state, iter([row]))
        self.twin, stepped = self.logic.step(self.twin, batch_of([row]))
        assert stepped == outputs
        self.inputs.append(row)
        self.outputs += outputs
        return [output.event for output in outputs]

    def start(self) -> Rig:
        """The log's first record, and a book."""
        self.feed(LogCreated("7d0f6f2e-1f0c-4f0a-9c2b-5b0a9a1f3f11", "test", 0))
        self.quote()
        return self

    def quote(self, bid: str = "99.5", ask: str = "100.5") -> list[Any]:
        one = Decimal(1)
        ns = self.now_ms * 10**6
        return self.feed(
            QuoteChanged("BINANCE", BTC, None, Decimal(bid), one, Decimal(ask), one, None, ns, "A")
        )

    def want(self, qty: str | Decimal) -> list[Any]:
        px, ns = 100 + Decimal(qty), self.now_ms * 10**6
        return self.feed(TradePrinted("BINANCE", BTC, "1", "BUY", px, Decimal(1), None, ns, "A"))

    def tick(self, ms: int = 1_000) -> list[Any]:
        self.now_ms += ms
        return self.feed(ClockTick(self.now_ms * 10**6))

    def tell(self, kind: str, request: Any, topic: str = "", **fields: Any) -> list[Any]:
        """An event about the order of a request."""
        known = {
            "strategy": STRATEGY,
            "cl_ord_id": request.cl_ord_id,
            "side": getattr(request, "side", "UNKNOWN"),
            "order_qty": getattr(request, "order_qty", Decimal(0)),
        }
        return self.feed(event(kind, **{**known, **fields}), topic)

    def accept(self, request: Any) -> list[Any]:
        self.tell("OrderApproved", request)
        self.tell("OrderSubmitting", request)
        return self.tell("OrderAccepted", request)

    def fill(self, request: Any, qty: str | Decimal, trade_id: str = "1", **more: Any) -> list[Any]:
        return self.tell("OrderFilled", request, last_qty=Decimal(qty), trade_id=trade_id, **more)

    def deny(self, request: Any, times: int) -> None:
        """So many denials in a row, each of a request made as soon as the pause was over."""
        for left in reversed(range(times)):
            self.tell("OrderDenied", request)
            assert self.line.pause is not None
            if left:
                self.now_ms = self.line.pause.until_ms
                self.quote()
                [request] = self.tick(0)

    def check_saved(self) -> None:
        """The state survives being dumped and loaded; both forms hold the same."""
        body = self.logic.dump(self.state)
        assert self.logic.dump(self.twin) == body
        loaded = logic(None).load(body, self.logic.state_version)
        assert loaded.execution == self.state.execution
