"""What the log says before a gateway starts: every order's state, what is decided and not yet acted
on, trading states, open breaks. Read to its end after the predecessor was fenced, so nothing can be
added by it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.control import NotThisLog
from connectors.gateway.ledger import EVENTS, RAW
from connectors.gateway.snapshots import Saved, newest
from connectors.log.interface import Log, Message, Tp
from connectors.log.places import as_written, place_of
from connectors.signing import Scope
from pipelines.gateway import scopes
from pipelines.gateway.fold import OrderFold, raw_id
from pipelines.gateway.holdings import concerns
from pipelines.gateway.refold import part_of, resume
from pipelines.gateway.reports import Reader
from pipelines.gateway.scopes import States
from schemas import events
from schemas.codec import Codec
from schemas.events import OrderApproved

DECISIONS = "risk.decision.v1"
CONTROL = "ops.control.v1"
RECON_CONTROL = "recon.control.v1"
BREAKS = "recon.break.v1"
DEADLINE_S = 30.0
CLOCK_STEP_MS = 600_000  # how far the clock may have been set back meanwhile


class Past(NamedTuple):
    """`pending`: approvals without any order event, by order. `positions`: where reading goes on,
    and where writing does.
    """

    fold: OrderFold
    scope: Scope
    states: States
    pending: dict[str, Message]
    positions: dict[Tp, int]
    breaks: frozenset[str]

    @property
    def recv_window_ms(self) -> int:
        """The longest that any request on the log may live."""
        return self.fold.book.recv_window_ms_max

    @property
    def last_trade_ms(self) -> int:
        """Of the newest fill, by the venue's clock; 0 before the first."""
        return self.fold.book.last_trade_ns // 1_000_000


def read_past(log: Log, codec: Codec, account: str, reader: Reader) -> Past:
    """From the newest snapshot, or from the beginning. Raises `NotThisLog`, and what reading
    raises.
    """
    base = newest(log, codec, account, reader) or Saved(OrderFold(reader))
    return read_since(base, log, codec, account)


def read_since(base: Saved, log: Log, codec: Codec, account: str) -> Past:
    """The past from a snapshot on. `base` is used up."""
    key, positions = account.encode(), dict[Tp, int]()

    def read(topic: str) -> list[Message]:
        tp = place_of(log, topic, key)
        low, positions[tp] = log.bounds(tp)
        found = log.read(tp, base.positions.get(tp, low), positions[tp], DEADLINE_S)
        return [m for m in found if topic == CONTROL or m.key() == key]

    def decoded(messages: list[Message]) -> list[Any]:
        return [codec.decode(m.value()) for m in messages]

    latching = as_written({topic: read(topic) for topic in (CONTROL, RECON_CONTROL)})
    control = decoded([message for _, message in latching])
    scope = base.scope or _scope(control)
    decided = read(DECISIONS)
    decisions = list(zip(decided, decoded(decided), strict=True))
    told, raw = decoded(read(EVENTS)), decoded(read(RAW))
    known = {e.cl_ord_id for e in told if hasattr(e, "cl_ord_id")}
    acted = [e for _, e in decisions if not isinstance(e, OrderApproved) or e.cl_ord_id in known]
    held = [event for event in control if concerns(event, account)]
    resume(base.fold, part_of([*held, *acted], told, raw))
    pending = dict[str, Message]()
    for message, event in decisions:
        if isinstance(event, OrderApproved) and event.cl_ord_id not in known:
            pending.setdefault(event.cl_ord_id, message)
    states = base.states
    for event in control:
        states = scopes.evolve(states, event)
    breaks = _open_breaks(base.breaks, decoded(read(BREAKS)))
    return Past(base.fold, scope, states, pending, positions, breaks)


def recorded_since(log: Log, codec: Codec, account: str, since_ns: int) -> frozenset[str]:
    """Ids of the raw events on the log from a time on, by the clock of who wrote them."""
    key = account.encode()
    tp = place_of(log, RAW, key)
    start = log.offset_at(tp, since_ns // 1_000_000 - CLOCK_STEP_MS)
    found = log.read(tp, start, log.bounds(tp)[1], DEADLINE_S)
    return frozenset(raw_id(codec.decode(m.value())) for m in found if m.key() == key)


def _scope(control: list[Any]) -> Scope:
    first = next((e for e in control if isinstance(e, events.LogCreated)), None)
    if first is None:
        raise NotThisLog("ops.control.v1 does not say which log this is: start risk first")
    return Scope(first.environment, first.log_id)


def _open_breaks(before: frozenset[str], found: list[Any]) -> frozenset[str]:
    still = set(before)
    for event in found:
        if isinstance(event, events.BreakFound):
            still.add(event.break_id)
        elif isinstance(event, events.BreakCleared):
            still.discard(event.break_id)
    return frozenset(still)
