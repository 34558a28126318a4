"""A topic is archived early only when all who write it have stopped."""

from __future__ import annotations

from dataclasses import replace

from ops.demo.history import written_by
from ops.demo.stage import OF_MARKET
from schemas.catalog import load_catalog


def test_early_are_the_topics_of_those_who_end_first() -> None:
    topics = load_catalog().topics
    early, later = (set(written_by(topics, roles)) for roles in (OF_MARKET, ("risk",)))
    assert {"md.raw.v1", "md.trade.v1", "signal.target.v1", "strategy.epochs.v1"} <= early
    assert not early & {"ops.clock.v1", "ops.control.v1", "oms.order-event.v1", *later}
    assert "risk.decision.v1" in later


def test_a_topic_with_another_writer_is_left_for_the_end() -> None:
    topics = load_catalog().topics
    shared = replace(topics["md.trade.v1"], producers=("market", "gateway"))
    assert written_by({"md.trade.v1": shared}, OF_MARKET) == []
