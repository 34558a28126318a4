"""Risk's decisions alone: requests per second of one core, with few and many orders open.

python -m ops.bench.work risk 100000 '{"open_orders": 10000}'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from connectors.epochs.tuning import tune
from ops.bench.samples import Sample
from ops.bench.works import Watch
from ops.limits import parse
from ops.settings import ROOT, Settings
from pipelines.batches import batch_of
from pipelines.logic import Batch, Input, Position
from pipelines.risk.logic import RiskLogic
from pipelines.risk.state import RiskState
from schemas.events import (
    ClockTick,
    DecisionExpired,
    GatewayReady,
    MarkPublished,
    OrderApproved,
    OrderRequested,
    TransferAnnounced,
)
from schemas.numbers import exact

ACCOUNT, STRATEGY, VENUE, INSTRUMENT = "sim-1", "ema-cross", "BINANCE", "BTCUSDT.BINANCE"
NOW_NS: Final = 1_700_000_000 * 10**9
EPOCH_RECORDS: Final = 200
PLENTY: Final = Decimal(10) ** 12
LIMITS: Final = "ops/desk/example/limits.yaml"


def risk(_: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """Approvals of limit orders, every check asked, on top of `open_orders` that stay open."""
    tune()
    opened = int(arguments.get("open_orders", 1))
    logic = RiskLogic()
    state = ready(logic)
    for batch in epochs(0, opened):
        state, _outputs = logic.step(state, batch)
    whole = Sample("risk", events, 0.0, 0.0, 0.0, {"open_orders": opened, "approved": 0})
    for batch in epochs(opened, events):  # made just before, as a pipeline decodes its epochs
        watch = Watch()
        state, outputs = logic.step(state, batch)
        _add(whole, watch.sample("risk", batch.count))
        passed = [output.event for output in outputs if isinstance(output.event, OrderApproved)]
        whole.extra["approved"] += len(passed)
        state, _outputs = logic.step(state, _ended(passed))
    whole.extra["still_open"] = state.levels[None, None, None].open_orders
    return whole


def _add(whole: Sample, part: Sample) -> None:
    whole.seconds += part.seconds
    whole.cpu_s += part.cpu_s
    whole.rss_mb = part.rss_mb


def _ended(orders: Sequence[OrderApproved]) -> Batch:
    """What was measured does not stay open: the number of open orders is as given throughout."""
    events = [
        DecisionExpired(*order[:2], *order[3:6], "TICK_STALE", (), "", "", None, 0)
        for order in orders
    ]
    return batch_of([_record("oms.order-event.v1", n, event) for n, event in enumerate(events)])


def ready(logic: RiskLogic) -> RiskState:
    """A desk that may trade without end: the example's limits, wide enough."""
    limits = parse((ROOT / LIMITS).read_text("utf-8"), 1, "bench", "bench", 0)
    wide = tuple(
        limit._replace(value=PLENTY) if limit.kind.endswith("_MAX") else limit
        for limit in limits.limits
    )
    px = Decimal(100)
    control = (
        limits._replace(limits=wide),
        TransferAnnounced("t", ACCOUNT, VENUE, "USDT", PLENTY, "bench", "", "", 0),
    )
    gateway = GatewayReady(ACCOUNT, VENUE, "i", False, "v", 0, 0, "s", 0)
    records = [
        *(_record("ops.control.v1", n, event) for n, event in enumerate(control)),
        _record("oms.order-event.v1", 0, gateway),
        _record("md.mark.v1", 0, MarkPublished(VENUE, INSTRUMENT, px, px, px, None, NOW_NS)),
        _record("ops.clock.v1", 0, ClockTick(NOW_NS)),
    ]
    state, _ = logic.step(logic.initial(), batch_of(records))
    return state


def _record(topic: str, offset: int, event: Any) -> Input:
    return Input(Position(topic, 0, offset), NOW_NS // 1_000_000, ACCOUNT.encode(), event)


def epochs(start: int, count: int) -> Iterator[Batch]:
    for at in range(start, start + count, EPOCH_RECORDS):
        numbers = range(at, min(at + EPOCH_RECORDS, start + count))
        yield batch_of([_record("oms.order-request.v1", n, _request(n)) for n in numbers])


def _request(number: int) -> OrderRequested:
    """Prices and quantities differ, so that none is a duplicate of another."""
    qty, price = exact(f"{number // 100 + 1}.001"), exact(f"99.{number % 100:02d}")
    tick = f"md.trade.v1/0/{number}"
    order = (f"order-{number}", tick, qty, 0, "BUY", "LIMIT", "GTC", False, price, qty)
    what = (ACCOUNT, STRATEGY, "v1", VENUE, INSTRUMENT, *order, None, None, tick, tick)
    return OrderRequested._make((*what, None, NOW_NS))
