"""Reconciliation as a process on the real broker: what it says, and that a replay says the same."""

from __future__ import annotations

import json
import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from connectors.log.places import WRITTEN_HEADER, place_of
from ops.stack import StackInfo
from schemas.events import ClockTick
from tests.ops.processes.desk import Desk
from tests.pipelines.orders.events import event
from tests.pipelines.reconciliation.rig import ACCOUNT, BTC, Rig, terms, trade

INPUTS = ("ops.control.v1", "oms.order-event.v1", "venue.snapshot.v1", "ops.clock.v1")


def story(now_ms: int) -> list[tuple[str, int, Any]]:
    """Topic, milliseconds and event: a missing fill, then a drift in two rounds."""
    rig = Rig(now_ms)
    rig.open()
    rig.fill("1", "1")
    rig.trades(trade("1", "1"), trade("0.5", "2"))
    rig.tick(3_000)
    rig.now_ms += 10
    for _ in range(2):
        rig.round("7", "-150")
    rig.tick()
    limits = event("LimitsChanged", instruments=(terms(BTC, "BTC"),), limits_version=1)
    told = [(i.position.topic, i.timestamp_ms, i.event) for i in rig.inputs[1:]]
    return [("ops.control.v1", now_ms, limits), *told]


def test_breaks_are_found_and_replay_without_a_difference(stack: StackInfo, tmp_path: Path) -> None:
    desk = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    try:
        write(desk, stack)
        begun_ms = time.time_ns() // 1_000_000
        desk.run_until_drained("reconciliation", "--from", "earliest", inputs=INPUTS)
        breaks = [value["kind"] for value in values(desk, "recon.break.v1")]
        assert breaks == ["FILL_MISSING", "POSITION_DRIFT"]
        positions = values(desk, "recon.position.v1")
        assert [p["event"] for p in positions] == [
            "PositionChanged",
            "OrderFilled",
            "PositionChanged",
        ]
        assert Decimal(positions[-1]["position_qty"]) == Decimal("1.5")
        [halt] = rows(desk, "recon.control.v1")
        assert halt["value"]["instrument"] == BTC
        assert int(halt["headers"][WRITTEN_HEADER]) >= begun_ms, "not when its cause was"
        replayed = desk.tape("replay", "reconciliation")
        assert (replayed.code, "0 differences" in replayed.out) == (0, True), replayed
    finally:
        desk.close()


def values(desk: Desk, topic: str) -> list[dict[str, Any]]:
    return [row["value"] for row in rows(desk, topic)]


def rows(desk: Desk, topic: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in desk.tape("tail", topic).out.splitlines()]


def write(desk: Desk, stack: StackInfo) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap_servers})
    now_ms = time.time_ns() // 1_000_000 - 60_000
    for topic, at_ms, item in story(now_ms):
        key = b"" if isinstance(item, ClockTick) else ACCOUNT.encode()
        partition = place_of(desk.log, topic, key).partition
        where = (desk.prefix + topic, desk.codec.encode(item), key, partition)
        producer.produce(*where, timestamp=at_ms)
    assert producer.flush(10) == 0
