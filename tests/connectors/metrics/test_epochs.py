"""A shard's figures: committed epochs count, re-run ones do not."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from connectors.log.interface import Tp
from connectors.metrics import declared
from connectors.metrics.epochs import Committed, EpochFigures
from connectors.metrics.kinds import REGISTRY
from pipelines.logic import Output, Position
from schemas.events import (
    EpochCommitted,
    FeedGapped,
    InputRange,
    MarkPublished,
    OutputRange,
    QuoteChanged,
    SnapshotRef,
)
from tests.connectors.metrics.made import made

PLACE = Position("md.raw.v1", 0, 1)
GAP = Output(PLACE, 0, "md.feed-status.v1", "G:s", made(FeedGapped, venue="G", line="A"))


def epoch(topic: str) -> EpochCommitted:
    fields: dict[str, Any] = {
        "reason": "INPUT",
        "sequence": 7,
        "inputs": (
            made(InputRange, topic="md.raw.v1", count=3),
            made(InputRange, topic="x", count=0),
        ),
        "outputs": (made(OutputRange, topic=topic, count=2),),
        "snapshot": made(SnapshotRef, size=99),
    }
    found: EpochCommitted = made(EpochCommitted, **fields)
    return found


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def gaps() -> float:
    return value("trading_feed_gaps_total", venue="G", line="A") or 0.0


def test_a_committed_epoch_counts() -> None:
    figures, about = EpochFigures("market", 3), {"pipeline": "market", "shard": "3"}
    before = gaps()
    figures.decided([GAP])
    figures.committed(Committed(epoch("md.feed-status.v1"), time.monotonic(), 0.003))
    assert gaps() == before + 1
    assert figures.sequence == 7
    assert value("tape_epochs_total", **about, reason="INPUT") == 1
    assert value("tape_records_read_total", **about, topic="md.raw.v1") == 3
    assert value("tape_records_read_total", **about, topic="x") is None
    assert value("tape_records_written_total", **about, topic="md.feed-status.v1") == 2
    assert value("tape_transaction_duration_seconds_sum", **about) == pytest.approx(0.003)
    assert value("tape_epoch_records_bucket", **about, le="10.0") == 1
    assert value("tape_snapshot_bytes", **about) == 99


def test_an_epoch_that_is_re_run_was_counted_by_who_committed_it() -> None:
    figures, before = EpochFigures("market", 4), gaps()
    figures.decided([GAP])
    figures.verified()
    figures.committed(Committed(epoch("md.feed-status.v1"), time.monotonic(), 0.0))
    assert gaps() == before
    assert value("tape_epochs_verified_total", pipeline="market", shard="4") == 1


def test_market_data_is_as_old_as_its_newest_event() -> None:
    figures, now_ns = EpochFigures("market", 5), time.time_ns()
    for age_s in (9, 5):
        quote = made(QuoteChanged, instrument="AGE", ts_recv_ns=now_ns - age_s * 10**9)
        figures.decided([Output(PLACE, 0, "md.quote.v1", "AGE", quote)])
        figures.committed(Committed(epoch("md.quote.v1"), time.monotonic(), 0.0))
    age = value("trading_market_data_age_seconds", instrument="AGE")
    assert age is not None
    assert (time.time_ns() - now_ns) / 1e9 + 5 >= age >= 5


def test_the_newest_mark_is_shown() -> None:
    figures = EpochFigures("market", 6)
    for price in ("99.5", "100.5"):
        mark = made(MarkPublished, instrument="MARK", mark_px=Decimal(price))
        figures.decided([Output(PLACE, 0, "md.mark.v1", "MARK", mark)])
        figures.committed(Committed(epoch("md.mark.v1"), time.monotonic(), 0.0))
    assert value("trading_mark_price_quote", instrument="MARK") == 100.5


class Stood:
    log_time_ms = 1_500

    def lag(self) -> dict[Tp, int]:
        return {Tp("md.raw.v1", 2): 17}


def test_where_a_session_stands_is_read_at_the_scrape() -> None:
    figures, about = EpochFigures("market", 6), {"pipeline": "market", "shard": "6"}
    figures.follow(Stood())
    assert value("tape_consumer_lag_records", **about, topic="md.raw.v1", partition="2") == 17
    assert value("tape_log_time_seconds", **about) == 1.5
    declared.CONSUMER_LAG.show({})
    declared.LOG_TIME.show({})
