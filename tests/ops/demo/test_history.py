"""A topic is archived early only when all who write it have stopped; what lies in it is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from connectors.log.memory import MemoryLog
from ops.demo.history import per_topic, written_by
from ops.demo.stage import OF_MARKET
from pipelines.batches import local_codec
from replay.archive.run import archive
from replay.archive.store import FolderStore
from schemas.catalog import load_catalog
from tests.replay import traded


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


def test_events_are_counted_for_every_topic_that_has_some(tmp_path: Path) -> None:
    log, codec = traded.load(), local_codec()
    done = archive(log, codec, FolderStore(tmp_path), tuple(codec.catalog.topics))
    found = per_topic(done.files, codec.catalog.topics)
    assert found == {name: count for name in codec.catalog.topics if (count := records(log, name))}
    assert {"ops.control.v1", "oms.order-event.v1", "venue.raw.v1", "venue.snapshot.v1"} <= {*found}


def records(log: MemoryLog, topic: str) -> int:
    parts = [part for tp, part in log.partitions.items() if tp.topic == topic]
    return sum(len([*part.committed(0, part.end)]) for part in parts)
