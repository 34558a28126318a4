"""The benchmark's harness on tiny counts: that it measures what it says, never how fast."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.feed.capture import load
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from ops.bench import backtesting, data, report, run, trading, works
from ops.bench.peers import environment
from ops.bench.run import GROUPS, Bench, Found, Plan
from ops.bench.samples import Sample, ratios, same_orders
from ops.bench.verify import verify as verified
from ops.settings import ROOT, Settings
from ops.stack import StackInfo
from ops.stack.progress import silent
from tests.connectors.epochs.toy import CODEC
from tests.nursery import Command
from tests.pipelines.orders.events import event

EVENTS = 2_000
WORK, ENDED = "ops.bench.work", run.ended
MEASURED = frozenset(GROUPS) - {
    *("growth", "partition", "trading", "risk", "venue", "verify", "backtest")
}


@pytest.fixture(scope="module")
def found(stack: StackInfo, stack_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """All but the peers that have to be installed, and what measures the same again."""
    folder = tmp_path_factory.mktemp("bench")
    shutil.copy(stack_dir / "stack.json", folder)
    (folder / "tape.toml").write_text(f'topic_prefix = "{run.LIVE}"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "_uv", _no_uv)
        patch.setattr(run, "PAIRS", 1)
        patch.setattr(run, "DESK_PAIRS", 0)  # half a minute each
        patch.setattr(run, "ended", _forked)
        return Bench(Plan(MEASURED, EVENTS, 1, 2.0, 0.0), folder, silent).run()


def _forked(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """As `run.ended`, but without loading everything once more for each measurement."""
    _, _, module, *arguments = command
    if module != WORK:
        return ENDED(command, folder, environment)  # a peer begins as it would elsewhere
    process = Command(arguments, environment, folder, folder, module)
    out, err = process.communicate(run.WORK_S_MAX)
    return subprocess.CompletedProcess(command, process.wait(), out, err)


def _measured(folder: Path, *arguments: str) -> dict[str, Any]:
    command = (sys.executable, "-m", WORK, *arguments)
    done = _forked(command, folder, {**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    sample: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return sample


def _no_uv() -> str:
    raise environment.NotInstalled("uv is not here")


def test_every_measurement_saw_all_its_events(found: Found) -> None:
    counted = {name: [sample.events for sample in some] for name, some in found.samples.items()}
    whole, frames = EVENTS, EVENTS // 8
    assert counted.pop("latency")[0] > 0
    assert counted.pop("market")[0] > frames  # the clock's ticks come with them
    assert counted == {
        "messages": [whole],
        "messages_tuned": [whole],
        "columns": [whole],
        "strategy": [whole],
        "stock_bytewax": [whole // 5],
        "json_loads": [frames],
        "market_pair": [frames],
        "archive": [whole],
        "replay_log": [whole],
        "replay_archive": [whole],
        "sql_bars": [whole],
        "sql_by_hand": [whole],
        "strategy_seen": [whole // 4],
        "strategy_unseen": [whole // 4],
    }
    bars = {found.samples[name][0].extra["bars"] for name in ("sql_bars", "sql_by_hand")}
    assert len(bars) == 1, "both make the same bars"
    assert bars.pop() > 0


def test_history_is_measured_on_what_is_the_same(found: Found) -> None:
    [archived], [log], [archive] = (
        found.samples[name] for name in ("archive", "replay_log", "replay_archive")
    )
    assert archived.extra["archived"] > 0
    assert log.extra == archive.extra


def test_the_venue_fills_every_order_of_its_measurement(tmp_path: Path) -> None:
    measured = _measured(tmp_path, "venue", "18", "{}")
    assert (measured["events"], measured["extra"]) == (18, {"filled": 18})


def test_a_backtest_sees_every_tick_that_the_peer_does(tmp_path: Path) -> None:
    arguments = {"ticks": str(tmp_path / "ticks.jsonl")}
    made = backtesting.fill_ticks(Settings(), 600, arguments)
    assert made.events == 660
    orders = backtesting.backtest_orders(Settings(), 600, arguments)
    assert orders.events == 660
    assert orders.extra["orders"] > 0
    assert [row[0] for row in _rows(arguments)[:3]] == ["trade", "quote", "trade"]


def test_a_peer_is_given_the_trades_that_are_replayed(tmp_path: Path) -> None:
    arguments = {"ticks": str(tmp_path / "trades.jsonl")}
    assert backtesting.fill_rows(Settings(), 40, arguments).events == 40
    values = [r.value for r in data.trades(90, data.instruments(data.INSTRUMENTS), CODEC)]
    for row, trade in zip(_rows(arguments), map(CODEC.decode, values[:40]), strict=True):
        kind, instrument, ts_ns, px, qty, *rest = row
        assert (kind, instrument, ts_ns) == ("trade", trade.instrument, trade.ts_event_ns)
        assert (Decimal(px), Decimal(qty)) == (trade.last_px, trade.last_qty)
        assert rest == [trade.aggressor_side, trade.trade_id]


def _rows(arguments: Mapping[str, str]) -> list[list[Any]]:
    return [json.loads(line) for line in Path(arguments["ticks"]).read_text().splitlines()]


def test_the_audit_of_its_measurement_reads_every_row_and_finds_nothing() -> None:
    assert verified(Settings(), 400, {}).events >= 400


def test_an_orders_way_is_measured_between_its_own_events() -> None:
    tap = trading.OrderTap(MemoryLog(dict.fromkeys(trading.TOPICS, 1)), CODEC)
    for number, begun_ms in enumerate((0, 1_000, 2_000)):
        name, ms = f"C{number}", 10**6
        tick_ns = (begun_ms + 5) * ms
        told = {"cl_ord_id": name, "ts_recv_ns": tick_ns, "instrument": "B", "side": "BUY"}
        tap.note(event("OrderRequested", **told), (begun_ms + 9) * ms)
        tap.note(event("OrderApproved", cl_ord_id=name), (begun_ms + 12 + number) * ms)
        taken_ns = (begun_ms + 25) * ms
        tap.note(event("OrderAccepted", cl_ord_id=name, ts_event_ns=taken_ns), 0)
    tap.note(event("OrderRequested", cl_ord_id="undecided", ts_recv_ns=1), 3_000 * 10**6)
    found = trading.shares(tap, 1_000 * 10**6)
    decisions, orders = found[trading.DECISION], found[trading.ORDER]
    assert (decisions["count"], decisions["p50"], decisions["max"]) == (2, 5.0, 5.0)
    assert (orders["count"], orders["p50"]) == (2, 20.0)
    assert trading.ways(tap, 1_000 * 10**6) == [("B BUY", 5.0, 20.0), ("B BUY", 1_005.0, 20.0)]


def test_pipelines_committed_what_they_decided(found: Found) -> None:
    [market], [strategy] = found.samples["market"], found.samples["strategy"]
    assert market.extra["outputs"] > 0
    assert strategy.extra["outputs"] > 0
    assert strategy.extra["epochs"] > 0
    assert market.rss_mb > 10


def test_only_one_of_a_pair_is_seen(found: Found) -> None:
    [seen], [unseen] = found.samples["strategy_seen"], found.samples["strategy_unseen"]
    assert (seen.extra["seen"], unseen.extra["seen"]) == (True, False)
    assert seen.extra["outputs"] == unseen.extra["outputs"]


def test_what_could_not_be_measured_is_named(found: Found) -> None:
    assert found.missing == dict.fromkeys(("nautilus_trader", "quixstreams"), "uv is not here")
    verdicts = {row[0]: row[-1] for row in report.verdicts(found)}
    assert verdicts["`strategy` / quixstreams"] == "not measured"
    assert "uv is not here" in report.as_markdown(found, Plan(frozenset(GROUPS)), 0.1)


def test_latency_counts_what_consumers_saw(found: Found) -> None:
    [sample] = found.samples["latency"]
    assert sample.extra.keys() == {"md.trade.v1", "md.quote.v1", "signal.target.v1"}
    assert found.samples["latency"][0].events > 100


def test_the_report_has_all_targets_and_no_host_name(found: Found) -> None:
    page = report.as_markdown(found, Plan(frozenset(GROUPS)), 3.0)
    assert all(target.name in page for target, _, _ in report.RATIOS)
    assert "did other work as well" in page
    assert str(Path.home()) not in page
    as_json = report.as_json(found, 0.1)
    assert as_json["samples"]["strategy"][0]["events"] == EVENTS


def sample(work: str, rate: float, **extra: Any) -> Sample:
    return Sample(work, 1_000, 1_000 / rate, rss_mb=100.0, extra=extra)


@pytest.mark.parametrize(
    ("value", "most", "verdict"),
    [
        (0.9, False, "aim"),
        (0.8, False, "aim"),
        (0.7, False, "reached"),
        (0.5, False, "MISSED"),
        (0.5, True, "aim"),
        (0.7, True, "reached"),
        (0.9, True, "MISSED"),
    ],
)
def test_a_verdict(value: float, most: bool, verdict: str) -> None:
    bounds = (0.8, 0.6) if most else (0.6, 0.8)
    assert report.Row(report.Target("x", *bounds, most=most), [value]).verdict == verdict


def test_a_ratio_compares_within_one_repetition() -> None:
    found = {"a": [sample("a", 10), sample("a", 40)], "b": [sample("b", 20), sample("b", 40)]}
    assert ratios(found, "a", "b") == pytest.approx([0.5, 1.0])
    assert ratios(found, "a", "absent") == []


def test_who_begins_changes_with_every_pair() -> None:
    assert list(run.in_turn(3)) == [
        *((0, True), (0, False)),
        *((1, False), (1, True)),
        *((2, True), (2, False)),
    ]


def test_a_desk_seen_is_compared_with_its_neighbour() -> None:
    def desks(*took_ms: float) -> list[Sample]:
        return [sample("x", 1, **{trading.WAYS: [("B", 5.0, ms)] if ms else []}) for ms in took_ms]

    found = {"trading_seen": desks(21, 33, 10), "trading_unseen": desks(20, 30, 0)}
    assert report.seen_ways(found) == pytest.approx([1.05, 1.1]), "no orders: no pair"
    [(name, said)] = report.paired("x", report.seen_ways(found))
    low, high = (float(bound) for bound in said.split(" - "))
    assert name == "x: 95 % of 2 pairs"
    assert low < 1.05
    assert high > 1.1
    assert report.paired("x", [1.0]) == []


def test_an_order_is_compared_with_itself_in_the_other_run() -> None:
    seen = [("B", 0.0, 10.0), ("B", 90.0, 20.0), ("S", 0.0, 30.0), ("S", 900.0, 40.0)]
    unseen = [("B", 80.0, 2.0), ("B", 5.0, 1.0), ("S", 300.0, 3.0), ("S", 850.0, 4.0)]
    assert same_orders(seen, unseen) == [(10.0, 1.0), (20.0, 2.0), (40.0, 4.0)]
    assert same_orders(seen, unseen[:1]) == [(10.0, 2.0)], "each but once"


def test_of_a_desk_only_percentiles_are_a_table() -> None:
    at = {"count": 1, "p50": 1.0, "p90": 1.0, "p99": 1.0, "max": 1.0}
    desk = sample("trading", 1, **{trading.ORDER: at, trading.WAYS: [("B", 5.0, 20.0)]})
    told = (trading.ORDER, "1", "1.0", "1.0", "1.0", "1.0")
    assert list(report.latencies({"trading": [desk]})) == [told]


def test_quarters_are_rates_of_each_quarter() -> None:
    steps = [(25, 1.0), (50, 2.0), (75, 4.0), (100, 5.0)]
    assert works.quarters(steps, 0.0) == [25.0, 25.0, 12.5, 25.0]
    assert works.quarters([(100, 5.0)], 0.0) == []


@pytest.mark.parametrize("number", [2, 4, 200])
def test_instruments_spread_over_the_partitions(number: int) -> None:
    names = data.instruments(number)
    partitions = [murmur2_partition(name.encode(), data.PARTITIONS) for name in names]
    assert len(set(names)) == number
    assert max(map(partitions.count, range(4))) - min(map(partitions.count, range(4))) <= 1


def test_repeated_frames_are_of_other_instruments() -> None:
    once = len(load(data.CAPTURES))
    frames = list(data.frames(once + 50))
    assert len(frames) == once + 50
    assert [f.at_ns for f in frames] == sorted(f.at_ns for f in frames)
    assert b"usdt1@" in frames[once + 10].payload[:60]
    assert len({f.payload for f in frames[once:]} & {f.payload for f in frames[:once]}) == 0


def test_raw_records_decode_and_the_clock_ticks_between_them() -> None:
    records = list(data.raw_records(data.frames(500), CODEC))
    kinds = [type(CODEC.decode(record.value)).__name__ for record in records]
    assert kinds[0] == "ClockTick"
    assert kinds.count("FrameReceived") == 500
    assert {record.partition for record in records} <= set(range(data.PARTITIONS))


@pytest.mark.parametrize("opened", [1, 30])
def test_risk_approves_every_request_of_its_measurement(opened: int, tmp_path: Path) -> None:
    sample = _measured(tmp_path, "risk", "2500", json.dumps({"open_orders": opened}))
    assert sample["events"] == 2_500
    assert sample["extra"] == {"open_orders": opened, "approved": 2_500, "still_open": opened}
