"""What processes and commands make of their arguments: shards, times, intervals, versions."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from connectors.epochs.errors import EpochsMerged
from ops.cli._times import span_of, start_of
from ops.processes.catalog import NoSuchPipeline, pipeline
from ops.processes.factory import check_interval, interval_in
from ops.processes.lock import Owner, ShardBusy, hold, hold_later, owner
from ops.processes.shards import NoSuchShard, ShardUnnamed, chosen, ordinal
from ops.settings import load
from ops.signals import with_signals
from replay.times import BadTime, milliseconds


@pytest.mark.parametrize(
    ("pod", "number"),
    [("tape-market-0", 0), ("tape-market-13", 13), ("tape-market", None), ("", None)],
)
def test_the_ordinal_of_a_pod(pod: str, number: int | None) -> None:
    assert ordinal(pod) == number


TERMS = {
    "instrument": "BTCUSDT.BINANCE",
    "base_asset": "BTC",
    "tick_size": "0.01",
    "lot_size": "0.00001",
    "child_qty_max": "0.01",
}


def test_the_shard_comes_from_flag_setting_or_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(load(), None, None) == (0, 1)
    assert chosen(load(shards=4, shard=2), None, None) == (2, 4)
    assert chosen(load(shards=4, shard=2), 3, None) == (3, 4)
    monkeypatch.setenv("POD_NAME", "tape-market-1")
    assert chosen(load(shards=4), None, None) == (1, 4)
    monkeypatch.setenv("POD_NAME", "")
    with pytest.raises(ShardUnnamed):
        chosen(load(shards=4), None, None)
    with pytest.raises(NoSuchShard):
        chosen(load(), 1, None)


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert milliseconds("1970-01-01T00:00:01") == 1_000
    assert milliseconds("1970-01-01T01:00:01+01:00") == 1_000
    assert milliseconds("1970-01-01T00:00:01.5Z") == 1_500


def test_a_date_is_its_utc_day() -> None:
    assert span_of(None, None, "1970-01-02") == (86_400_000, 172_800_000)
    assert span_of("1970-01-01T00:00:01Z", None, None) == (1_000, None)
    assert span_of(None, None, None) == (None, None)


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01T00:00:00Z", ""])
def test_a_bad_time_is_refused(text: str) -> None:
    with pytest.raises(BadTime):
        milliseconds(text)


def test_a_date_and_a_range_are_refused() -> None:
    with pytest.raises(BadTime):
        span_of("1970-01-01T00:00:01Z", None, "1970-01-02")
    with pytest.raises(BadTime):
        span_of(None, None, "1970-02-30")


def test_a_start_is_a_word_or_a_time() -> None:
    assert start_of("earliest") == "earliest"
    assert start_of(None) is None
    assert start_of("1970-01-01T00:00:01Z") == 1_000


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["run", "-s=-1", "flow"], "-1"),
        (["run", "-s", "10", "flow"], "10"),
        (["run", "-s10"], "10"),
        (["run", "--snapshot-interval=3"], "3"),
        (["run", "flow"], None),
    ],
)
def test_the_interval_on_bytewaxs_command_line(arguments: list[str], value: str | None) -> None:
    assert interval_in(arguments) == value


def test_only_a_negative_interval_passes() -> None:
    check_interval(["run", "-s=-1"], None)
    check_interval(["run"], "-1")
    for arguments, variable in ((["run"], None), (["run", "-s=0"], None), (["run"], "10")):
        with pytest.raises(EpochsMerged, match=r"-s=-1"):
            check_interval(arguments, variable)


def test_one_process_holds_a_shard_and_is_named(tmp_path: Path) -> None:
    held = hold(tmp_path, "market-0")
    assert owner(tmp_path, "market-0") == Owner(os.getpid(), False)
    with pytest.raises(ShardBusy, match=str(os.getpid())):
        hold(tmp_path, "market-0")
    held.close()
    assert owner(tmp_path, "market-0") is None
    hold(tmp_path, "market-0").close()


def test_a_brief_owner_is_waited_for(tmp_path: Path) -> None:
    """One that takes a snapshot of a shard that does not run, while a supervisor starts it."""
    held = hold(tmp_path, "market-0", brief=True)
    assert owner(tmp_path, "market-0") == Owner(os.getpid(), True)
    held_back_until(held.close, tmp_path)


def test_who_only_looks_keeps_nobody_out(tmp_path: Path) -> None:
    hold(tmp_path, "market-0").close()
    looking = (tmp_path / "locks" / "market-0.lock").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    (tmp_path / "locks" / "market-0.lock").write_text("")
    held_back_until(looking.close, tmp_path)


def held_back_until(let_go: Callable[[], None], run_dir: Path) -> None:
    """Whoever wants the lock waits, and has it then."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hold, run_dir, "market-0")
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        let_go()
        waiting.result(10).close()


def test_a_takeover_has_the_lock_when_its_predecessor_is_gone(tmp_path: Path) -> None:
    first = hold(tmp_path, "market-0")
    second = hold_later(tmp_path, "market-0")
    assert owner(tmp_path, "market-0") is not None
    first.close()
    limit = time.monotonic() + 10
    while owner(tmp_path, "market-0") is None:
        assert time.monotonic() < limit
    with pytest.raises(ShardBusy):
        hold(tmp_path, "market-0")
    second.close()


def test_a_version_is_its_settings_and_signals_and_nothing_else() -> None:
    base = pipeline("market", load()).version
    assert pipeline("market", load(topic_prefix="x.", shards=3, shard=1)).version == base
    assert pipeline("market", load(market={"stale_ms": 1})).version != base
    signals = pipeline("strategy", load()).version
    other = with_signals(load(), ["ema-cross"])
    assert pipeline("strategy", other).version != signals


def test_how_a_strategy_trades_is_part_of_its_version() -> None:
    signals: list[dict[str, Any]] = [
        {"name": "a", "uses": "ema-cross"},
        {"name": "b", "uses": "ema-cross"},
    ]
    bare = pipeline("strategy", load(strategy={"signals": signals}))
    trades: dict[str, Any] = {"account": "sim-1", "instruments": [TERMS]}
    signals[1] = {**signals[1], "execution": trades}
    found = pipeline("strategy", load(strategy={"signals": signals}))
    assert found.version != bare.version
    assert (bare.rebuildable, found.rebuildable) == (True, False)
    assert "oms.order-request.v1" in found.logic.outputs
    assert "oms.order-request.v1" not in bare.logic.outputs
    trades["order_timeout_ms"] = 1
    assert pipeline("strategy", load(strategy={"signals": signals})).version != found.version


def test_an_unknown_pipeline_is_refused() -> None:
    with pytest.raises(NoSuchPipeline, match="market"):
        pipeline("nosuch", load())
