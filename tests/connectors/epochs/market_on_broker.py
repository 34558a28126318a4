"""The market pipeline itself on the real broker: restarts amid books, an hour of backlog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from connectors.epochs.session import Progress
from connectors.log.interface import Log, Tp
from connectors.log.kafka import KafkaLog
from pipelines.logic import Input
from pipelines.market.logic import TOPICS as MARKET
from pipelines.market.logic import MarketLogic
from pipelines.market.parsed import TRADE
from pipelines.market.turn import STATUS
from schemas.events import FeedWentStale
from tests.connectors.epochs import market_books as books
from tests.connectors.epochs import toy
from tests.faults import cluster
from tests.faults.rig import Rig
from tests.pipelines.market.script import Scribe

HOUR_S = 3_600
EPOCHS_BEFORE_LEFT = 2


class Left(Exception):
    """A session is left where it stands, as by a crash."""


def books_restarted(rig: Rig, records: int = 400) -> None:
    """The books of 100 instruments come piece by piece. Every other run is left in its middle, the
    others stop; each start begins with a snapshot amid the books. The outputs are those of one run
    in memory, ids included.
    """
    whole = books.recorded()
    books.live(whole, replace(books.SHARD, records_max=100_000))
    log, prefix = _topics(rig, "books.")
    waiting = books.raw(books.frames())
    while piece := list(islice(waiting, records)):
        cluster.write(rig.servers, prefix, piece)
        rig.counts["records"] += len(piece)
        _leave(rig, log)
        books.live(log)
        rig.counts["starts"] += 2
    assert _outputs(log) == books.outputs(whole)


def _leave(rig: Rig, log: Log) -> None:
    session = books.opened(log)

    def settled(progress: Progress) -> None:
        if progress.epochs_committed == EPOCHS_BEFORE_LEFT:
            raise Left

    session.on_settled = settled
    try:
        books.run(session)
    except Left:
        rig.counts["books left in the middle"] += 1
        session.close()


def hour_of_market(rig: Rig, silent: range = range(0)) -> None:
    """An hour of two lines and ticks, all there at the start: a line is stale where it was silent
    (seconds of the hour), and nowhere else.
    """
    log, prefix = _topics(rig, f"hour{len(silent)}.")
    cluster.write(rig.servers, prefix, books.raw(_hour(silent)))
    books.live(log, replace(books.SHARD, records_max=5_000))
    told = [toy.CODEC.decode(message.value()) for message in _all(log, STATUS)]
    stale = [event for event in told if isinstance(event, FeedWentStale)]
    trades = len(_all(log, MARKET[TRADE]))
    rig.counts["lines stale without silence"] += 0 if silent else len(stale)
    assert bool(stale) == bool(silent), stale
    assert trades == len(SYMBOLS) * (HOUR_S - len(silent))


SYMBOLS = ("btcusdt", "ethusdt", "solusdt", "xrpusdt")


def _hour(silent: range) -> Iterator[Input]:
    scribes = [Scribe(symbol) for symbol in SYMBOLS]
    for second in range(HOUR_S):
        for scribe in scribes:
            scribe.now_ms = second * 1_000 + 400
            if second not in silent:
                number = second - len(silent) * (second >= silent.stop)
                yield from scribe.write(f"A{number} B{number}")
        yield from scribes[0].write(f"T{second + 1}")


def _topics(rig: Rig, name: str) -> tuple[KafkaLog, str]:
    prefix = f"{rig.prefix}{name}"
    return cluster.create(rig.servers, prefix, books.TOPICS), prefix


def _outputs(log: Log) -> dict[bytes, bytes]:
    """Values by id; no id may be there twice."""
    messages = [message for topic in MarketLogic.outputs for message in _all(log, topic)]
    found = {dict(message.headers() or ())["ce_id"]: message.value() for message in messages}
    assert len(found) == len(messages)
    return found


def _all(log: Log, topic: str) -> list[Any]:
    """Every committed record of a topic."""
    tps = [Tp(topic, number) for number in range(log.partition_count(topic))]
    return [message for tp in tps for message in log.read(tp, *log.bounds(tp), 30.0)]
