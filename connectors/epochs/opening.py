"""Opens a shard for live running, in the protocol's order: fence, read history to the uncommitted
end, check, announce.

Everything here happens before the dataflow is built, because Bytewax builds sink parts lazily, at
their first item.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connectors.epochs.boundaries import (
    Carrying,
    accepted_in,
    wants_acceptance,
    wants_skip,
    words,
)
from connectors.epochs.errors import (
    FirstStartMissing,
    HistoryTrimmed,
    PartitionsChanged,
    UpgradeRefused,
    VersionChanged,
)
from connectors.epochs.history import (
    DEADLINE_S,
    Ledger,
    history_from_start,
    newest_committed,
    places_after,
    read_history,
)
from connectors.epochs.inputs import ending_places, joined, joining, places_over, start_offset
from connectors.epochs.model import Base, History, Intent, Place, Shard
from connectors.epochs.parts import Parts
from connectors.epochs.points import Point, nothing
from connectors.epochs.records import record_stamp, shard_opened
from connectors.epochs.session import Session
from connectors.epochs.verify import Verifier
from connectors.log.interface import Log, OutRecord, Tp
from schemas.codec import Codec
from schemas.events import Boundary, EpochCommitted

logger = logging.getLogger("tape.epochs")
UPGRADES = ("carry", "rebuild")


def open_session(
    log: Log,
    codec: Codec,
    shard: Shard,
    intent: Intent,
    *,
    rebuildable: bool = True,
    point: Point = nothing,
    until: Callable[[], bool] = lambda: False,
    deadline_s: float = DEADLINE_S,
) -> Session:
    """A session ready to re-run its history and go live. Fences any other process of the same
    shard.
    """
    tps = shard.tps([log.partition_count(topic.topic) for topic in shard.inputs])
    check_epochs_topics(log, shard)
    check_version(newest_committed(log, codec, shard), shard, intent, rebuildable, tps)
    writer = log.writer(shard.transactional_id)
    point("before-fence")
    writer.fence()
    point("fenced")
    ledger = Ledger(log, codec, shard, deadline_s)
    history = read_history(ledger, shard) or first_history(log, shard, tps, intent)
    point("history-read")
    history.base.places = joined(log, shard, intent, history, tps)
    boundaries, history, carry = plan_boundaries(shard, intent, ledger, history, rebuildable)
    instance = uuid.uuid4().hex
    opened = shard_opened(
        shard, instance, history.next_sequence, ending_places(history), time.time_ns()
    )
    writer.begin()
    key = str(shard.number).encode()
    stamp = record_stamp(max((p.log_time_ms for p in ending_places(history).values()), default=-1))
    writer.send([OutRecord(*shard.epochs, key, codec.encode(opened), stamp)])
    point("opening-sent")
    writer.commit()
    point("opened")
    logger.info(
        "%s opened at epoch %d, %d to re-run",
        shard.transactional_id,
        history.next_sequence,
        len(history.epochs),
    )
    parts = Parts(
        log, codec, shard, history.base, history.epochs, Verifier(codec, shard), writer, intent,
        boundaries, carry, instance, point, until,
    )  # fmt: skip
    return Session(parts)


def check_epochs_topics(log: Log, shard: Shard) -> None:
    for tp in (shard.epochs, shard.snapshots):
        if log.partition_count(tp.topic) <= shard.number:
            raise PartitionsChanged(f"{tp.topic} has no partition {shard.number} for this shard")


def check_version(
    newest: EpochCommitted | None, shard: Shard, intent: Intent, rebuildable: bool, tps: list[Tp]
) -> None:
    """Refuses another version, or other inputs, before it fences the process that runs."""
    if newest is not None and newest.version != shard.version:
        upgrade_kind(shard, intent, newest.version, rebuildable)
        joining(shard, intent, places_after(newest), tps, newest.version)


def first_history(log: Log, shard: Shard, tps: list[Tp], intent: Intent) -> History:
    """The history of a shard that never ran. Raises unless that is certain and a start was
    named.
    """
    shared = {topic.topic for topic in shard.inputs if topic.broadcast}
    own = [tp for tp in tps if tp.topic not in shared]  # another shard commits the shared ones
    if log.group_offsets(shard.group, own):
        raise HistoryTrimmed(
            f"{shard.epochs.topic}/{shard.number} is empty, yet the group {shard.group} has "
            "offsets: its history is gone (restore it from the archive), or the number of shards "
            "changed"
        )
    if intent.start is None:
        raise FirstStartMissing(
            f"{shard.transactional_id} has no history: "
            "name its beginning with --from earliest|latest|TIME"
        )
    places = {tp: Place(start_offset(log, tp, intent.start), -1) for tp in tps}
    return History(Base(-1, places))


def last_version(history: History) -> str | None:
    newest: EpochCommitted | None = history.newest
    return newest.version if newest else history.base.version


def plan_boundaries(
    shard: Shard, intent: Intent, ledger: Ledger, history: History, rebuildable: bool
) -> tuple[list[Boundary], History, Carrying]:
    """The boundary records this start needs, the history to re-run on the way there, and what of
    it is carried. What an earlier start did already is not done again: a supervisor restarts
    with the same arguments.
    """
    boundaries: list[Boundary] = []
    upgraded, accepted = range(0), accepted_in(history.epochs)
    before = last_version(history)
    if before is not None and before != shard.version:
        kind = upgrade_kind(shard, intent, before, rebuildable)
        if kind == "UPGRADE_REBUILD":
            history = rebuilt(ledger, shard, intent, list(history.base.places))
        upgraded = range(history.base.sequence + 1, history.next_sequence)
        boundaries.append(boundary(kind, before, shard.version, intent.reason))
    elif before is not None and intent.upgrade is not None:
        logger.warning(
            "%s: the log is at version %s already: --upgrade %s changes nothing",
            shard.transactional_id, shard.version[:12], intent.upgrade,
        )  # fmt: skip
    if wants_skip(intent.skip, shard, history, ending_places(history)):
        boundaries.append(boundary("SKIP", shard.version, shard.version, *words(intent.skip)))
    if wants_acceptance(intent.accept, shard, history):
        boundaries.append(
            boundary("ACCEPT_DIVERGENCE", shard.version, shard.version, *words(intent.accept))
        )
        accepted.append(range(int(words(intent.accept)[1]), history.next_sequence))
    return boundaries, history, Carrying(upgraded, accepted)


def upgrade_kind(shard: Shard, intent: Intent, before: str, rebuildable: bool) -> str:
    if intent.upgrade is None:
        raise VersionChanged(
            f"{shard.transactional_id} was recorded by version {before[:12]}, "
            f"this is {shard.version[:12]}: run with --upgrade carry (keep its state) "
            "or --upgrade rebuild (--from START, decide anew)"
        )
    if intent.upgrade == "rebuild" and not rebuildable:
        raise UpgradeRefused(
            f"{shard.pipeline}: its state depends on what it did; only --upgrade carry is possible"
        )
    return f"UPGRADE_{intent.upgrade.upper()}"


def rebuilt(ledger: Ledger, shard: Shard, intent: Intent, tps: list[Tp]) -> History:
    """The history from the first epoch at or after `--from`, to be re-decided from the initial
    state.
    """
    if intent.start is None:
        raise UpgradeRefused(
            "--upgrade rebuild needs --from earliest|TIME: where to begin deciding anew"
        )
    whole = history_from_start(ledger, shard)
    places = places_over(whole.base, whole.epochs)
    whole.base.places = {tp: places[tp] for tp in tps}
    after = 0 if intent.start == "earliest" else intent.start
    if isinstance(after, str):
        raise UpgradeRefused(
            "--upgrade rebuild --from latest would decide nothing anew; name a time or earliest"
        )
    times = [max(r.log_time_ms for r in e.inputs) for e in whole.epochs]
    at = next((i for i, time_ms in enumerate(times) if time_ms >= after), None)
    if at is None:
        raise UpgradeRefused(
            "--upgrade rebuild: nothing was recorded at or after --from, so nothing would be "
            "decided anew"
        )
    if at == 0:
        return whole
    earlier = whole.epochs[at - 1]
    places = {**whole.base.places, **places_after(earlier)}
    base = replace(whole.base, sequence=earlier.sequence, places=places, chain=earlier.chain)
    return History(base, whole.epochs[at:], whole.end)


def boundary(kind: Any, before: str, after: str, reason: str, subject: str = "") -> Boundary:
    return Boundary(kind, before, after, reason, subject, 0, 0, 0, 0)
