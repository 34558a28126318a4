"""A desk that trades live in memory: strategy and risk as processes with epochs on one log, the
gateway and the venue of a backtest between them, the venue's arrivals and decisions noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from connectors.epochs.model import Intent, Shard
from connectors.epochs.opening import open_session
from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from connectors.partitioner import murmur2_partition
from connectors.simulated.arrivals import Arrival, Opened
from connectors.simulated.journal import Events
from pipelines.logic import Input, Logic, Output, Position
from pipelines.risk.logic import RiskLogic
from replay.backtest.closed import Kept
from replay.backtest.desk import Desk
from replay.backtest.records import Records
from replay.backtest.setting import Setting
from schemas.events import BookChanged, QuoteChanged, TradePrinted
from tests.connectors.epochs.driven import drive
from tests.replay.backtest.market import BEGIN_MS, CODEC, captured

DECISIONS = "risk.decision.v1"
STEP = 400  # records of the market between two turns of the processes


class Noted:
    """Arrivals in memory."""

    def __init__(self) -> None:
        self.all: list[Arrival] = []

    def note(self, arrival: Arrival) -> None:
        self.all.append(arrival)

    def flush(self) -> None:
        """They are there at once."""


class Lived(NamedTuple):
    """What a live run left behind."""

    log: MemoryLog
    arrivals: list[Arrival]
    journal: list[Events]
    shards: list[tuple[Shard, Logic[Any]]]


class Live(Desk):
    """The gateway, the venue and the wire; strategy and risk run elsewhere."""

    def __init__(self, setting: Setting) -> None:
        self.records, self.arrivals, self.journal = Records(), Noted(), list[Events]()
        super().__init__(setting, self.records, lambda item: None)
        exchange = self.venue.venue.exchange
        instruments = tuple(book.instrument for book in exchange.books.values())
        self.arrivals.note(Opened(0, exchange.fees, instruments))
        self.venue.venue.journal = Kept(self.journal)
        self.venue.venue.arrivals = self.arrivals
        self._heard: dict[Tp, int] = {}

    def _ask_strategy(self, item: Input, targets: Sequence[Output] = ()) -> None:
        """It has a process."""

    def _ask_risk(self, item: Input) -> None:
        """It has a process."""

    def market(self, one: Output) -> None:
        """A record of the market, onto the log and to those who hear it at once."""
        key, log = one.key.encode(), self.records.log
        number = murmur2_partition(key, log.partition_count(one.topic))
        value = CODEC.encode(one.event)
        offset = log.append(OutRecord(one.topic, number, key, value, one.timestamp_ms))
        place = Position(one.topic, number, offset)
        self._pass_time(one.timestamp_ms * 1_000_000)
        event = one.event
        if isinstance(event, TradePrinted | QuoteChanged | BookChanged):
            symbol = event.instrument.partition(".")[0]
            if event.instrument.endswith(".BINANCE"):
                self.venue.venue.hear(event, symbol, place)
        else:
            self._hear(Input(place, one.timestamp_ms, key, event))

    def decided(self) -> bool:
        """The gateway hears what risk decided since; whether there was something."""
        found = False
        for tp, part in sorted(self.records.log.partitions.items()):
            if tp.topic == DECISIONS:
                for offset, record in part.committed(self._heard.get(tp, 0), part.end):
                    found, event = True, CODEC.decode(record.value)
                    place = Position(*tp, offset)
                    self._gateway.hear(Input(place, record.timestamp_ms, record.key, event))
                self._heard[tp] = part.end
        return found


def turn(log: MemoryLog, shard: Shard, logic: Logic[Any]) -> None:
    """The process of a shard, until it has read everything."""
    start = None if log.partitions[Tp(f"{shard.pipeline}.epochs.v1", 0)].end else "earliest"
    session = open_session(log, CODEC, shard, Intent(start=start), until=lambda: True)
    drive(session, logic)


def shard_of(logic: Logic[Any]) -> Shard:
    """Snapshots only at stops, which every turn ends with."""
    return Shard(logic.name, 0, 1, logic.inputs, "v1", records_max=150)


def lived(setting: Setting, seconds: float) -> Lived:
    """A short life over a captured market."""
    desk = Live(setting)
    logics: tuple[Logic[Any], ...] = (setting.strategy, RiskLogic())
    shards = [(shard_of(logic), logic) for logic in logics]
    desk.open(BEGIN_MS)
    market = captured(seconds)
    for start in range(0, len(market), STEP):
        for one in market[start : start + STEP]:
            desk.market(one)
        for shard, logic in shards:
            turn(desk.records.log, shard, logic)
        desk.decided()
    desk.finish()
    for shard, logic in shards:
        turn(desk.records.log, shard, logic)
    return Lived(desk.records.log, desk.arrivals.all, desk.journal, shards)
