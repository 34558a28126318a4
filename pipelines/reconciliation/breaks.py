"""From a difference to a break: suspected, raised if it lasts, cleared by evidence.

These functions change what is suspected, which follows from inputs alone. What is broken changes by
the events they give, once those are taken in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pipelines.exact import plain
from pipelines.logic import Input, Output
from pipelines.reconciliation import book, says
from pipelines.reconciliation.orders import (
    ABOUT_FILLS,
    ABOUT_ORDERS,
    about_trade,
    trade_findings,
)
from pipelines.reconciliation.state import (
    Account,
    Finding,
    Holding,
    ReconciliationState,
    Suspicion,
)
from schemas.events import TradesObserved

STALE: Final = "SNAPSHOT_STALE"


def fresh(account: Account, item: Input, event: Any) -> list[Output]:
    account.seen_ns = max(account.seen_ns, event.ts_recv_ns)
    finding = account.broken.get(STALE)
    if finding is None:
        return []
    return [says.cleared(item, event.account, finding, event.snapshot_id, "a new snapshot")]


class Shown(NamedTuple):
    """What a complete list shows, by break: of drifts also what may be none (`unclear`), and which
    are worse by now than what was said of them.
    """

    now: Mapping[str, Finding]
    unclear: Collection[str] = ()
    worse: Collection[str] = ()

    def is_news(self, account: Account, break_id: str) -> bool:
        """Whether nothing was said of it yet."""
        return break_id not in account.broken or break_id in self.worse


def seen_before(account: Account, shown: Shown) -> list[Finding]:
    """What another round showed as well, and nothing was said of yet."""
    found = ((finding, account.suspected.get(break_id)) for break_id, finding in shown.now.items())
    return [
        finding
        for finding, before in found
        if before is not None
        and before.finding.snapshot_id != finding.snapshot_id
        and shown.is_news(account, finding.break_id)
    ]


def compared(
    account: Account, item: Input, event: Any, shown: Shown, kinds: Iterable[str]
) -> list[Output]:
    """After a complete list: what is new is suspected, what is gone is forgotten or cleared."""
    for break_id, suspicion in list(account.suspected.items()):
        gone = break_id not in shown.now or not shown.is_news(account, break_id)
        if suspicion.finding.kind in kinds and gone and break_id not in shown.unclear:
            del account.suspected[break_id]
    for break_id, finding in shown.now.items():
        if break_id not in account.suspected and shown.is_news(account, break_id):
            account.suspected[break_id] = Suspicion(finding, event.ts_recv_ns)
    open_now = {*shown.now, *shown.unclear}
    ended = sorted(i for i, f in account.broken.items() if f.kind in kinds and i not in open_now)
    return [_agree(account, item, event, break_id) for break_id in ended]


def _agree(account: Account, item: Input, event: Any, break_id: str) -> Output:
    finding = account.broken[break_id]
    return says.cleared(item, event.account, finding, event.snapshot_id, "log and venue agree")


def compare(account: Account, item: Input, event: TradesObserved) -> Iterator[Output]:
    """Trades are listed in part: only those listed are judged."""
    yield from fresh(account, item, event)
    now = {}
    for _, trade, finding in trade_findings(account, event):
        now[finding.break_id] = finding
        if finding.break_id not in account.suspected and finding.break_id not in account.broken:
            account.suspected[finding.break_id] = Suspicion(finding, event.ts_recv_ns, trade)
    for trade in event.trades:
        key = (trade.instrument, trade.order_id, trade.trade_id)
        for kind in ABOUT_FILLS:
            break_id = about_trade(account, kind, key).break_id
            if break_id in account.broken and break_id not in now:
                yield _agree(account, item, event, break_id)


def spare(account: Account, cl_ord_id: str) -> None:
    """An order that is told of is judged anew by the next list."""
    for break_id, suspicion in list(account.suspected.items()):
        finding = suspicion.finding
        if finding.kind in ABOUT_ORDERS and finding.cl_ord_id == cl_ord_id:
            del account.suspected[break_id]


def raised(
    item: Input, name: str, state: ReconciliationState, suspicion: Suspicion
) -> Iterator[Output]:
    account = state.accounts[name]
    suspicion = _named(account, suspicion)
    finding = suspicion.finding
    yield says.found(item, name, finding)
    if finding.kind == "POSITION_DRIFT":
        yield says.halted(item, name, finding)
    if finding.kind == "FILL_MISSING":
        output = says.booked(item, name, account, suspicion)
        key = output.event.strategy, output.event.instrument
        before = account.holdings.get(key, Holding())
        after = book.filled(before, output.event, state.assets)
        yield output
        yield says.changed(item, output.event, before, after)


def _named(account: Account, suspicion: Suspicion) -> Suspicion:
    """A fill of an order whose venue id the log has learned since is missing, not foreign."""
    finding = suspicion.finding
    ours = account.names.get((finding.instrument or "", finding.order_id or ""))
    if finding.kind != "FILL_FOREIGN" or ours is None or suspicion.trade is None:
        return suspicion
    what = f"{plain(suspicion.trade.last_qty)} at {plain(suspicion.trade.last_px)}"
    named = finding._replace(
        break_id=finding.break_id.replace("FILL_FOREIGN", "FILL_MISSING", 1),
        kind="FILL_MISSING",
        detail=f"{suspicion.trade.side} {what} is not on the log",
        cl_ord_id=ours,
    )
    return suspicion._replace(finding=named)
