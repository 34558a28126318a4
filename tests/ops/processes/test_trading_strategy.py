"""A strategy that trades, as a process on the real broker: requests are written, and replay."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

from confluent_kafka import Producer

from ops.stack import StackInfo
from schemas.events import LogCreated
from tests.ops.processes.desk import Desk
from tests.ops.processes.test_choices import TERMS

MARKET, STRATEGY = ("md.raw.v1",), ("md.trade.v1", "md.quote.v1", "ops.control.v1")
TRADING = [
    {
        "name": "book",
        "uses": "book-imbalance",
        "execution": {"account": "sim-1", "instruments": [{**TERMS, "child_qty_max": "0.003"}]},
    }
]


def test_a_strategy_without_orders_takes_up_trading_and_replays_without_a_difference(
    stack: StackInfo, tmp_path: Path
) -> None:
    """Execution reads more topics: the upgrade says from where, and a restart says it again."""
    desk = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    bare = [{name: TRADING[0][name] for name in ("name", "uses")}]
    desk.environment["TAPE_STRATEGY__SIGNALS"] = json.dumps(bare)
    try:
        write(desk, stack, LogCreated(str(uuid.UUID(int=7)), "test", 0))
        desk.produce(seconds=4.0)
        desk.run_until_drained("market", "--from", "earliest", inputs=MARKET)
        desk.run_until_drained("strategy", "--from", "earliest", inputs=STRATEGY[:2])
        desk.environment["TAPE_STRATEGY__SIGNALS"] = json.dumps(TRADING)
        refused = desk.ended(desk.start("run", "strategy", "--upgrade", "carry"))
        assert refused.code == 2
        assert "has not read ops.control.v1" in refused.err
        assert "Traceback" not in refused.err
        carry = ("--upgrade", "carry", "--from", "earliest")
        desk.run_until_drained("strategy", *carry, inputs=STRATEGY)
        desk.produce(seconds=4.0, start_s=6.0)
        desk.run_until_drained("market", inputs=MARKET)
        desk.run_until_drained("strategy", *carry, inputs=STRATEGY)
        lines = desk.tape("tail", "oms.order-request.v1").out.splitlines()
        requests = [json.loads(line) for line in lines]
        orders = [r["value"] for r in requests if r["value"]["event"] == "OrderRequested"]
        assert [order["side"] for order in orders] == ["BUY"], "one works until it is answered"
        assert orders[0]["order_qty"].rstrip("0") == "0.003"
        assert {record["key"] for record in requests} == {"sim-1"}
        replayed = desk.tape("replay", "strategy")
        assert (replayed.code, "0 differences" in replayed.out) == (0, True), replayed
    finally:
        desk.close()


def write(desk: Desk, stack: StackInfo, event: LogCreated) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap_servers})
    value, now_ms = desk.codec.encode(event), time.time_ns() // 1_000_000
    producer.produce(desk.prefix + "ops.control.v1", value, b"log", 0, timestamp=now_ms)
    assert producer.flush(10) == 0
