"""Strategies that trade, and reconciliation, under the epoch protocol, on the log in memory.

1. killed at every point and started again: every output once, equal to an uninterrupted run
2. replayed: no difference; from every snapshot on as well
3. epochs of any size; an upgrade with open orders, positions and breaks
4. a strategy that ran without execution takes it up: it asks for what one with it would have
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache, partial
from typing import Any, NamedTuple

import pytest

from connectors.epochs.history import Ledger, history_from_start, history_since
from connectors.epochs.model import Intent, Shard
from connectors.epochs.opening import open_session
from connectors.epochs.parts import Parts
from connectors.epochs.points import POINTS, Point, nothing
from connectors.epochs.session import Session
from connectors.epochs.verify import Verifier
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from pipelines.batches import local_codec
from pipelines.logic import Input
from pipelines.reconciliation.logic import ReconciliationLogic
from replay.rerun import rerun
from schemas.events import CancelRequested, LogCreated, OrderRequested
from tests.connectors.epochs import driven
from tests.connectors.epochs.crash import At, survives
from tests.pipelines.execution import rig as execution
from tests.pipelines.reconciliation import rig as reconciliation

CODEC = local_codec()


def numbers(count: int) -> Iterator[int]:
    """A small linear congruence: the same story in every process."""
    number = 7
    for _ in range(count):
        number = (1_103_515_245 * number + 12_345) % 2**31
        yield number >> 8


class Trading(execution.Rig):
    """A millisecond between two records, so that the log keeps their order."""

    def feed(self, item: Any, topic: str = "") -> list[Any]:
        self.now_ms += 1
        return super().feed(item, topic)


class Comparing(reconciliation.Rig):
    def feed(self, item: Any) -> list[Any]:
        self.now_ms += 1
        return super().feed(item)


@cache
def trading() -> tuple[Input, ...]:
    """Targets, and a venue that denies, fills in part and cancels as it is asked."""
    rig = Trading()
    rig.start()
    asked: list[Any] = []
    for pick in numbers(60):
        asked += rig.want(Decimal(pick % 7)) if pick % 3 else rig.tick(6_000)
        asked += rig.quote(*(("99.5", "100.5") if pick % 2 else ("101", "102")))
        asked = [each for each in asked if isinstance(each, OrderRequested | CancelRequested)]
        working = rig.line.working
        if not asked or working is None:
            continue
        request, asked = asked[-1], []
        if isinstance(request, CancelRequested):
            cum = working.order.cum_qty
            asked += rig.tell("OrderCanceled", request, cum_qty=cum, order_qty=Decimal(0))
        elif isinstance(request, OrderRequested):
            asked += (
                rig.tell("OrderDenied", request, mark_px=None, mark_ts_recv_ns=None)
                if not pick % 5
                else _filled(rig, request, pick)
            )
    return tuple(rig.inputs)


def _filled(rig: Trading, request: OrderRequested, pick: int) -> list[Any]:
    rig.accept(request)
    whole = pick % 4 or request.order_qty == Decimal("0.1")
    qty = request.order_qty if whole else Decimal("0.1")
    return rig.fill(request, qty, str(pick))


@cache
def comparing() -> tuple[Input, ...]:
    """Fills, some of them told late or never, rounds that agree and rounds that do not."""
    rig, held = Comparing(), Decimal(0)
    for at, pick in enumerate(numbers(40)):
        order = f"C{at}"
        rig.open(order, "2")
        held += 2
        if pick % 4:
            rig.fill("2", str(at), order)
        rig.trades(reconciliation.trade("2", str(at), order))
        rig.tick(pick % 3 * 1_000)
        drift = 1 if 20 <= at < 25 else 0
        rig.now_ms += 20
        rig.round(held + drift * at, -100 * held)
    return tuple(rig.inputs)


class Case(NamedTuple):
    history: Callable[[], tuple[Input, ...]]
    make: Callable[[], Any]
    shard: Shard

    @property
    def name(self) -> str:
        return self.shard.pipeline


def case(history: Callable[[], tuple[Input, ...]], make: Callable[[], Any]) -> Case:
    logic = make()
    sizes = {"records_max": 7, "snapshot_bytes_min": 2_000, "snapshot_factor": 0}
    return Case(history, make, Shard(logic.name, 0, 1, logic.inputs, "v1", **sizes))


CASES = (case(trading, execution.logic), case(comparing, ReconciliationLogic))
EACH = pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])


def recorded(case: Case) -> MemoryLog:
    logic = case.make()
    own = (f"{case.name}.epochs.v1", f"{case.name}.snapshots.v1")
    log = MemoryLog(
        {**{t.topic: 1 for t in logic.inputs}, **dict.fromkeys((*logic.outputs, *own), 2)}
    )
    for item in case.history():
        value = CODEC.encode(item.event)
        log.append(OutRecord(item.position.topic, 0, item.key, value, item.timestamp_ms))
    return log


def run(case: Case, session: Session) -> None:
    driven.drive(session, case.make())


def live(
    case: Case, log: MemoryLog, shard: Shard | None = None, point: Point = nothing, **asked: Any
) -> None:
    intent = Intent(**{"start": "earliest", **asked})
    opened = open_session(
        log,
        CODEC,
        shard or case.shard,
        intent,
        rebuildable=False,
        point=point,
        until=lambda: True,
    )
    run(case, opened)


def outputs(case: Case, log: MemoryLog) -> dict[bytes, bytes]:
    return driven.outputs(log, case.make().outputs)


@cache
def uninterrupted(case: Case) -> dict[bytes, bytes]:
    log = recorded(case)
    live(case, log)
    return outputs(case, log)


def test_the_stories_have_all_kinds_of_outputs() -> None:
    said = [{type(CODEC.decode(v)).__name__ for v in uninterrupted(c).values()} for c in CASES]
    assert said == [
        {"TargetChanged", "OrderRequested", "CancelRequested"},
        {"PositionChanged", "OrderFilled", "BreakFound", "BreakCleared", "TradingHalted"},
    ]


OFTEN = POINTS[POINTS.index("epoch-cut") :]
KILLS = [*((name, 0) for name in POINTS), *((name, 5) for name in OFTEN)]


@EACH
@pytest.mark.parametrize(("name", "number"), KILLS)
def test_killed_anywhere_every_output_is_written_once(case: Case, name: str, number: int) -> None:
    log = recorded(case)
    assert not survives(lambda: live(case, log, point=At(name, number)))
    live(case, log)
    assert outputs(case, log) == uninterrupted(case)
    assert rerun(log, CODEC, case.shard, case.make()).clean


@EACH
def test_every_snapshot_leads_to_the_same_rest(case: Case) -> None:
    log = recorded(case)
    live(case, log)
    ledger = Ledger(log, CODEC, case.shard)
    taken = [e.snapshot for e in history_from_start(ledger, case.shard).epochs if e.snapshot_taken]
    assert len(taken) > 3
    for ref in taken:
        assert ref is not None
        rest = history_since(ledger, case.shard, ref)
        verifier = Verifier(CODEC, case.shard)
        session = Session(Parts(log, CODEC, case.shard, rest.base, rest.epochs, verifier))
        run(case, session)
        assert session.progress.epochs_verified == len(rest.epochs)


@EACH
def test_epochs_of_any_size_give_the_same_outputs(case: Case) -> None:
    log = recorded(case)
    live(case, log, replace(case.shard, records_max=10_000))
    assert outputs(case, log) == uninterrupted(case)


@EACH
def test_an_upgrade_in_the_middle_keeps_what_happened(case: Case) -> None:
    log = recorded(case)
    middle_ms = case.history()[len(case.history()) // 2].timestamp_ms
    held_back(log, middle_ms, partial(live, case, log))
    assert 0 < len(outputs(case, log)) < len(uninterrupted(case))
    live(case, log, replace(case.shard, version="v2"), upgrade="carry")
    assert outputs(case, log) == uninterrupted(case)


MARKET_ONLY = execution.logic().inputs[:3]


@cache
def taking_up() -> tuple[Input, ...]:
    """Wanted positions from before the log had a name, then orders and fills."""
    rig = Trading()
    for pick in numbers(20):
        rig.want(Decimal(pick % 7))
        rig.quote()
    rig.tick(1_000)
    rig.start()
    for pick in numbers(30):
        asked = [*rig.want(Decimal(pick % 7)), *rig.tick(6_000), *rig.quote()]
        while asked:
            request = asked.pop()
            asked += _filled(rig, request, pick | 1) if isinstance(request, OrderRequested) else ()
    return tuple(rig.inputs)


def test_a_strategy_without_execution_takes_it_up_under_the_same_epochs() -> None:
    trades = case(taking_up, execution.logic)
    bare_shard = replace(trades.shard, inputs=MARKET_ONLY)
    bare = Case(taking_up, execution.bare, bare_shard)
    log, whole = recorded(trades), recorded(trades)
    middle_ms = next(i.timestamp_ms for i in taking_up() if isinstance(i.event, LogCreated))
    held_back(log, middle_ms, partial(live, bare, log))
    carry = partial(
        live, trades, log, replace(trades.shard, version="v2"), upgrade="carry", start="earliest"
    )
    assert not survives(partial(carry, point=At("committed", 9)))
    carry()
    live(trades, whole)
    requests = [orders(trades, each) for each in (log, whole)]
    assert requests[0] == requests[1]
    assert len(requests[0]) > 10
    assert rerun(log, CODEC, replace(trades.shard, version="v2"), trades.make()).clean
    assert rerun(log, CODEC, bare_shard, bare.make()).clean


def orders(case: Case, log: MemoryLog) -> dict[bytes, Any]:
    """What was asked for, by id: all but the parent, whose name tells a snapshot from a target."""
    found: dict[bytes, Any] = {}
    for name, value in outputs(case, log).items():
        event = CODEC.decode(value)
        if isinstance(event, OrderRequested):
            found[name] = event._replace(parent_id="")
        elif isinstance(event, CancelRequested):
            found[name] = event
    return found


def held_back(log: MemoryLog, at_ms: int, run: Callable[[], None]) -> None:
    """Runs over what the log held before a time; the rest comes after it."""
    later = {tp: part.entries for tp, part in log.partitions.items() if part.entries}
    for tp, entries in later.items():
        log.partitions[tp].entries = [e for e in entries if before(e, at_ms)]
    run()
    for tp, entries in later.items():
        log.partitions[tp].entries += [e for e in entries if not before(e, at_ms)]


def before(entry: Any, at_ms: int) -> bool:
    return bool(entry.record.timestamp_ms < at_ms)
