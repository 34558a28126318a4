"""Where a live run and its backtest part.

1. A backtest beside its own records: everything is equal. Another latency: the first difference is
   a fill, and the delays say why.
2. Each kind of difference, as a table; a fill that two told counts once.
3. The recorded run of a desk: what it did and what a backtest makes of its market.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors.log.memory import MemoryLog
from pipelines.logic import Input, Position
from replay.backtest.parted import KINDS, Trading, parts, summary_of
from replay.backtest.recorded import DONE
from replay.backtest.run import Done, backtest
from replay.backtest.store import store
from replay.times import Span
from tests.pipelines.orders.events import event
from tests.replay import traded
from tests.replay.backtest.market import CODEC, captured, log_of
from tests.replay.backtest.test_run import MS, SECONDS, example, setting
from tests.replay.backtest.test_store import GIVEN


@cache
def lived() -> MemoryLog:
    """The captured market, and what a backtest did in it as if it had been live."""
    market, own = log_of(captured(SECONDS)), example().records.log
    counts = {tp.topic: market.partition_count(tp.topic) for tp in market.partitions}
    log = MemoryLog(counts | {topic: own.partition_count(topic) for topic in DONE})
    for source, topics in ((market, counts), (own, DONE)):
        for tp in sorted(source.partitions):
            part = source.partitions[tp]
            for _, record in part.committed(0, part.end) if tp.topic in topics else ():
                log.append(record)
    return log


def beside(**assumed: Any) -> Done:
    return backtest(lived(), CODEC, setting(**assumed))


def test_a_backtest_beside_itself_is_equal() -> None:
    done = beside()
    assert done.records.digests() == example().records.digests()
    assert done.apart is not None
    for what, least in (("orders", 10), ("fills", 5)):
        counts = done.apart[what]
        assert counts["equal"] >= least
        assert sum(counts.values()) == counts["equal"]
    assert (done.apart["first"], done.apart["apart"]) == (None, [])
    assert done.apart["why"] == "nothing differs"
    assert done.apart["order_delay_ms"]["live"] == done.apart["order_delay_ms"]["backtest"]


def test_another_latency_is_named_as_the_reason() -> None:
    found = beside(order_ms=Decimal(250)).apart
    assert found is not None
    assert found["first"]["what"] == "fill"
    assert sum(found["orders"].values()) > found["orders"]["equal"] > 0
    assert "live the venue had the order 5 ms after it was asked for" in found["why"]
    assert "the latency model says 250 ms" in found["why"]
    assert found["order_delay_ms"]["assumed"] == "250"
    assert found["order_delay_ms"]["live"]["median"] == "5"
    assert found["order_delay_ms"]["backtest"]["median"] == "250"


def test_the_report_shows_it(tmp_path: Path) -> None:
    run = store(beside(order_ms=Decimal(250)), GIVEN, tmp_path)
    kept = json.loads((run.folder / "summary.json").read_text())["live"]
    shown = run.report.read_text()
    assert "Where live and backtest part" in shown
    assert f"tick {kept['first']['tick']}: live" in shown
    assert "the latency model says 250 ms" in shown
    assert (
        "Where live and backtest part"
        not in store(example(), GIVEN, tmp_path / "alone").report.read_text()
    )


def test_a_market_that_nobody_traded_is_beside_nothing() -> None:
    assert example().apart is None
    early = backtest(lived(), CODEC, setting(), Span(None, first_request_ms()))
    assert early.apart is None


def first_request_ms() -> int:
    log = lived()
    parts_ = [part for tp, part in log.partitions.items() if tp.topic == DONE[0]]
    return min(r.timestamp_ms for part in parts_ for _, r in part.committed(0, part.end))


# ---- kinds ---------------------------------------------------------------------------------------


def side(*told: tuple[str, dict[str, Any]]) -> Trading:
    """One side, from the fields that differ: an order of the tick `t` asked for at 1 ms."""
    trading = Trading("desk")
    for number, (name, changes) in enumerate(told):
        at_ms = changes.pop("at_ms", 1)
        fields = {"account": "desk", "cl_ord_id": "C", "correlation_id": "t", **changes}
        if name != "OrderRequested":
            fields["ts_event_ns"] = at_ms * MS
        item = Position("x", 0, number)
        trading.see(Input(item, at_ms, b"", event(name, **fields)))
    return trading


def ask(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "OrderRequested", {"price": Decimal(100), "order_qty": Decimal(2), **changes}


def fill(**changes: Any) -> tuple[str, dict[str, Any]]:
    terms = {"last_px": Decimal(100), "last_qty": Decimal(1), "order_id": "7", "trade_id": "1"}
    return "OrderFilled", {**terms, **changes}


ETH = {"cl_ord_id": "D", "instrument": "ETHUSDT.BINANCE"}  # the venue's ids are the other's, too
BESIDE = ["equal", "equal", "only live", "only live"]


@pytest.mark.parametrize(
    ("live", "simulated", "kinds"),
    [
        ([ask()], [ask()], ["equal"]),
        ([ask()], [ask(cl_ord_id="D")], ["equal"]),
        ([ask()], [], ["only live"]),
        ([], [ask()], ["only backtest"]),
        ([ask()], [ask(price=Decimal(101))], ["other price"]),
        ([ask()], [ask(side="SELL")], ["other price"]),
        ([ask()], [ask(order_qty=Decimal(3))], ["other quantity"]),
        ([ask()], [ask(at_ms=2)], ["other time"]),
        ([ask()], [ask(correlation_id="u")], ["only live", "only backtest"]),
        ([ask()], [ask(strategy="another")], ["only live", "only backtest"]),
        ([ask(), ask(cl_ord_id="D")], [ask()], ["equal", "only live"]),
        ([ask(), fill()], [ask(), fill()], ["equal", "equal"]),
        ([ask(), fill()], [ask(), fill(last_px=Decimal(99))], ["equal", "other price"]),
        ([ask(), fill()], [ask(), fill(last_qty=Decimal(2))], ["equal", "other quantity"]),
        ([ask(), fill(at_ms=3)], [ask(), fill(at_ms=4)], ["equal", "other time"]),
        ([ask(), fill(), fill()], [ask(), fill()], ["equal", "equal"]),
        ([ask(), fill(), fill(trade_id="2")], [ask(), fill()], ["equal", "equal", "only live"]),
        ([ask(account="other"), fill()], [], []),
        ([ask(), ask(**ETH), fill(), fill(**ETH)], [ask(), ask(**ETH)], BESIDE),
    ],
)
def test_kinds(live: list[Any], simulated: list[Any], kinds: list[str]) -> None:
    was, now = (side(*((name, dict(told)) for name, told in one)) for one in (live, simulated))
    assert sorted(part.kind for part in parts(was, now)) == sorted(kinds)
    counts = summary_of(was, now, 5 * MS)
    counted = [counts[what][kind] for what in ("orders", "fills") for kind in KINDS]
    assert sum(counted) == len(kinds)


def test_an_order_that_differs_first_is_not_the_venues_doing() -> None:
    found = summary_of(side(ask()), side(), 5 * MS)
    assert found["first"]["kind"] == "only live"
    assert "it is not the venue" in found["why"]


# ---- a recorded desk -----------------------------------------------------------------------------


def test_a_recorded_desk_and_its_backtest_part_at_a_fill() -> None:
    found = backtest(traded.load(), CODEC, setting()).apart
    assert found is not None
    assert sum(found["orders"].values()) - found["orders"]["only backtest"] == 17
    assert sum(found["fills"].values()) - found["fills"]["only backtest"] == 25
    assert (found["first"]["what"], found["first"]["kind"]) == ("fill", "other price")
    assert "live the venue had the order 1829 ms after it was asked for" in found["why"]
