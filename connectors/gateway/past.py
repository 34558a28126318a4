"""What the log says before a gateway starts: every order's state, what is decided and not yet acted
on, trading states, open breaks. Read to its end after the predecessor was fenced, so nothing can be
added by it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.control import NotThisLog
from connectors.gateway.ledger import EVENTS, RAW
from connectors.log.interface import Log, Message, Tp
from connectors.partitioner import murmur2_partition
from connectors.signing import Scope
from pipelines.gateway import scopes
from pipelines.gateway.fold import OrderFold, raw_id
from pipelines.gateway.reports import Reader
from pipelines.gateway.scopes import States
from schemas import events
from schemas.codec import Codec

DECISIONS = "risk.decision.v1"
CONTROL = "ops.control.v1"
RECON_CONTROL = "recon.control.v1"
BREAKS = "recon.break.v1"
DEADLINE_S = 30.0


class Past(NamedTuple):
    """`pending`: approvals without any order event, by order. `positions`: where reading goes on.
    `recorded`: ids of the raw events on the log. `last_trade_ms` by the venue's clock.
    """

    fold: OrderFold
    scope: Scope
    states: States
    pending: dict[str, Message]
    positions: dict[Tp, int]
    breaks: frozenset[str]
    recorded: frozenset[str]
    recv_window_ms: int
    last_trade_ms: int


def read_past(log: Log, codec: Codec, account: str, reader: Reader) -> Past:
    """Raises `NotThisLog`, and what reading raises."""
    key, positions = account.encode(), dict[Tp, int]()

    def read(topic: str) -> list[tuple[Message, Any]]:
        tp = Tp(topic, murmur2_partition(key, log.partition_count(topic)))
        low, end = log.bounds(tp)
        positions[tp] = end
        found = log.read(tp, low, end, DEADLINE_S)
        return [(m, codec.decode(m.value())) for m in found if topic == CONTROL or m.key() == key]

    control = [event for _, event in read(CONTROL)]
    control += [event for _, event in read(RECON_CONTROL)]
    decisions, told, raw = read(DECISIONS), read(EVENTS), [event for _, event in read(RAW)]
    fold, pending = _folded(decisions, [event for _, event in told], raw, reader)
    trades = [e for _, e in told if isinstance(e, events.OrderFilled)]
    states = States()
    for event in control:
        states = scopes.evolve(states, event)
    return Past(
        fold,
        _scope(control),
        states,
        pending,
        {tp: end for tp, end in positions.items() if tp.topic not in (EVENTS, RAW)},
        _open_breaks([event for _, event in read(BREAKS)]),
        frozenset(map(raw_id, raw)),
        max(
            (e.recv_window_ms for _, e in told if isinstance(e, events.OrderSubmitting)), default=0
        ),
        max(((e.ts_event_ns or 0) // 1_000_000 for e in trades), default=0),
    )


def _folded(
    decisions: list[tuple[Message, Any]], told: list[Any], raw: list[Any], reader: Reader
) -> tuple[OrderFold, dict[str, Message]]:
    """Decisions first: an order event always follows its decision."""
    fold, pending = OrderFold(reader), dict[str, Message]()
    known = {e.cl_ord_id for e in told if hasattr(e, "cl_ord_id")}
    for message, event in decisions:
        if not isinstance(event, events.OrderApproved) or event.cl_ord_id in known:
            fold.apply(event)
        else:
            pending.setdefault(event.cl_ord_id, message)
    for event in told:
        fold.evolve(event)
    for event in raw:
        fold.remember(event)
    return fold, pending


def _scope(control: list[Any]) -> Scope:
    first = next((e for e in control if isinstance(e, events.LogCreated)), None)
    if first is None:
        raise NotThisLog("ops.control.v1 does not say which log this is: start risk first")
    return Scope(first.environment, first.log_id)


def _open_breaks(found: list[Any]) -> frozenset[str]:
    still: set[str] = set()
    for event in found:
        if isinstance(event, events.BreakFound):
            still.add(event.break_id)
        elif isinstance(event, events.BreakCleared):
            still.discard(event.break_id)
    return frozenset(still)
