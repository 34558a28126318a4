"""Order events once more from what they follow from: decisions and `venue.raw`, of one account.

What the gateway decided by its clock (`GatewayReady`, what it did not send) is an input. Snapshots
on the way are compared too. Nothing here can write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from connectors.gateway.ledger import EVENTS, RAW
from connectors.gateway.past import CONTROL, DEADLINE_S, DECISIONS
from connectors.gateway.snapshots import SNAPSHOTS, Saved, decode, joined, whole
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import place_of, read_whole
from connectors.log.ranges import passing
from connectors.orderport import order_port
from pipelines.gateway import saved
from pipelines.gateway.fold import OrderFold, at_ns, raw_id
from pipelines.gateway.holdings import concerns
from pipelines.gateway.refold import Part, begin, part_of
from pipelines.logic import StateVersionError
from replay.compare import named_json
from replay.rerun import NothingRecorded
from replay.times import EVERYTHING, Span
from schemas.codec import Codec

OnEvent = Callable[[int, int], None]


class OrderFinding(NamedTuple):
    """The first raw event whose order events differ, both sides as JSON; or a snapshot."""

    what: str
    raw: dict[str, Any] | None
    recorded: list[dict[str, Any]]
    refolded: list[dict[str, Any]]

    @property
    def pairs(self) -> list[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
        """Both sides, event by event; None where one has no more."""
        return list(zip_longest(self.recorded, self.refolded))


@dataclass
class OrdersVerdict:
    """What a re-fold of one account found. `decided`: order events that are inputs."""

    account: str
    from_snapshot: bool = False
    raw: int = 0
    events: int = 0
    decided: int = 0
    snapshots: int = 0
    finding: OrderFinding | None = None

    @property
    def clean(self) -> bool:
        return self.finding is None


class Account:
    """One account's records on a log."""

    def __init__(self, log: Log, codec: Codec, name: str) -> None:
        self._log, self._codec, self.name, self._key = log, codec, name, name.encode()

    def tp(self, topic: str) -> Tp:
        return place_of(self._log, topic, self._key)

    def messages(self, topic: str, start: int | None, end: int | None) -> list[Message]:
        tp = self.tp(topic)
        low, high = self._log.bounds(tp)
        first, last = low if start is None else start, high if end is None else end
        found = self._log.read(tp, first, last, DEADLINE_S)
        return [m for m in found if topic == CONTROL or m.key() == self._key]

    def events(self, topic: str, after: Saved | None, before: Saved | None) -> list[Any]:
        """What lies between two snapshots; None: the beginning, the end."""
        start, end = (s and s.positions.get(self.tp(topic)) for s in (after, before))
        return [self._codec.decode(m.value()) for m in self.messages(topic, start, end)]

    def venue(self) -> str:
        """Where it trades, by its first raw event. Raises `NothingRecorded`."""
        tp = self.tp(RAW)
        with closing(passing(self._log, tp, *self._log.bounds(tp), DEADLINE_S)) as found:
            for message in (m for m in found if m.key() == self._key):
                return str(self._codec.decode(message.value()).venue)
        raise NothingRecorded(f"account {self.name} has nothing on {RAW}")

    def trimmed(self) -> bool:
        return self._log.bounds(self.tp(RAW))[0] > 0

    def snapshots(self, venue: str) -> list[tuple[int, Saved]]:
        """Those that this code can read, with their time in milliseconds, oldest first."""
        found = self.messages(SNAPSHOTS, None, None)
        times = {self._codec.decode(m.value()).sequence: m.timestamp()[1] for m in found}
        readable = []
        for chunks in whole(self._codec, found):
            try:
                state = decode(joined(chunks), chunks[0].state_version, order_port(venue))
            except StateVersionError:
                continue
            readable.append((times[chunks[0].sequence], state))
        return readable


def accounts(log: Log) -> list[str]:
    """Every account that has order events."""
    keys = {message.key() for message in read_whole(log, EVENTS, DEADLINE_S)}
    return sorted(key.decode() for key in keys if key)


def refold(
    log: Log, codec: Codec, name: str, span: Span = EVERYTHING, on_event: OnEvent = lambda *_: None
) -> OrdersVerdict:
    """Folds one account anew and compares. Raises `TapeError` when it cannot run; a difference is
    in the verdict.
    """
    account, verdict = Account(log, codec, name), OrdersVerdict(name)
    venue = account.venue()
    base, later = _base(account, account.snapshots(venue), span)
    fold = base.fold if base else OrderFold(order_port(venue))
    verdict.from_snapshot = base is not None
    for after, before in zip([base, *later], [*later, None], strict=True):
        part = _part(account, after, before)
        if not _compare(fold, part, span, verdict, on_event):
            break
        if before is not None and not _same(fold, before, verdict):
            break
    return verdict


def _base(
    account: Account, found: Sequence[tuple[int, Saved]], span: Span
) -> tuple[Saved | None, list[Saved]]:
    """Where to begin, and the snapshots after it."""
    low, states = account.trimmed(), [state for _, state in found]
    before = sum(span.from_ms is not None and at_ms <= span.from_ms for at_ms, _ in found)
    if before or low:
        at = max(before - 1, 0)
        if not states:
            raise NothingRecorded(f"{RAW} is trimmed, and no snapshot is left to begin with")
        return states[at], states[at + 1 :]
    return None, states


def _part(account: Account, after: Saved | None, before: Saved | None) -> Part:
    topics = (CONTROL, DECISIONS, EVENTS, RAW)
    control, decisions, told, raw = (account.events(t, after, before) for t in topics)
    held = [event for event in control if concerns(event, account.name)]
    return part_of([*held, *decisions], told, raw)


def _compare(
    fold: OrderFold, part: Part, span: Span, verdict: OrdersVerdict, on_event: OnEvent
) -> bool:
    """False where it ends: at the first difference, or at the end of the span."""
    begin(fold, part)
    verdict.decided += len(part.decided)
    for number, step in enumerate(part.steps):
        if span.to_ms is not None and at_ns(step.raw) >= span.to_ms * 1_000_000:
            return False
        now = tuple(fold.apply(step.raw))
        verdict.raw += 1
        verdict.events += len(now)
        on_event(number + 1, len(part.steps))
        if now != step.recorded:
            verdict.finding = OrderFinding(
                f"{raw_id(step.raw)}: order events differ",
                named_json(step.raw),
                list(map(named_json, step.recorded)),
                list(map(named_json, now)),
            )
            return False
    return True


def _same(fold: OrderFold, recorded: Saved, verdict: OrdersVerdict) -> bool:
    """Whether the state is the snapshot's."""
    verdict.snapshots += 1
    was, now = saved.dump(recorded.fold), saved.dump(fold)
    if was != now:
        what = f"snapshot {verdict.snapshots}: the state differs"
        verdict.finding = OrderFinding(what, None, [json.loads(was)], [json.loads(now)])
    return was == now
