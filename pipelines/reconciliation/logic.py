"""The reconciliation pipeline: orders, fills and snapshots to positions of record, breaks, halts.

A difference in orders or fills becomes a break if it lasts longer than reports may take; a drift if
two rounds of snapshots show it unexplained. A break stays open until a snapshot, or a person with
evidence, clears it. Missing fills are booked; a drift of a position halts its instrument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Final

from pipelines.dead_letters import refuse_unreadable
from pipelines.exact import EXACTLY
from pipelines.logic import Batch, Input, InputTopic, Output
from pipelines.reconciliation import book, saved, says
from pipelines.reconciliation.breaks import (
    STALE,
    Shown,
    compare,
    compared,
    fresh,
    raised,
    seen_before,
    spare,
)
from pipelines.reconciliation.drift import Drift, drifts, in_flight
from pipelines.reconciliation.fills import adjusted, expected, filled
from pipelines.reconciliation.orders import ABOUT_ORDERS, order_findings
from pipelines.reconciliation.settings import ReconciliationSettings
from pipelines.reconciliation.state import (
    Account,
    Asset,
    Balances,
    Finding,
    ReconciliationState,
    Suspicion,
)
from schemas.events import (
    BalancesObserved,
    BreakCleared,
    BreakFound,
    ClockTick,
    LimitsChanged,
    OpenOrdersObserved,
    OrderFilled,
    PositionAdjusted,
    TradesObserved,
    TransferAnnounced,
)

DEFAULTS: Final = ReconciliationSettings()
RECENT_NS: Final = 60 * 10**9
DRIFTS: Final = ("POSITION_DRIFT", "BALANCE_DRIFT")


class ReconciliationLogic:
    """See `pipelines.logic.Logic`. Fills come before the snapshots of the same millisecond."""

    name = "reconciliation"
    inputs = (
        InputTopic("ops.control.v1", broadcast=True),
        InputTopic("risk.decision.v1", urgent=False),
        InputTopic("oms.order-event.v1", urgent=False),
        InputTopic("venue.snapshot.v1", urgent=False),
        InputTopic("ops.clock.v1", broadcast=True, urgent=False),
    )
    outputs = (says.POSITIONS, says.BREAKS, says.CONTROL)
    state_version = saved.VERSION

    def __init__(self, settings: ReconciliationSettings = DEFAULTS) -> None:
        self._settings = settings

    def initial(self) -> ReconciliationState:
        return ReconciliationState()

    def decide(self, state: ReconciliationState, item: Input) -> list[Output]:
        return list(self._follow(deepcopy(state), item))

    def evolve(self, state: ReconciliationState, fact: Input | Output) -> ReconciliationState:
        if isinstance(fact, Input):
            list(self._follow(state, fact))
        else:
            _apply(state, fact)
        return state

    def step(
        self, state: ReconciliationState, batch: Batch
    ) -> tuple[ReconciliationState, list[Output]]:
        refuse_unreadable(batch.errors)
        outputs: list[Output] = []
        for item in batch.rows():
            decided = list(self._follow(state, item))
            for output in decided:
                _apply(state, output)
            outputs += decided
        return state, outputs

    def dump(self, state: ReconciliationState) -> bytes:
        return saved.dump(state)

    def load(self, body: bytes, version: int) -> ReconciliationState:
        return saved.load(body, version)

    # ---- inputs ----------------------------------------------------------------------------------

    def _follow(self, state: ReconciliationState, item: Input) -> Iterable[Output]:
        """Changes the state by an input; gives what follows, which `_apply` then takes in."""
        event = item.event
        if isinstance(event, ClockTick):
            return [out for name in sorted(state.accounts) for out in self._tick(state, name, item)]
        if isinstance(event, LimitsChanged):
            terms = event.instruments
            state.assets = {
                t.instrument: Asset(t.base_asset, t.quote_asset, t.lot_size) for t in terms
            }
        elif isinstance(event, TransferAnnounced):
            book.transfer(state.of(event.account), event)
        elif isinstance(event, PositionAdjusted):
            return adjusted(state, item, event)
        elif item.position.topic != "ops.control.v1" and hasattr(event, "account"):
            return self._own(state, item)
        return []

    def _own(self, state: ReconciliationState, item: Input) -> Iterable[Output]:
        """An event of the account's own topics."""
        event = item.event
        account = state.of(event.account)
        if not account.owned:
            account.owned, account.venue = True, event.venue
            account.seen_ns = says.ns_of(item)
        if isinstance(event, OrderFilled):
            return list(filled(state, account, item, event))
        if hasattr(event, "cl_ord_id"):
            book.follow_order(account, event)
            spare(account, event.cl_ord_id)
        elif isinstance(event, BalancesObserved):
            return self._balances(account, item, event)
        elif isinstance(event, OpenOrdersObserved):
            return self._orders(state, account, item, event)
        elif isinstance(event, TradesObserved):
            return list(compare(account, item, event))
        return []

    def _balances(self, account: Account, item: Input, event: BalancesObserved) -> Iterable[Output]:
        totals = {b.asset: EXACTLY.add(b.free_qty, b.locked_qty) for b in event.balances}
        times = (event.ts_sent_ns, event.ts_recv_ns)
        account.balances = Balances(event.snapshot_id, event.venue, totals, *times)
        return fresh(account, item, event)

    def _orders(
        self, state: ReconciliationState, account: Account, item: Input, event: OpenOrdersObserved
    ) -> Iterable[Output]:
        out = [*fresh(account, item, event)]
        shown = Shown({finding.break_id: finding for finding in order_findings(account, event)})
        out += compared(account, item, event, shown, ABOUT_ORDERS)
        if account.balances and account.balances.snapshot_id == event.snapshot_id and state.assets:
            shown = _shown(account, list(drifts(account, state.assets, event, self._settings)))
            if not shown.now and not in_flight(account, account.balances, event):
                account.agreed_ns = account.balances.ts_sent_ns
            again = seen_before(account, shown)
            out += compared(account, item, event, shown, DRIFTS)
            for finding in again:
                out += raised(item, event.account, state, Suspicion(finding, 0))
        return out

    def _tick(self, state: ReconciliationState, name: str, item: Input) -> Iterator[Output]:
        """What has lasted too long, and accounts that nobody has looked at."""
        account, now_ns = state.accounts[name], says.ns_of(item)
        book.forget(account, now_ns)
        _pass_time(account, now_ns)
        if not account.owned:
            return
        if now_ns - account.seen_ns > self._settings.stale_ms * says.NS_PER_MS:
            detail = f"no snapshot for more than {self._settings.stale_ms} ms"
            if STALE not in account.broken:
                yield says.found(item, name, Finding(STALE, STALE, account.venue, detail, ""))
        grace_ns = self._settings.grace_ms * says.NS_PER_MS
        after = None
        for break_id, suspicion in sorted(account.suspected.items()):
            if now_ns - suspicion.since_ns < grace_ns or suspicion.finding.kind in DRIFTS:
                continue
            after = after or deepcopy(state)  # the next one follows what this one books
            if break_id not in after.accounts[name].suspected:
                continue  # of a fill that was booked just now, suspected as foreign before
            for output in raised(item, name, after, suspicion):
                _apply(after, output)
                yield output


