"""Every example question over a real traded run, each answer counted again from the events.

1. The run is read event by event, without SQL.
2. Each example has a function here that says what its answer must be; one without fails.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from pipelines.exact import ZERO
from pipelines.orders.table import ENDED
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.sql.session import ask
from replay.sql.shipped import examples
from schemas import events as ev
from schemas.catalog import load_catalog

BTC = "BTCUSDT.BINANCE"
HOUR_MS = 3_600_000
Row = tuple[Any, ...]


class Told(NamedTuple):
    """One record of the run."""

    topic: str
    offset: int
    timestamp_ms: int
    event: Any


class Run:
    """The events by class, in the order of their partitions."""

    def __init__(self, log: MemoryLog) -> None:
        decode = local_codec().decode
        self.told = [
            Told(tp.topic, at, record.timestamp_ms, decode(record.value))
            for tp, part in log.partitions.items()
            for at, record in part.committed(0, part.end)
        ]

    def of(self, kind: type[Any]) -> list[Any]:
        return [one.event for one in self.told if isinstance(one.event, kind)]

    def order(self, kind: type[Any], cl_ord_id: str) -> list[Any]:
        return [event for event in self.of(kind) if event.cl_ord_id == cl_ord_id]


def denials(run: Run) -> list[Row]:
    found: dict[Row, list[Decimal]] = defaultdict(list)
    for e in run.of(ev.OrderDenied):
        found[e.strategy, e.instrument, e.reason, e.limits_version].append(e.order_qty)
    rows = [(*names, len(qtys), sum(qtys)) for names, qtys in found.items()]
    return sorted(rows, key=lambda row: (-row[4], row))


def other_limits(run: Run) -> list[Row]:
    """Only the one by position: duplicates stay duplicates, a gateway that is away stays away."""
    [denied] = [e for e in run.of(ev.OrderDenied) if e.reason == "POSITION_ABOVE_MAX"]
    facts = {fact.name: Decimal(fact.value) for fact in denied.facts}
    assert facts["max"] < facts["with_open"] + facts["qty"] < 5
    names = (denied.strategy, denied.instrument, denied.cl_ord_id, denied.reason)
    return [(*names, 1, 2, Decimal(5), facts["with_open"] + facts["qty"])]


def slippage(run: Run) -> list[Row]:
    found: dict[Row, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for one in run.told:
        if isinstance(fill := one.event, ev.OrderFilled):
            [approved] = run.order(ev.OrderApproved, fill.cl_ord_id)
            qty = fill.last_qty if fill.side == "BUY" else -fill.last_qty
            cost = (fill.last_px - approved.mark_px) * qty
            hour = datetime.fromtimestamp(one.timestamp_ms // HOUR_MS * 3_600, UTC)
            found[hour, fill.instrument].append((fill.last_px * fill.last_qty, cost))
    rows = []
    for names, parts in sorted(found.items()):
        notional, cost = (sum(column, ZERO) for column in zip(*parts, strict=True))
        rows.append((*names, len(parts), notional, cost, round(float(10_000 * cost / notional), 3)))
    return rows


def tick_to_fill(run: Run) -> list[Row]:
    """What lies between, of the order that filled and began last."""
    last = max(run.of(ev.OrderFilled), key=lambda e: _asked(run, e).ts_recv_ns)
    request = _asked(run, last)
    filled_ms = min(
        one.timestamp_ms
        for one in run.told
        if isinstance(one.event, ev.OrderFilled) and one.event.cl_ord_id == last.cl_ord_id
    )
    within = [
        one
        for one in run.told
        if request.ts_recv_ns // 1_000_000 <= one.timestamp_ms <= filled_ms
        and getattr(one.event, "instrument", None) in (None, last.instrument)
        and getattr(one.event, "account", None) in (None, last.account)
        and not one.topic.endswith(".epochs.v1")
    ]
    return sorted((type(one.event).__name__, one.topic, one.offset) for one in within)


def _asked(run: Run, fill: Any) -> Any:
    [request] = run.order(ev.OrderRequested, fill.cl_ord_id)
    return request


def positions(run: Run) -> list[Row]:
    last = {(e.account, e.strategy, e.instrument): e for e in run.of(ev.PositionChanged)}
    rows = [(*key, e.position_qty, e.avg_px, e.realized_pnl) for key, e in last.items()]
    return sorted(rows, key=lambda row: row[:3])


def bars(run: Run) -> list[Row]:
    minutes: dict[int, list[Any]] = defaultdict(list)
    for one in run.told:
        if isinstance(one.event, ev.TradePrinted) and one.event.instrument == BTC:
            minutes[one.timestamp_ms // 60_000].append(one.event)
    return [_bar(trades) for _, trades in sorted(minutes.items())]


def _bar(trades: list[Any]) -> Row:
    prices = [trade.last_px for trade in trades]
    notional = sum(trade.last_px * trade.last_qty for trade in trades)
    volume = sum(trade.last_qty for trade in trades)
    return (prices[0], max(prices), min(prices), prices[-1], volume, notional, len(trades))


def latency(run: Run) -> list[Row]:
    stamped = {e.request_id: e.ts_ns for e in run.of(ev.VenueRequestSent)}
    sent = {e.cl_ord_id: stamped[e.request_id] for e in run.of(ev.OrderSubmitting)}
    acked = first(run.of(ev.OrderAccepted))
    filled = first([e for e in run.of(ev.OrderFilled) if not e.reconciled])
    rows = []
    for name in sorted({e.strategy for e in run.of(ev.OrderRequested)}):
        tick = first([e for e in run.of(ev.OrderRequested) if e.strategy == name])
        submit, fill = took(tick, sent), took(tick, filled)
        ack = took({order: at for order, at in sent.items() if order in tick}, acked)
        shares = ((submit, 50), (submit, 99), (ack, 50), (fill, 50), (fill, 99))
        rows.append((name, len(submit), len(fill), *(share(*one) for one in shares)))
    return rows


def first(events: list[Any]) -> dict[str, int]:
    """When each order's first one was received."""
    found: dict[str, int] = {}
    for event in events:
        found[event.cl_ord_id] = min(event.ts_recv_ns, found.get(event.cl_ord_id, 1 << 63))
    return found


