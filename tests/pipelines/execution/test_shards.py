"""Execution under several shards: each trades the instruments it reads, all read every order event.

Two instruments of one account, in two partitions. One shard reads both; two shards read one each,
and control, decisions, order events and the clock whole. The requests are the same; where only the
clock caused several at once, their ids count within a shard and differ, but never repeat.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipelines.execution.executor import Executor
from pipelines.execution.settings import execution_of
from pipelines.logic import Input, Output, Position
from pipelines.strategy.logic import StrategyLogic
from pipelines.strategy.signal import LoadedSignal
from schemas.events import ClockTick, LogCreated, OrderRequested, QuoteChanged, TradePrinted
from tests.pipelines.batches import batch_of, cut
from tests.pipelines.execution.rig import OPTIONS, STRATEGY, Told
from tests.pipelines.orders.events import event

BTC, ETH = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"
TERMS = OPTIONS["instruments"][0]
BOTH = {**OPTIONS, "instruments": [TERMS, {**TERMS, "instrument": ETH, "base_asset": "ETH"}]}
MARKET = {"md.trade.v1", "md.quote.v1"}


def logic() -> StrategyLogic:
    loaded = LoadedSignal(STRATEGY, Told(), b"\1" * 32)
    executor = Executor("strategy", {STRATEGY: execution_of(STRATEGY, BOTH)}, {STRATEGY: "v"})
    return StrategyLogic([loaded], executor=executor)


class Story:
    """Records as they come, and what one shard makes of them."""

    def __init__(self) -> None:
        self.logic, self.inputs, self.outputs = logic(), list[Input](), list[Output]()
        self.state, self.now_ms = self.logic.initial(), 1_000

    def add(self, topic: str, item: Any, partition: int = 0) -> list[Any]:
        self.now_ms += 1
        row = Input(Position(topic, partition, len(self.inputs)), self.now_ms, b"", item)
        self.inputs.append(row)
        self.state, outputs = self.logic.step(self.state, batch_of([row]))
        self.outputs += outputs
        return [o.event for o in outputs if isinstance(o.event, OrderRequested)]

    def quote(self, instrument: str) -> list[Any]:
        one, px = Decimal(1), Decimal(100)
        item = QuoteChanged("BINANCE", instrument, None, px, one, px + 1, one, None, 0, "A")
        return self.add("md.quote.v1", item, instrument == ETH)

    def want(self, instrument: str, qty: int) -> list[Any]:
        item = TradePrinted(
            "BINANCE", instrument, "1", "BUY", Decimal(100 + qty), Decimal(1), None, 0, "A"
        )
        return self.add("md.trade.v1", item, instrument == ETH)

    def fill(self, request: Any) -> list[Any]:
        names = {"cl_ord_id": request.cl_ord_id, "instrument": request.instrument}
        known = {**names, "strategy": STRATEGY, "order_qty": request.order_qty}
        for kind in ("OrderSubmitting", "OrderAccepted"):
            self.add("oms.order-event.v1", event(kind, **known))
        last = {"last_qty": request.order_qty, "trade_id": str(self.now_ms), "side": request.side}
        return self.add("oms.order-event.v1", event("OrderFilled", **{**known, **last}))


@pytest.fixture
def story() -> Story:
    made = Story()
    made.add("ops.control.v1", LogCreated("log", "test", 0))
    for instrument in (BTC, ETH):  # targets before there is a touch: the clock starts both
        made.want(instrument, 3)
    for instrument in (BTC, ETH):
        made.quote(instrument)
    requests = made.add("ops.clock.v1", ClockTick(0))
    assert [request.instrument for request in requests] == [BTC, ETH]
    for request in requests:
        for more in made.fill(request):
            assert made.fill(more) == []
    made.fill(*made.want(ETH, 1))
    return made


def requests_of(outputs: list[Output]) -> list[OrderRequested]:
    return [o.event for o in outputs if isinstance(o.event, OrderRequested)]


def shard(story: Story, number: int, names: dict[str, str]) -> list[OrderRequested]:
    """What one of two shards asks for, told of its orders by its own names."""
    twin, outputs = logic(), list[Output]()
    state = twin.initial()
    for row in story.inputs:
        if row.position.topic in MARKET and row.position.partition != number:
            continue
        item = row.event
        if row.position.topic == "oms.order-event.v1":
            item = item._replace(cl_ord_id=names[item.cl_ord_id])
        state, found = twin.step(state, batch_of([row._replace(event=item)]))
        outputs += found
        whole = [o.event for o in story.outputs if o.position == row.position]
        for ours in requests_of(found):
            for theirs in whole:
                if isinstance(theirs, OrderRequested) and theirs.instrument == ours.instrument:
                    names[theirs.cl_ord_id] = ours.cl_ord_id
    return requests_of(outputs)


def without_id(request: OrderRequested) -> OrderRequested:
    return request._replace(cl_ord_id="")


def test_two_shards_ask_for_what_one_asks_for(story: Story) -> None:
    whole = requests_of(story.outputs)
    assert len(whole) == 5
    names = {request.cl_ord_id: request.cl_ord_id for request in whole}
    parts = [shard(story, number, names) for number in (0, 1)]
    for instrument, part in zip((BTC, ETH), parts, strict=True):
        expected = [without_id(r) for r in whole if r.instrument == instrument]
        assert [without_id(request) for request in part] == expected
    ids = [request.cl_ord_id for part in parts for request in part]
    assert len(set(ids)) == len(ids), "no id is given twice"


def test_cuts_change_nothing(story: Story) -> None:
    for sizes in ((), (1, 2, 3), (7, 0, 5)):
        twin, outputs = logic(), list[Output]()
        state = twin.initial()
        for batch in cut(story.inputs, sizes):
            state, found = twin.step(state, batch)
            outputs += found
        assert outputs == story.outputs
        assert twin.dump(state) == story.logic.dump(story.state)
