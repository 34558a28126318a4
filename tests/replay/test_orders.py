"""Order events folded again from the log of a gateway that traded: in memory, by the real venue.

1. A recorded run is clean, from the beginning and from a snapshot on; a tampered event is the
   first difference, and so is a tampered snapshot.
2. A trimmed log begins at a snapshot; without one it cannot run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.gateway.ledger import EVENTS, RAW
from connectors.gateway.snapshots import SNAPSHOTS
from connectors.log.interface import Tp
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from replay.orders import OrdersVerdict, accounts, refold
from replay.rerun import NothingRecorded
from replay.times import EVERYTHING, Span
from schemas import events
from tests.connectors.gateway.rig import ACCOUNT, CODEC, TOPICS, Records
from tests.connectors.gateway.test_snapshots import traded


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return traded(tmp_path_factory.mktemp("orders"))[0]


def again(records: Records, span: Span = EVERYTHING) -> OrdersVerdict:
    return refold(records.log, CODEC, ACCOUNT, span)


def partition(records: Records, topic: str) -> Any:
    assert isinstance(records.log, MemoryLog)
    return records.log.partitions[Tp(topic, murmur2_partition(ACCOUNT.encode(), TOPICS[topic]))]


def tampered(records: Records, topic: str, change: Any) -> Any:
    """The first record of a topic that the change fits, changed; gives how to undo it."""
    entries = partition(records, topic).entries
    for at, entry in enumerate(entries):
        event = CODEC.decode(entry.record.value) if entry.record else None
        after = event and change(event)
        if after:
            entries[at] = replace(entry, record=entry.record._replace(value=CODEC.encode(after)))
            return lambda: entries.__setitem__(at, entry)
    raise AssertionError("nothing to change")


def test_what_was_recorded_follows_from_its_causes(records: Records) -> None:
    assert accounts(records.log) == [ACCOUNT]
    verdict = again(records)
    assert verdict.clean, verdict.finding
    told = records.all(EVENTS)
    assert verdict.raw == len(records.all(RAW))
    assert verdict.events + verdict.decided == len(told)
    assert verdict.decided == sum(
        isinstance(e, events.DecisionExpired | events.GatewayReady) for e in told
    )
    assert verdict.snapshots > 2  # how many depends on what shared a transaction
    reasons = {e.reason for e in told if isinstance(e, events.OrderCanceled)}
    assert reasons == {"TARGET_CHANGED", "GATEWAY_STOPPED"}


def test_a_replay_can_begin_at_a_snapshot(records: Records) -> None:
    whole, later = again(records), again(records, Span(from_ms=1 << 50))
    assert later.clean, later.finding
    assert later.from_snapshot
    assert later.raw < whole.raw
    none = again(records, Span(to_ms=0))
    assert (none.clean, none.raw) == (True, 0)


def test_the_first_difference_is_shown(records: Records) -> None:
    def change(event: Any) -> Any:
        return isinstance(event, events.OrderFilled) and event._replace(trade_id="another")

    undo = tampered(records, EVENTS, change)
    finding = again(records).finding
    undo()
    assert finding is not None
    [recorded, now] = next(p for p in finding.pairs if p[0] != p[1])
    assert recorded is not None
    assert now is not None
    assert {n for n in now if now[n] != recorded[n]} == {"trade_id"}
    assert recorded["trade_id"] == "another"


def test_a_snapshot_that_differs_is_found(records: Records) -> None:
    def change(event: Any) -> Any:
        body = event.body.replace(b'"gapped":false', b'"gapped":true')
        return body != event.body and event._replace(body=body)

    undo = tampered(records, SNAPSHOTS, change)
    finding = again(records).finding
    undo()
    assert finding is not None
    assert "snapshot" in finding.what


def test_a_trimmed_log_begins_at_a_snapshot(records: Records) -> None:
    raw, kept = partition(records, RAW), partition(records, SNAPSHOTS)
    raw.low = 3
    try:
        verdict = again(records)
        assert verdict.clean
        assert verdict.from_snapshot
        kept.low = len(kept.entries)
        with pytest.raises(NothingRecorded, match="trimmed"):
            again(records)
    finally:
        raw.low = kept.low = 0


def test_an_account_without_orders_cannot_be_replayed(records: Records) -> None:
    with pytest.raises(NothingRecorded, match="nobody"):
        refold(records.log, CODEC, "nobody")
