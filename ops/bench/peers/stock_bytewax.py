"""Bytewax as it comes: KafkaSource, fastavro, one `stateful_map`, KafkaSink. At least once.

No recovery store: with the default epoch of 10 s little of it would be on the measured path.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import bytewax.operators as op  # tidy: a peer to compare with
import fastavro
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource  # tidy: the same
from bytewax.dataflow import Dataflow  # tidy: the same
from bytewax.testing import run_main  # tidy: the same

from ops.bench.works import TRADES, Watch
from ops.settings import Settings, load
from schemas.catalog import load_catalog

FAST, SLOW = 2 / 51, 2 / 201
State = tuple[float, float, int] | None


def cross(state: State, price: float) -> tuple[State, int | None]:
    """The averages after one more price; the side, where it changed."""
    if state is None:
        return (price, price, 0), None
    fast, slow, before = state
    fast += (price - fast) * FAST
    slow += (price - slow) * SLOW
    side = 1 if fast > slow else 0
    return (fast, slow, side), side if side != before else None


def flow(settings: Settings, start: int, out: str) -> Dataflow:
    """Every partition from the offset `start` to its end."""
    schema, read = fastavro.parse_schema(json.loads(_schema())), fastavro.schemaless_reader
    servers, topic = [settings.bootstrap_servers()], settings.topic_prefix + TRADES

    def trade(message: Any) -> tuple[str, float]:
        event: Any = read(io.BytesIO(message.value[5:]), schema)
        return event["instrument"], float(event["last_px"])

    def record(change: tuple[str, int | None]) -> KafkaSinkMessage[bytes | None, bytes | None]:
        return KafkaSinkMessage(change[0].encode(), str(change[1]).encode())

    made = Dataflow("peer")
    source = KafkaSource(servers, [topic], tail=False, starting_offset=start)
    trades = op.map("decode", op.input("in", made, source), trade)
    sides = op.stateful_map("cross", trades, cross)
    changes = op.filter_value("changed", sides, lambda side: side is not None)
    op.output("out", op.map("record", changes, record), KafkaSink(servers, out))
    return made


def _schema() -> str:
    return load_catalog().events["TradePrinted"].newest.text


def main(events: int, start: int, out: str) -> None:
    made = flow(load(), start, out)
    watch = Watch()
    run_main(made)  # type: ignore[no-untyped-call]
    print(json.dumps(watch.sample("stock_bytewax", events).to_json()), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