def took(begun: dict[str, int], ended: dict[str, int]) -> list[int]:
    """Microseconds, of the orders that have both."""
    both = begun.keys() & ended.keys()
    return sorted((ended[name] - begun[name]) // 1_000 for name in both)


def share(values: list[int], percent: int) -> int:
    """The smallest value that as many are not above."""
    return values[-(-len(values) * percent // 100) - 1]


def unfilled(run: Run) -> list[Row]:
    filled = {e.cl_ord_id for e in run.of(ev.OrderFilled)}
    kinds = {
        ev.OrderDenied: "DENIED",
        ev.OrderCanceled: "CANCELED",
        ev.DecisionExpired: "DROPPED",
    }
    ended = [(e, state, e.reason) for kind, state in kinds.items() for e in run.of(kind)]
    for e in run.of(ev.OrderResolved):
        if e.resolution == "ABSENT":
            [doubt] = run.order(ev.OrderOutcomeUnknown, e.cl_ord_id)
            ended.append((e, "ABSENT", doubt.reason))
    found: dict[Row, list[Decimal]] = defaultdict(list)
    for e, state, reason in ended:
        if e.cl_ord_id not in filled:
            [request] = run.order(ev.OrderRequested, e.cl_ord_id)
            found[e.strategy, e.instrument, state, reason].append(request.order_qty)
    rows = [(*names, len(qtys), sum(qtys)) for names, qtys in found.items()]
    return sorted(rows, key=lambda row: (-row[4], row))


def fees(run: Run) -> list[Row]:
    found: dict[Row, list[Any]] = defaultdict(list)
    for fill in run.of(ev.OrderFilled):
        found[fill.strategy, fill.comm_currency].append(fill)
    return [
        (
            *names,
            len(fills),
            sum(f.commission for f in fills),
            sum(f.commission for f in fills if f.last_liquidity == "MAKER"),
        )
        for names, fills in sorted(found.items())
    ]


def breaks(run: Run) -> list[Row]:
    cleared = {o.event.break_id: o for o in run.told if isinstance(o.event, ev.BreakCleared)}
    rows = []
    for one in run.told:
        if isinstance(e := one.event, ev.BreakFound):
            end = cleared.get(e.break_id)
            lasted_ms = end and end.timestamp_ms - one.timestamp_ms
            by = end and (end.event.person or end.event.reason)
            rows.append((e.kind, e.instrument, e.asset, lasted_ms, end is None, by, e.detail))
    return rows


def named(*names: str) -> Callable[[list[dict[str, Any]]], list[Row]]:
    return lambda rows: [tuple(row[name] for name in names) for row in rows]


def placed(rows: list[dict[str, Any]]) -> list[Row]:
    parts = [(row["_event"], *row["_position"].rsplit("/", 2)) for row in rows]
    return sorted((event, topic, int(offset)) for event, topic, _, offset in parts)


TERMS = ("strategy", "instrument", "cl_ord_id", "reason")
HELD = ("account", "strategy", "instrument", "position_qty", "avg_px", "realized_pnl")
TIMES = (
    *("tick_to_submit_p50", "tick_to_submit_p99", "submit_to_ack_p50"),
    *("tick_to_fill_p50", "tick_to_fill_p99"),
)
PRICES = ("open_px", "high_px", "low_px", "close_px", "volume_qty", "notional", "trades")
EXPECTED: dict[str, tuple[Callable[[Run], list[Row]], Callable[[list[dict[str, Any]]], Any]]] = {
    "bars": (bars, named(*PRICES)),
    "breaks": (
        breaks,
        named("kind", "instrument", "asset", "lasted_ms", "open", "explained_by", "detail"),
    ),
    "denials": (
        denials,
        named("strategy", "instrument", "reason", "limits_version", "denials", "qty"),
    ),
    "fees": (fees, named("strategy", "comm_currency", "fills", "commission", "as_maker")),
    "latency": (latency, named("strategy", "sent", "filled", *TIMES)),
    "other-limits": (
        other_limits,
        named(*TERMS, "denied_by", "compared_with", "new_limit", "asked_for"),
    ),
    "positions": (positions, named(*HELD)),
    "slippage": (
        slippage,
        named("hour", "instrument", "fills", "notional", "slippage", "slippage_bps"),
    ),
    "tick-to-fill": (tick_to_fill, placed),
    "unfilled": (unfilled, named("strategy", "instrument", "state", "reason", "orders", "qty")),
}


@pytest.fixture(scope="module")
def run(traded_log: MemoryLog) -> Run:
    return Run(traded_log)


def test_there_are_ten_and_each_asks_in_its_first_line() -> None:
    found = examples()
    assert {each.name for each in found} == {*EXPECTED}
    assert len(found) == 10
    assert all("?" in each.question for each in found)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_has_the_answer_that_the_events_give(
    name: str, run: Run, traded_root: Path
) -> None:
    [asked] = [each.sql for each in examples() if each.name == name]
    answer = ask(FolderStore(traded_root), load_catalog(), asked).to_pylist()
    expected, shown = EXPECTED[name]
    assert shown(answer) == expected(run)
    assert answer, "nothing was asked of this run"


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (ev.OrderRequested, "REQUESTED"),
        (ev.OrderApproved, "APPROVED"),
        (ev.OrderOutcomeUnknown, "OUTCOME_UNKNOWN"),
    ],
)
def test_orders_that_have_not_ended_are_not_told_as_unfilled(
    traded_log: MemoryLog, tmp_path: Path, last: type[Any], state: str
) -> None:
    kinds = [ev.OrderRequested, ev.OrderApproved, ev.OrderSubmitting, ev.OrderOutcomeUnknown]
    told = {kind.__name__ for kind in kinds[: kinds.index(last) + 1]}
    codec, catalog = local_codec(), load_catalog()
    log = MemoryLog({name: topic.partitions for name, topic in catalog.topics.items()})
    for part in traded_log.partitions.values():
        for _, record in part.committed(0, part.end):
            if codec.name_of(record.value) in told:
                log.append(record)
    store = FolderStore(tmp_path)
    archive(log, codec, store, tuple(catalog.topics))
    states = ask(store, catalog, "SELECT DISTINCT state FROM orders").to_pylist()
    assert {"state": state} in states
    [asked] = [each.sql for each in examples() if each.name == "unfilled"]
    assert ask(store, catalog, asked).to_pylist() == []


def test_unfilled_are_all_states_that_end_an_order() -> None:
    [asked] = [each.sql for each in examples() if each.name == "unfilled"]
    assert {*re.findall(r"'([A-Z]+)'", asked)} == {"DENIED", *ENDED} - {"FILLED"}
