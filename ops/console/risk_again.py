"""Risk's own state once more, for how much of its limits is used.

It begins with risk's snapshot and follows everything that risk read since, with risk's own logic,
in the one order of log time; what risk decided is read, not decided again. So losses since
midnight and since the highest profit are known as risk knows them, live and of a past moment.
Whether risk decided rightly is the question of `tape replay`, not of a page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from connectors.epochs.errors import HistoryTrimmed, SnapshotCorrupt
from connectors.epochs.history import TAIL, Ledger, places_after
from connectors.epochs.model import Place, Shard
from connectors.log.errors import TopicMissing
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import present
from pipelines.logic import Input, Output, Position
from pipelines.risk.decisions import DECISIONS
from pipelines.risk.logic import RiskLogic
from pipelines.risk.state import RiskState
from pipelines.risk.used import Used, used
from replay.rerun import last_epoch_before
from schemas.codec import Codec
from schemas.errors import DecodeError
from schemas.events import EpochCommitted, OrderApproved, ShardOpened, SnapshotRef

logger = logging.getLogger("tape.console")
LOGIC: Final = RiskLogic()
SHARD: Final = Shard("risk", 0, 1, RiskLogic.inputs, version="")
RANK: Final = {name: n for n, name in enumerate((*(i.topic for i in LOGIC.inputs), DECISIONS))}
EARLIER_MS: Final = 60_000
"""Decisions are looked for from so long before a snapshot: those that it knows are passed over."""


class Begin(NamedTuple):
    """A state, and where reading begins for what it does not know yet."""

    state: RiskState
    places: dict[Tp, Place]


def begin(log: Log, codec: Codec, at_ms: int) -> Begin | None:
    """Of the newest snapshot before a log time, else of risk's first start; None where neither is
    held, or not all that was read since. Raises `TapeError`.
    """
    try:
        ledger = Ledger(log, codec, SHARD)
    except TopicMissing:
        return None
    ledger.end = log.offset_at(SHARD.epochs, at_ms + 1)
    newest = last_epoch_before(ledger, ledger.end)
    found = None
    if newest is not None and newest.snapshot is not None:
        with suppress(HistoryTrimmed, SnapshotCorrupt):
            found = _of_snapshot(log, ledger, newest.snapshot)
    found = found or _of_start(log, ledger)
    gone = found and any(log.bounds(tp)[0] > at.offset for tp, at in found.places.items())
    return None if gone else found


def _of_snapshot(log: Log, ledger: Ledger, ref: SnapshotRef) -> Begin | None:
    """See `begin`. Raises `HistoryTrimmed`, `SnapshotCorrupt`."""
    state = LOGIC.load(ledger.body(ref), ref.state_version)
    for record in ledger.records(ref.epochs_floor, ref.epochs_floor + TAIL):
        epoch = record.event
        if isinstance(epoch, EpochCommitted) and epoch.sequence == ref.sequence:
            places = places_after(epoch)
            since_ms = max(place.log_time_ms for place in places.values()) - EARLIER_MS
            decided = {tp: log.offset_at(tp, since_ms) for tp in present(log, DECISIONS)}
            return Begin(state, places | {tp: Place(at, -1) for tp, at in decided.items()})
    return None


def _of_start(log: Log, ledger: Ledger) -> Begin | None:
    """From the first start on, where it is held."""
    events = (record.event for record in ledger.records(ledger.low, ledger.low + TAIL))
    opened = next((one for one in events if isinstance(one, ShardOpened)), None)
    if opened is None or opened.next_sequence:
        return None
    places = {Tp(at.topic, at.partition): Place(at.offset, -1) for at in opened.start}
    decided = {tp: Place(log.bounds(tp)[0], -1) for tp in present(log, DECISIONS)}
    return Begin(LOGIC.initial(), places | decided)


class RiskAgain:
    """The state as it follows messages, which may be taken from partitions in any order: they
    wait until everything up to their log time is there.
    """

    def __init__(self, codec: Codec, begun: Begin) -> None:
        self._codec, self._state = codec, begun.state
        self._reached = {tp: place.log_time_ms for tp, place in begun.places.items()}
        self._waiting: list[tuple[int, int, int, int, Message]] = []

    @property
    def reached_ms(self) -> int:
        """The newest log time taken."""
        return max(self._reached.values(), default=-1)

    @property
    def used(self) -> Used:
        return used(self._state)

    def take(self, messages: Iterable[Message]) -> None:
        """Messages of one partition, in its order."""
        for one in messages:
            tp = Tp(one.topic(), one.partition())
            at_ms = self._reached[tp] = max(self._reached.get(tp, -1), one.timestamp()[1])
            self._waiting.append((at_ms, RANK[tp.topic], tp.partition, one.offset(), one))

    def advance(self, until_ms: int, most: int | None = None) -> bool:
        """Follows what waits, up to a log time; whether that was all of it."""
        self._waiting.sort()
        ripe = sum(one[0] <= until_ms for one in self._waiting)
        count = ripe if most is None else min(ripe, most)
        for *_, message in self._waiting[:count]:
            self._follow(message)
        del self._waiting[:count]
        return count == ripe

    def _follow(self, message: Message) -> None:
        place = Position(message.topic(), message.partition(), message.offset())
        key, at_ms = message.key() or b"", message.timestamp()[1]
        try:
            event = self._codec.decode(message.value() or b"")  # a deletion has none
        except DecodeError as error:
            logger.warning("%s/%d/%d: risk's limits go on without it: %s", *place, error)
            return
        if place.topic != DECISIONS:
            self._state = LOGIC.evolve(self._state, Input(place, at_ms, key, event))
        elif isinstance(event, OrderApproved) and event.cl_ord_id not in self._state.orders:
            fact: Any = Output(place, at_ms, DECISIONS, key.decode(), event)
            self._state = LOGIC.evolve(self._state, fact)
