"""The venue and the gateway of the closed loop (`loop`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from connectors.control import TOPIC as CONTROL
from connectors.gateway.ledger import EVENTS, RAW
from connectors.log.interface import Message, Tp
from connectors.orderport.interface import OrderPort
from connectors.simulated.arrivals import Arrival, Placed
from connectors.simulated.journal import Events, encode
from pipelines.gateway.fold import OrderFold, raw_id
from pipelines.gateway.holdings import concerns
from pipelines.gateway.refold import Step, part_of
from pipelines.risk.decisions import DECISIONS
from replay.backtest.closed import Link, Rerun, decisions_link, terms_of
from replay.backtest.exchange import order_of
from replay.backtest.loop import Made
from replay.orders import Account
from schemas.codec import Codec
from schemas.events import OrderApproved, VenueFrameReceived, VenueRequestSent

_decode: Final = msgspec.json.Decoder().decode
Places = dict[str, tuple[Tp, int]]


def approvals(codec: Codec, account: Account) -> Places:
    """Where each order of an account was approved: the place, not what is there."""
    tp, found = account.tp(DECISIONS), Places()
    for message in account.messages(DECISIONS, None, None):
        event = codec.decode(message.value())
        if isinstance(event, OrderApproved):
            found[event.cl_ord_id] = (tp, message.offset())
    return found


class VenueAgain:
    """Arrivals in their order. An order that risk approved comes from what risk made again."""

    def __init__(
        self,
        rerun: Rerun,
        journal: Sequence[Events],
        arrivals: Iterable[Arrival],
        approved: Mapping[str, tuple[Tp, int]],
        port: OrderPort,
        codec: Codec,
        made: Made,
    ) -> None:
        self._rerun, self._journal, self._port = rerun, journal, port
        self._arrivals, self._approved = list(arrivals), approved
        self._codec, self._made, self._at = codec, made, 0
        self._finding: str | None = None

    def advance(self) -> bool:
        began = self._at
        while self._finding is None and self._at < len(self._arrivals):
            arrival = self._arrivals[self._at]
            if isinstance(arrival, Placed) and not self._asked(arrival):
                break
            self._rerun.follow(arrival)
            self._at += 1
        return self._at > began

    def _asked(self, placed: Placed) -> bool:
        """Whether the order was made by now; another than the one received is a finding."""
        name = placed.request.cl_ord_id
        if name not in self._approved:
            return True  # nobody's of this desk
        value = self._made.value(*self._approved[name])
        if value is None:
            return False
        approved = self._codec.decode(value)
        mine = order_of(approved.account, dict(self._port.submit(approved).parameters))
        if terms_of(mine) != terms_of(placed.request):
            self._finding = f"order {name}: received {placed.request}, made {mine}"
        return self._finding is None

    def waits(self) -> str | None:
        if self._finding is not None or self._at == len(self._arrivals):
            return None
        return f"arrival {self._at + 1} waits for the approval it came from"

    def link(self) -> Link:
        found = decisions_link(self._rerun, self._journal)
        finding = self._finding or self.waits() or found.finding
        return found._replace(name="loop: venue", finding=finding)


class GatewayAgain:
    """One account's gateway: its order events from decisions and reports that were made again."""

    def __init__(
        self,
        codec: Codec,
        account: Account,
        approved: Mapping[str, tuple[Tp, int]],
        port: OrderPort,
        rerun: Rerun,
        made: Made,
    ) -> None:
        """`approved`: see `approvals`."""
        self._codec, self._made, self._rerun, self._account = codec, made, rerun, account
        self._fold = OrderFold(port)
        self._tp, self._decisions_tp = account.tp(EVENTS), account.tp(DECISIONS)
        self._decisions = account.messages(DECISIONS, None, None)
        self._places = approved
        told = account.messages(EVENTS, None, None)
        events = [codec.decode(message.value()) for message in told]
        self._offsets = {id(e): m.offset() for e, m in zip(events, told, strict=True)}
        raw = [codec.decode(m.value()) for m in account.messages(RAW, None, None)]
        part = part_of((), events, raw)
        self._steps, self._given = part.steps, list(part.decided)
        self._given_of = defaultdict[str, list[Any]](list)  # by order
        made.topics.add(EVENTS)
        self._events = events  # whose ids are used
        self._at = self._decided = self._compared = 0
        self._finding: str | None = None
        self._was, self._now = sha256(), sha256()
        self._begin(account)

    def _begin(self, account: Account) -> None:
        """What it decided by its clock is an input, as control is."""
        for message in account.messages(CONTROL, None, None):
            event = self._codec.decode(message.value())
            if concerns(event, account.name):
                self._fold.apply(event)
        for event in self._given:
            self._put(event, event)
            if order := getattr(event, "cl_ord_id", ""):
                self._given_of[order].append(event)
            else:
                self._fold.evolve(event)

    def _put(self, recorded: Any, event: Any) -> None:
        self._made.put(*self._tp, self._offsets[id(recorded)], self._codec.encode(event))

    def advance(self) -> bool:
        began = self._at
        while self._finding is None and self._at < len(self._steps):
            step = self._steps[self._at]
            raw = self._raw(step.raw)
            if raw is None:
                break
            self._apply(step, raw)
            self._at += 1
        return self._at > began

    def _raw(self, raw: Any) -> Any:
        """The raw event with what was made again in it; None where that is still to come."""
        if isinstance(raw, VenueRequestSent) and (order := raw.cl_ord_id or "") in self._places:
            return raw if self._decide(self._places[order][1]) else None
        if not isinstance(raw, VenueFrameReceived):
            return raw
        frame = _decode(raw.payload)
        told = frame.get("event") if isinstance(frame, dict) else None
        if not isinstance(told, dict) or told.get("e") != "executionReport":
            return raw
        again = self._rerun.reports.get((raw.account, told["I"]))
        return None if again is None else raw._replace(payload=encode({**frame, "event": again}))

    def _decide(self, offset: int) -> bool:
        """Follows the decisions up to a place, in their order, as they were made."""
        while self._decided < len(self._decisions):
            message: Message = self._decisions[self._decided]
            if message.offset() > offset:
                break
            value = self._made.value(self._decisions_tp, message.offset())
            if value is None:
                return False
            event = self._codec.decode(value)
            self._fold.apply(event)
            for given in self._given_of.get(event.cl_ord_id, ()):
                self._fold.evolve(given)
            self._decided += 1
        return True

    def _apply(self, step: Step, raw: Any) -> None:
        now = tuple(self._fold.apply(raw))
        for hasher, events in ((self._was, step.recorded), (self._now, now)):
            hasher.update(b"".join(map(self._codec.encode, events)))
        self._compared += len(step.recorded)
        if now != step.recorded:
            self._finding = f"{raw_id(step.raw)}: recorded {step.recorded}, made {now}"
            return
        for recorded, event in zip(step.recorded, now, strict=True):
            self._put(recorded, event)

    def waits(self) -> str | None:
        if self._finding is not None or self._at == len(self._steps):
            return None
        return f"{raw_id(self._steps[self._at].raw)} waits for a report or an approval"

    def link(self) -> Link:
        digests = (self._was.hexdigest(), self._now.hexdigest())
        finding = self._finding or self.waits()
        name = f"loop: order events of {self._account.name}"
        return Link(name, self._compared, *digests, finding, {"as recorded": len(self._given)})
