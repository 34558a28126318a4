"""Which input partitions a shard reads, and from where: as recorded, and as an upgrade adds them.

Every epoch records its range of every input. So an input that is added has its beginning in the
first epoch that knows it, the upgrade's own boundary, which takes nothing of it yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connectors.epochs.errors import PartitionsChanged, UpgradeRefused
from connectors.epochs.history import places_after
from connectors.epochs.model import Base, History, Intent, Place, Shard
from connectors.log.interface import Log, Tp
from schemas.events import EpochCommitted


def places_over(base: Base, epochs: Sequence[EpochCommitted]) -> dict[Tp, Place]:
    """Where reading begins for a run over these epochs, inputs included that join on the way."""
    places = dict(base.places)
    for epoch in epochs:
        if len(epoch.inputs) > len(places):  # inputs join, none ever leaves
            for each in epoch.inputs:
                places.setdefault(Tp(each.topic, each.partition), Place(each.start, -1))
    return places


def ending_places(history: History) -> dict[Tp, Place]:
    """Where each input stands after what is recorded; inputs that join now included."""
    newest = history.newest
    return {**history.base.places, **(places_after(newest) if newest else {})}


def joined(
    log: Log, shard: Shard, intent: Intent, history: History, tps: Sequence[Tp]
) -> dict[Tp, Place]:
    """Where reading begins, in the canonical order of `tps`, inputs that join now included.

    Raises `PartitionsChanged`, `UpgradeRefused`.
    """
    places = places_over(history.base, history.epochs)
    newest = history.newest
    before = newest.version if newest else history.base.version
    for tp in joining(shard, intent, places, tps, before):
        assert intent.start is not None, "refused by `joining`"
        places[tp] = Place(start_offset(log, tp, intent.start), -1)
    return {tp: places[tp] for tp in tps}


def joining(
    shard: Shard, intent: Intent, recorded: Collection[Tp], tps: Sequence[Tp], before: str | None
) -> list[Tp]:
    """The partitions that an upgrade adds: all those of topics that were not read at all.

    Raises `PartitionsChanged` for any other change, `UpgradeRefused` where nothing says from where.
    """
    fresh, known = [tp for tp in tps if tp not in recorded], {tp.topic for tp in recorded}
    gone = set(recorded) - set(tps)
    if gone or any(tp.topic in known for tp in fresh) or (fresh and before == shard.version):
        names = ", ".join(f"{t}/{p}" for t, p in sorted({*gone, *fresh}))
        raise PartitionsChanged(
            f"{shard.transactional_id} was recorded with other input partitions ({names}): the "
            "number of partitions or of shards changed"
        )
    if fresh and (intent.upgrade != "carry" or intent.start is None):
        names = ", ".join(dict.fromkeys(tp.topic for tp in fresh))
        raise UpgradeRefused(
            f"{shard.transactional_id} has not read {names} before: begin with "
            "--upgrade carry --from earliest|latest|TIME"
        )
    return fresh


def start_offset(log: Log, tp: Tp, start: str | int) -> int:
    """The offset that `--from` means: earliest, latest or a time in ms."""
    if isinstance(start, int):
        return log.offset_at(tp, start)
    return log.bounds(tp)[0 if start == "earliest" else 1]
