"""Whether a log is the one that an archive was made of: the newest archived record that the log
still holds is the same on both sides. Offsets alone do not tell a log from another that is longer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from connectors.log.errors import LogUnreachable
from connectors.log.interface import Log, Message, Tp
from replay.archive.grown import standing
from replay.archive.layout import FileName
from replay.archive.manifest import read
from replay.archive.reader import Index
from replay.archive.records import batches
from replay.archive.store import Store

POLL_S: Final = 0.2
STALL_S: Final = 15.0


def facts(message: Message) -> tuple[Any, ...]:
    """What is equal on both sides of a record that was archived."""
    time_ms, headers = message.timestamp()[1], message.headers() or []
    return message.offset(), time_ms, message.key(), message.value(), headers


def differing(log: Log, store: Store, files: Index) -> tuple[Tp, int] | None:
    """The first of the partitions, and its newest archived offset, where the log has another
    record; None where it has the same ones, or has forgotten them. Raises `ArchiveError`.
    """
    held = {tp: _newest(store, names, log.bounds(tp)[0]) for tp, names in files.items()}
    places = {tp: (name, at) for tp, found in held.items() if found for name, at in [found]}
    logged = _first(log, {tp: at for tp, (_, at) in places.items()})
    for tp, (name, at) in places.items():
        theirs = logged[tp]
        if theirs is None or facts(theirs) != facts(_archived(store, name, at)):
            return tp, at
    return None


def _newest(store: Store, names: Sequence[FileName], low: int) -> tuple[FileName, int] | None:
    """The newest record that the log may still hold, and its file as it stands by now."""
    for name in reversed(names):
        there, last = (
            standing(store, name, partial(_reach, store)) if name.end > low else (name, None)
        )
        if last is not None:
            return (there, last) if last >= low else None
    return None


def _reach(store: Store, name: FileName) -> tuple[FileName, int | None]:
    return name, read(store, name).last_offset


def _archived(store: Store, name: FileName, offset: int) -> Message:
    return next(m for batch in batches(store, [name], offset) for m in batch)


def _first(log: Log, places: Mapping[Tp, int]) -> dict[Tp, Message | None]:
    """The first committed record from each place on. One reader for all: opening one takes time."""
    found: dict[Tp, Message | None] = {}
    if not places:
        return found
    reader, limit = log.reader(places), time.monotonic() + STALL_S
    try:
        while left := {tp: at for tp, at in places.items() if tp not in found}:
            if time.monotonic() > limit:
                [tp, *_] = left
                raise LogUnreachable(f"{tp.topic}/{tp.partition}/{left[tp]}: the log gives nothing")
            found |= {tp: run[0] for tp, run in reader.poll(1, POLL_S).items() if tp in left}
            over = [tp for tp, at in left.items() if reader.end_seen(tp, at) > at]
            found |= dict.fromkeys((tp for tp in over if tp not in found), None)
            reader.pause([*found])
    finally:
        reader.close()
    return found