def _pass_time(account: Account, now_ns: int) -> None:
    """Old fills explain nothing. What is stamped ahead, by a clock that was set back since or by
    another machine's, counts as of now.
    """
    account.seen_ns = min(account.seen_ns, now_ns)
    account.recent = [
        fill if fill.ts_recv_ns <= now_ns else fill._replace(ts_recv_ns=now_ns)
        for fill in account.recent
        if fill.ts_recv_ns > now_ns - RECENT_NS
    ]
    for break_id, suspicion in account.suspected.items():
        if suspicion.since_ns > now_ns:
            account.suspected[break_id] = suspicion._replace(since_ns=now_ns)


def _shown(account: Account, found: Sequence[Drift]) -> Shown:
    ids = {drift.finding.break_id: drift for drift in found}
    said = account.broken
    return Shown(
        {name: drift.finding for name, drift in ids.items() if not drift.explained},
        {name for name, drift in ids.items() if drift.explained},
        {name for name, drift in ids.items() if name in said and drift.grown_from(said[name])},
    )


def _apply(state: ReconciliationState, output: Output) -> None:
    """What the pipeline said itself."""
    event = output.event
    account = state.of(output.key)
    if isinstance(event, BreakFound):
        account.suspected.pop(event.break_id, None)
        account.broken[event.break_id] = saved.finding_of(event)
    elif isinstance(event, BreakCleared):
        account.broken.pop(event.break_id, None)
    elif isinstance(event, OrderFilled):
        expected(account, event)
        book.follow_order(account, event)
        book.book(account, event, state.assets)
