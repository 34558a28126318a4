"""The processes as a user starts them, on the real broker.

1. A desk is made once: raw frames of a capture, `market` and `strategy` run over them and stop.
2. Each test asks one thing of it: replay, upgrades, takeover, snapshots, lag tools, errors.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.log.places import read_whole
from ops.processes.lock import owner
from ops.settings import ROOT
from ops.stack import StackInfo
from tests.connectors.simulated.rig import KEYS
from tests.ops.processes.desk import TAPE, Desk

MARKET, STRATEGY = ("md.raw.v1",), ("md.trade.v1", "md.quote.v1")
FASTER = {
    "TAPE_STRATEGY__SIGNALS": '[{"name":"ema-cross","uses":"ema-cross","options":{"fast_span":5}}]'
}


LATEST: Any = import_module("confluent_kafka.admin").OffsetSpec.latest()


@pytest.fixture(scope="module")
def desk(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("desk"))
    try:
        made.produce()
        made.run_until_drained("market", "--from", "earliest", inputs=MARKET)
        made.run_until_drained("strategy", "--from", "earliest", inputs=STRATEGY)
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _tidy(desk: Desk) -> Iterator[None]:
    yield
    desk.tidy()


@pytest.mark.parametrize("pipeline", ["market", "strategy"])
def test_replay_finds_no_difference(desk: Desk, pipeline: str) -> None:
    found = desk.tape("replay", pipeline, "--output", "json")
    assert found.code == 0, found.err
    [verdict] = json.loads(found.out)
    assert verdict["clean"]
    assert verdict["outputs"] > 0
    assert verdict["snapshots"] > 0


def test_replay_is_the_same_under_another_hash_seed_and_thread_count(desk: Desk) -> None:
    for pipeline in ("market", "strategy"):
        found = desk.tape("replay", pipeline, PYTHONHASHSEED="7", POLARS_MAX_THREADS="1")
        assert (found.code, "0 differences" in found.out) == (0, True), found


def test_replay_with_another_constant_is_a_finding_shown_side_by_side(desk: Desk) -> None:
    found = desk.tape("replay", "strategy", **FASTER)
    assert found.code == 1
    assert "DIFFERENT" in found.out
    assert "recorded" in found.out
    assert "Traceback" not in found.err


def test_tail_feeds_a_pipe_with_json_lines(desk: Desk) -> None:
    found = desk.tape("tail", "md.trade.v1", "--key", "BTCUSDT.BINANCE")
    trades = [json.loads(line) for line in found.out.splitlines()]
    ids = [int(trade["value"]["trade_id"]) for trade in trades]
    assert len(ids) > 20
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_a_venue_follows_what_market_wrote(desk: Desk) -> None:
    (desk.folder / "keys.toml").write_text(KEYS)
    ports = ("--port", "0", "--admin-port", "0")
    command = [*TAPE, "venue", "--keys-file", "keys.toml", "--follow", *ports]
    with subprocess.Popen(
        command, env=desk.environ(), cwd=desk.folder, stdout=subprocess.PIPE, text=True
    ) as venue:
        assert venue.stdout is not None
        orders = venue.stdout.readline().split()[1]
        _until_quoted(orders, desk)
        desk.produce(seconds=0.5, start_s=6.0)
        desk.run_until_drained("market", inputs=MARKET)
        _until_quoted(orders, desk)
        venue.terminate()
        assert venue.wait(20) == 0


def _until_quoted(orders: str, desk: Desk) -> None:
    """Until the venue shows the newest quote of the log."""
    messages = read_whole(desk.log, "md.quote.v1", 10)
    newest = max(messages, key=lambda one: (one.timestamp(), one.offset()))
    quote = desk.codec.decode(newest.value())
    limit = time.monotonic() + 20
    while True:
        url = f"{orders}/api/v3/ticker/bookTicker?symbol=BTCUSDT"
        said = httpx.get(url, timeout=10).json()
        if "bidPrice" in said:
            shown = [Decimal(said[side]) for side in ("bidPrice", "bidQty", "askPrice", "askQty")]
            if shown == [quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty]:
                return
        assert time.monotonic() < limit, (said, quote)
        time.sleep(0.05)


def test_a_backtest_runs_over_what_market_wrote(desk: Desk) -> None:
    config = str(ROOT / "ops/desk/example/tape.toml")
    found = desk.tape("backtest", config, "--output", "json", "--out", "alone")
    assert found.code == 0, found.err
    [alone] = json.loads(found.out)
    assert alone["summary"]["requested"] > 0
    assert (desk.folder / alone["report"]).is_file()
    grid = ("--grid", "order_ms=5,50", "--workers", "2")
    both = desk.tape("backtest", config, *grid, "--output", "json", "--out", "both")
    assert both.code == 0, both.err
    near, far = json.loads(both.out)
    assert near["run"]["outputs"] == alone["run"]["outputs"], "in another process"
    assert far["run"]["outputs"] != alone["run"]["outputs"]
    nothing = desk.tape("backtest", config, "--date", "2020-01-01")
    assert nothing.code == 2
    assert nothing.err.splitlines()[-1].startswith("tape: no market data in that range")


def test_lag_tools_see_a_group_at_lag_zero(desk: Desk, stack: StackInfo) -> None:
    # The requests of kafka-consumer-groups.sh (OffsetFetch, ListOffsets); its jar is not shipped.
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    group = f"{desk.prefix}tape.market"
    wanted = [ConsumerGroupTopicPartitions(group)]
    [found] = [future.result() for future in admin.list_consumer_group_offsets(wanted).values()]
    raw = [tp for tp in found.topic_partitions if tp.topic == f"{desk.prefix}md.raw.v1"]
    ends = admin.list_offsets({TopicPartition(*_place(tp)): LATEST for tp in raw})
    lags = {_place(tp): future.result().offset for tp, future in ends.items()}
    assert len(raw) == 4
    assert {_place(tp): tp.offset for tp in raw} == lags


def _place(tp: TopicPartition) -> tuple[str, int]:
    return tp.topic, tp.partition


def test_another_version_needs_an_upgrade_and_carry_keeps_the_state(desk: Desk) -> None:
    refused = desk.ended(desk.start("run", "strategy", more=FASTER))
    assert refused.code == 2
    assert "--upgrade carry" in refused.err
    assert "Traceback" not in refused.err
    desk.run_until_drained("strategy", "--upgrade", "carry", inputs=STRATEGY, **FASTER)
    desk.run_until_drained("strategy", "--upgrade", "carry", inputs=STRATEGY)
    assert desk.tape("replay", "strategy").code in (0, 1)


def test_a_snapshot_of_a_stopped_and_of_a_running_shard(desk: Desk) -> None:
    first = desk.tape("snapshot", "market", "--output", "json")
    assert first.code == 0, first.err
    process = desk.start("run", "market")
    while owner(desk.folder / "run", "market-0") is None:
        assert process.poll() is None
    process.send_signal(signal.SIGUSR1)  # before there is a session that could take one
    desk.wait_opened(process, "market")
    desk.produce(seconds=0.5, start_s=10.0)
    desk.wait_drained("market", *MARKET)
    second = desk.tape("snapshot", "market", "--output", "json")
    assert second.code == 0, second.err
    assert json.loads(second.out)["sequence"] > json.loads(first.out)["sequence"]
    assert desk.stop(process).code == 0


def test_a_second_process_is_refused_and_a_takeover_fences_the_first(desk: Desk) -> None:
    first = desk.start("run", "market")
    desk.wait_opened(first, "market")
    refused = desk.ended(desk.start("run", "market"))
    assert refused.code == 2
    assert "--takeover" in refused.err
    second = desk.start("run", "market", "--takeover")
    desk.wait_opened(second, "market")
    desk.produce(seconds=0.5, start_s=20.0)
    assert desk.ended(first).code == 70
    desk.wait_drained("market", *MARKET)
    assert desk.tape("snapshot", "market").code == 0  # by the second: nobody fences it
    assert second.poll() is None
    assert desk.stop(second).code == 0
    assert desk.tape("replay", "market").code == 0


def test_bytewax_runs_the_same_dataflow_with_a_negative_interval_only(desk: Desk) -> None:
    bytewax = (sys.executable, "-m", "bytewax.run")
    flow = "ops.processes.factory:flow('market')"
    refused = desk.ended(desk.start("-s=10", flow, command=bytewax))
    assert refused.code != 0
    assert "-s=-1" in refused.err
    process = desk.start("-s=-1", flow, command=bytewax)
    desk.wait_opened(process, "market")
    desk.produce(seconds=0.5, start_s=30.0)
    desk.wait_drained("market", *MARKET)
    assert desk.stop(process).code == 0


def test_without_a_beginning_the_first_start_is_refused(stack: StackInfo, tmp_path: Path) -> None:
    fresh = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    refused = fresh.tape("run", "market")
    assert refused.code == 2
    assert "--from" in refused.err
    fresh.close()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param(
            {"TAPE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "127.0.0.1:1", id="broker away"
        ),
        pytest.param(
            {"TAPE_REGISTRY__URL": "http://127.0.0.1:1"}, "127.0.0.1:1", id="registry away"
        ),
        pytest.param({"TAPE_TOPIC_PREFIX": "nosuch."}, "topics apply", id="topic missing"),
        pytest.param({"TAPE_SHARDS": "2"}, "--shard", id="shard unnamed"),
        pytest.param({"TAPE_SHARDS": "2", "TAPE_SHARD": "5"}, "shard 5", id="no such shard"),
    ],
)
def test_what_is_wrong_at_the_start_is_one_line(
    desk: Desk, variables: dict[str, str], said: str
) -> None:
    refused = desk.tape("run", "market", **variables)
    assert refused.code == 2
    lines = [line for line in refused.err.splitlines() if line.startswith("tape: ")]
    assert len(lines) == 1, refused.err
    assert said in lines[0]
    assert "Traceback" not in refused.err
