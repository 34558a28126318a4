"""What the desk's topics say of money and people: positions, breaks, limits, trading states, and
the pipelines' epochs.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ops.console.newest import LISTED, Newest, Place
from pipelines.exact import EXACTLY, ZERO
from pipelines.gateway.scopes import Scope
from pipelines.risk.control import LATCHES
from pipelines.risk.state import STRICTNESS, TradingState
from schemas.events import (
    BalancesObserved,
    Boundary,
    BreakCleared,
    BreakFound,
    EpochCommitted,
    GatewayReady,
    LimitsChanged,
    PositionChanged,
    TradingResumed,
    TransferAnnounced,
)

BREAKS: Final = 1_000
DECISIONS: Final = 1_000  # of one scope, since it was resumed


class Latched(NamedTuple):
    """What holds for a scope, since when and why."""

    state: TradingState
    since_ms: int
    reason: str
    person: str


class Cell(NamedTuple):
    """The newest position of a strategy in an instrument on an account."""

    place: Place
    event: PositionChanged


@dataclass
class Desk:
    """`ready`: accounts whose gateway was. `transfers`: what was moved in or out by hand, by
    (account, asset). `charged`: fees paid, by (account, asset, instrument). `decisions`: of each
    scope the newest resumption, if there was one, and what was decided after it; two topics hold
    them, which are not read in step.
    """

    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    balances: dict[str, tuple[Place, BalancesObserved]] = field(default_factory=dict)
    transfers: dict[tuple[str, str], dict[str, Decimal]] = field(default_factory=dict)
    charged: dict[tuple[str, str, str], Decimal] = field(default_factory=dict)
    breaks: dict[tuple[str, str], tuple[Place, BreakFound | BreakCleared]] = field(
        default_factory=dict
    )
    limits: LimitsChanged | None = None
    ready: set[str] = field(default_factory=set)
    decisions: dict[Scope, list[tuple[Place, Any]]] = field(default_factory=dict)
    epochs: dict[tuple[str, int], tuple[Place, EpochCommitted]] = field(default_factory=dict)
    boundaries: Newest[tuple[str, Boundary]] = field(default_factory=lambda: Newest(LISTED))

    def apply(self, place: Place, event: Any) -> tuple[str, ...]:
        """The sections that changed; none where the event is of others."""
        handle = _HANDLERS.get(type(event))
        return () if handle is None else handle(self, place, event)

    def latched(self) -> dict[Scope, Latched]:
        """What holds by scope: the strictest, from when it was first decided."""
        held: dict[Scope, Latched] = {}
        for scope, decided in self.decisions.items():
            for place, event in decided:
                if isinstance(event, TradingResumed):
                    continue
                fresh = Latched(LATCHES[type(event)], place.at_ms, event.reason, event.person)
                before = held.get(scope)
                if before is None or _strictness(fresh) > _strictness(before):
                    held[scope] = fresh
        return held

    def _position(self, place: Place, event: PositionChanged) -> tuple[str, ...]:
        self.cells[event.account, event.strategy, event.instrument] = Cell(place, event)
        if event.commission:
            key = (event.account, event.comm_currency, event.instrument)
            self.charged[key] = EXACTLY.add(self.charged.get(key, ZERO), event.commission)
        return ("positions", "accounts")

    def _balances(self, place: Place, event: BalancesObserved) -> tuple[str, ...]:
        self.balances[event.account] = place, event
        return ("positions", "accounts")

    def _transfer(self, _: Place, event: TransferAnnounced) -> tuple[str, ...]:
        known = self.transfers.setdefault((event.account, event.asset), {})
        known.setdefault(event.transfer_id, event.qty)
        return ("positions",)

    def _found(self, place: Place, event: BreakFound | BreakCleared) -> tuple[str, ...]:
        self.breaks[event.account, event.break_id] = place, event
        if len(self.breaks) > BREAKS * 2:
            closed = [(p, k) for k, (p, e) in self.breaks.items() if isinstance(e, BreakCleared)]
            for _, key in sorted(closed)[:BREAKS]:
                del self.breaks[key]
        return ("breaks", "positions")

    def _limits(self, _: Place, event: LimitsChanged) -> tuple[str, ...]:
        if self.limits is None or event.limits_version > self.limits.limits_version:
            self.limits = event
        return ("limits",)

    def _decided(self, place: Place, event: Any) -> tuple[str, ...]:
        scope: Scope = (event.account, event.strategy, event.instrument)
        decided = self.decisions.setdefault(scope, [])
        insort(decided, (place, event), key=lambda one: one[0])
        resumed = [n for n, (_, one) in enumerate(decided) if isinstance(one, TradingResumed)]
        del decided[: resumed[-1] if resumed else 0]
        if len(decided) > DECISIONS:
            self.decisions[scope] = _stricter(decided)
        return ("trading", "kill", "positions")

    def _ready(self, _: Place, event: GatewayReady) -> tuple[str, ...]:
        self.ready.add(event.account)
        return ("accounts",)

    def _committed(self, place: Place, event: EpochCommitted) -> tuple[str, ...]:
        key = (event.pipeline, event.shard)
        self.epochs[key] = place, event
        if event.boundary is not None and event.boundary.kind != "FIRST_START":
            self.boundaries.add(place, (event.pipeline, event.boundary))
            return ("epochs", "replays")
        return ("epochs",)


def _strictness(one: Latched) -> int:
    return STRICTNESS.index(one.state)


def _stricter(decided: list[tuple[Place, Any]]) -> list[tuple[Place, Any]]:
    """Those that are stricter than all before them: the rest changes nothing."""
    kept: list[tuple[Place, Any]] = []
    for one in decided:
        state = LATCHES.get(type(one[1]))
        before = LATCHES.get(type(kept[-1][1])) if kept else None
        if state is None or before is None or STRICTNESS.index(state) > STRICTNESS.index(before):
            kept.append(one)
    return kept


_HANDLERS: Final[dict[type[Any], Any]] = {
    PositionChanged: Desk._position,
    BalancesObserved: Desk._balances,
    TransferAnnounced: Desk._transfer,
    BreakFound: Desk._found,
    BreakCleared: Desk._found,
    LimitsChanged: Desk._limits,
    GatewayReady: Desk._ready,
    EpochCommitted: Desk._committed,
    TradingResumed: Desk._decided,
    **dict.fromkeys(LATCHES, Desk._decided),
}
