"""The closed loop: what a venue decided and reported live, again, from the market on the log and
the order in which it received what.

The venue's own code runs again over its arrivals. Its decisions are compared with its journal, its
reports with the frames that the gateway wrote down, the orders it received with the approvals they
came from. `tape replay orders`, `risk` and `strategy` close the rest: each from what it recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from connectors.gateway.ledger import RAW
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import partitions
from connectors.log.ranges import passing
from connectors.orderport.interface import OrderPort
from connectors.simulated.arrivals import Arrival, Heard, Moved, Opened, Placed, arrivals_of
from connectors.simulated.errors import Refusal, VenueError
from connectors.simulated.journal import Events, FileJournal, encode
from connectors.simulated.venue import Report, Venue
from pipelines.exact import plain
from pipelines.matching.model import PlaceOrder
from pipelines.matching.state import Exchange
from pipelines.risk.decisions import DECISIONS
from replay.backtest.exchange import order_of
from schemas.codec import Codec
from schemas.events import OrderApproved, VenueFrameReceived

READ_S: Final = 30.0
LOT: Final = 5_000
OnArrival = Callable[[int, int], None]
_decode: Final = msgspec.json.Decoder().decode


class Link(NamedTuple):
    """One comparison: how much was compared, both digests, the first difference. `beside`: what
    could not be compared, by name.
    """

    name: str
    compared: int
    recorded: str
    again: str
    finding: str | None
    beside: Mapping[str, int]

    @property
    def clean(self) -> bool:
        return self.finding is None


class Rerun:
    """A venue's life again. `decisions` as its journal has them; `reports` by account and number of
    execution, as they were when they left; `placed`: the orders received, by client id; `before`:
    how many decisions are from before the first arrival, and taken as they are.
    """

    def __init__(self, log: Log, codec: Codec, journal: Sequence[Events]) -> None:
        self._market, self._journal = _Market(log, codec), journal
        self.decisions: list[Events] = []
        self.reports: dict[tuple[str, int], Any] = {}
        self.placed: dict[str, PlaceOrder] = {}
        self.before = 0
        self._begun, self._ts_ns = False, 0
        self._venue: Venue | None = None

    def follow(self, arrival: Arrival) -> None:
        """The next arrival."""
        if isinstance(arrival, Opened):
            self._open(arrival)
            return
        if self._venue is None:
            raise VenueError("the arrivals do not begin with the venue's start")
        self._ts_ns = arrival.ts_ns
        if isinstance(arrival, Heard):
            event = self._market.event(arrival)
            self._venue.hear(event, event.instrument.partition(".")[0])
            return
        if isinstance(arrival, Placed):
            self.placed[arrival.request.cl_ord_id] = arrival.request
        try:
            self._venue.take(arrival.request)
        except Refusal:
            if isinstance(arrival, Moved):
                raise

    def _open(self, opened: Opened) -> None:
        """From the decisions that were on disk: what came after them, nobody was told of. One that
        does not come out of the arrivals before is left empty, and so found.
        """
        first, self._begun = not self._begun, True
        known = self._journal[: opened.decisions] if first else []
        self.before += len(known)
        kept = [*known, *self.decisions[: opened.decisions]]
        gap = [list[Any]() for _ in range(opened.decisions - len(kept))]
        self.decisions = [*kept, *gap]
        exchange = Exchange(opened.instruments, opened.fees)
        self._venue = Venue(exchange, Kept(self.decisions), lambda: self._ts_ns)
        if opened.decisions:
            self._venue.restore(self._journal[: opened.decisions])
        self._venue.deliver = self._deliver

    def _deliver(self, report: Report) -> None:
        told = report.forms()[0]
        if told["e"] == "executionReport":
            self.reports[report.account, told["I"]] = _decode(encode(told))


class Kept:
    """The journal of a venue that runs again."""

    def __init__(self, decisions: list[Events]) -> None:
        self.decisions, self.durable = decisions, 0
        self.on_durable: Callable[[], None] = lambda: None

    def append(self, events: Events) -> int:
        self.decisions.append([*events])
        self.durable += 1
        return self.durable

    async def reached(self, number: int) -> None:
        """Everything is there at once."""


class _Market:
    """Market events by their places, read in lots."""

    def __init__(self, log: Log, codec: Codec) -> None:
        self._log, self._codec = log, codec
        self._lots: dict[Tp, dict[int, Message]] = {}

    def event(self, at: Heard) -> Any:
        tp = Tp(at.topic, at.partition)
        found = self._lots.get(tp, {}).get(at.offset)
        if found is None:
            end = min(at.offset + LOT, self._log.bounds(tp)[1])
            lot = self._log.read(tp, at.offset, end, READ_S)
            self._lots[tp] = {message.offset(): message for message in lot}
            found = self._lots[tp].get(at.offset)
        if found is None:
            raise VenueError(f"the venue heard {at.topic}/{at.partition}/{at.offset}: it is gone")
        return self._codec.decode(found.value())


def rerun_venue(
    log: Log, codec: Codec, state: Path, on_arrival: OnArrival = lambda done, total: None
) -> tuple[Rerun, list[Events]]:
    """The venue of a state folder again, and its journal. It must have stopped. Raises
    `TapeError`.
    """
    journal = journal_of(state)
    rerun = Rerun(log, codec, journal)
    for number, arrival in enumerate(arrivals_of(state), start=1):
        rerun.follow(arrival)
        if number % LOT == 0:
            on_arrival(number, number + 1)
    on_arrival(1, 1)
    return rerun, journal


def journal_of(state: Path) -> list[Events]:
    """The decisions of a venue that has stopped. Raises `VenueError`."""
    return list(_journal(state))


def _journal(state: Path) -> Iterator[Events]:
    if not state.is_dir():
        raise VenueError(f"{state} is no venue's state folder")
    journal = FileJournal(state)
    try:
        yield from journal.read()
    finally:
        journal.close()


def decisions_link(rerun: Rerun, journal: Sequence[Events]) -> Link:
    """What the venue decided."""
    was, now = list(map(encode, journal)), list(map(encode, rerun.decisions))
    names = [f"decision {number}" for number in range(1, len(was) + 1)]
    beside = {"from before the first arrival": rerun.before}
    return _link("venue decisions", was, now, names, beside)


def reports_link(rerun: Rerun, log: Log, codec: Codec) -> Link:
    """What the venue reported: every frame that the gateway wrote down."""
    was, now, names, heard = list[bytes](), list[bytes](), list[str](), Counter[Any]()
    for account, told in _frames(log, codec):
        place = account, told["I"]
        heard[place] += 1
        was.append(encode(told))
        now.append(encode(rerun.reports.get(place)))
        names.append(f"report {told['I']} of {account}, order {told['i']}")
    silent = sum(account in {a for a, _ in heard} for account, _ in rerun.reports) - len(heard)
    twice = sum(count - 1 for count in heard.values())
    beside = {"reports that nobody heard": max(silent, 0), "heard again": twice}
    return _link("execution reports", was, now, names, beside)


def requests_link(rerun: Rerun, log: Log, codec: Codec, port: OrderPort) -> Link:
    """What the venue received: each order is the one that risk approved."""
    was, now, names = list[bytes](), list[bytes](), list[str]()
    for approved in _events(log, codec, DECISIONS):
        if not isinstance(approved, OrderApproved) or approved.cl_ord_id not in rerun.placed:
            continue
        sent = dict(port.submit(approved).parameters)
        was.append(terms_of(rerun.placed[approved.cl_ord_id]))
        now.append(terms_of(order_of(approved.account, sent)))
        names.append(f"order {approved.cl_ord_id}")
    beside = {"orders of others": len(rerun.placed) - len(was)}
    return _link("orders received", was, now, names, beside)


def terms_of(order: PlaceOrder) -> bytes:
    """One form for equal numbers, however they were written."""
    return encode([plain(one) if isinstance(one, Decimal) else one for one in order])


def _link(
    name: str,
    was: Sequence[bytes],
    now: Sequence[bytes],
    names: Sequence[str],
    beside: Mapping[str, int] | None = None,
) -> Link:
    finding = None
    for number, (a, b) in enumerate(zip(was, now, strict=False)):
        if a != b:
            finding = f"{names[number]}: recorded {a.decode()}, now {b.decode()}"
            break
    else:
        if len(was) != len(now):
            finding = f"{len(was)} were recorded, {len(now)} come of it now"
    return Link(name, len(was), _digest(was), _digest(now), finding, beside or {})


def _digest(rows: Sequence[bytes]) -> str:
    return sha256(b"\n".join(rows)).hexdigest()


def _frames(log: Log, codec: Codec) -> Iterator[tuple[str, Any]]:
    """Execution reports as received, by account."""
    for event in _events(log, codec, RAW):
        if isinstance(event, VenueFrameReceived):
            told = _decode(event.payload)
            told = told.get("event") if isinstance(told, dict) else None
            if isinstance(told, dict) and told.get("e") == "executionReport":
                yield event.account, told


def _events(log: Log, codec: Codec, topic: str) -> Iterator[Any]:
    for tp in partitions(log, topic):
        for message in passing(log, tp, *log.bounds(tp), READ_S):
            yield codec.decode(message.value())
