"""Who is alive, by what lies on the log: each process leaves a sign of life at least as often as
the clock ticks, so nobody needs to be asked.

A pipeline commits an epoch for every tick, stamped with the log time it has reached; a gateway says
that it is ready; the clock ticks. Ages compare those stamps with this machine's clock. When the
clock is silent, so is everybody who follows it: look at its line first.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from connectors.log.interface import Log, Tp
from connectors.log.places import present

GLANCE_S: Final = 1.0
RECORDS: Final = 256  # of each partition's end
POLL_S: Final = 0.2


class Sign(NamedTuple):
    """Where a process shows itself, and the age beyond which it is taken for dead."""

    process: str
    topic: str
    age_ms_max: int
    by_key: bool = False  # one process per key (account), else one per partition (shard)


SIGNS: Final = (
    Sign("clock", "ops.clock.v1", 1_900),
    *(
        Sign(name, f"{name}.epochs.v1", 1_900)
        for name in ("market", "strategy", "risk", "reconciliation")
    ),
    Sign("gateway", "oms.order-event.v1", 3_000, by_key=True),
    Sign("venue-watch", "venue.snapshot.v1", 8_000, by_key=True),
)


class Life(NamedTuple):
    """A process that has shown itself on this log; `age_ms`: how long ago."""

    process: str
    which: str  # shard or account
    age_ms: int
    alive: bool


def lives(log: Log, now_ms: int, signs: Iterable[Sign] = SIGNS) -> list[Life]:
    """Everybody who ever showed himself, in the order of `signs`. Raises `LogUnreachable`."""
    found = [(sign, present(log, sign.topic)) for sign in signs]
    newest = _newest(log, [tp for _, tps in found for tp in tps])
    return [life for sign, tps in found for life in _of(sign, tps, newest, now_ms)]


def _of(
    sign: Sign, tps: Iterable[Tp], newest: Mapping[Tp, dict[str, int]], now_ms: int
) -> list[Life]:
    seen: dict[str, int] = {}
    for tp in tps:
        for key, at_ms in newest[tp].items():
            which = key if sign.by_key else str(tp.partition)
            seen[which] = max(at_ms, seen.get(which, 0))
    ages = ((which, max(0, now_ms - at_ms)) for which, at_ms in sorted(seen.items()))
    return [Life(sign.process, which, age, age <= sign.age_ms_max) for which, age in ages]


def _newest(log: Log, tps: list[Tp]) -> dict[Tp, dict[str, int]]:
    """The newest stamp by key, among the last committed records of each partition."""
    ends = {tp: log.bounds(tp) for tp in tps}
    at = {tp: max(low, end - RECORDS) for tp, (low, end) in ends.items() if end > low}
    newest: dict[Tp, dict[str, int]] = {tp: {} for tp in tps}
    reader, limit = log.reader(at), time.monotonic() + GLANCE_S
    try:
        while any(reader.end_seen(tp, at[tp]) < ends[tp][1] for tp in at):
            for tp, messages in reader.poll(RECORDS, POLL_S).items():
                at[tp] = messages[-1].offset() + 1
                keys = ((m.key() or b"").decode(errors="replace") for m in messages)
                newest[tp] |= dict(zip(keys, (m.timestamp()[1] for m in messages), strict=True))
            if time.monotonic() > limit:
                break  # an open transaction hides the rest: what is seen is what is committed
    finally:
        reader.close()
    return newest
