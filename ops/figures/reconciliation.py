"""Figures of reconciliation's state: breaks, drifts, how old the venue's word is."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import get_args

from connectors.metrics import declared
from connectors.metrics.kinds import Rows
from pipelines.reconciliation.state import Account, Finding, ReconciliationState
from schemas.events import BreakKind

Reading = Callable[[], ReconciliationState | None]
KINDS = tuple(kind for kind in get_args(BreakKind) if kind != "UNKNOWN")


def show(state: Reading) -> None:
    """Reads the state at every scrape from here on; nothing before the first epoch."""

    def shown(rows: Callable[[dict[str, Account]], Rows]) -> Callable[[], Rows]:
        def read() -> Rows:
            held = state()
            accounts = {} if held is None else dict(held.accounts)
            return rows({name: one for name, one in accounts.items() if one.owned})

        return read

    declared.BREAKS.read = shown(breaks)
    declared.SNAPSHOT_AGE.read = shown(ages)
    declared.DRIFT.read = lambda: _drifts(state())


def breaks(accounts: dict[str, Account]) -> Rows:
    """Every kind, also those of which there is none."""
    rows: dict[tuple[str, ...], int] = {(name, kind): 0 for name in accounts for kind in KINDS}
    for name, account in accounts.items():
        for finding in list(account.broken.values()):
            rows[name, finding.kind] += 1
    return rows


def ages(accounts: dict[str, Account]) -> Rows:
    now_ns = time.time_ns()
    return {
        (name,): max(0, now_ns - account.balances.ts_recv_ns) / 1e9
        for name, account in accounts.items()
        if account.balances is not None
    }


def _drifts(state: ReconciliationState | None) -> Rows:
    if state is None:
        return {}
    accounts = {name: one for name, one in dict(state.accounts).items() if one.owned}
    return {
        (name, instrument): share
        for name, account in accounts.items()
        for instrument, share in drifts(account, tuple(state.assets)).items()
    }


def drifts(account: Account, instruments: tuple[str, ...]) -> dict[str, Decimal]:
    """In percent, by instrument; 0 where log and venue agree, or orders in flight explain it."""
    found = dict.fromkeys(instruments, Decimal(0))
    suspected = (one.finding for one in list(account.suspected.values()))
    for finding in (*suspected, *list(account.broken.values())):
        if finding.kind == "POSITION_DRIFT" and finding.instrument is not None:
            found[finding.instrument] = _percent(finding)
    return found


def _percent(finding: Finding) -> Decimal:
    """Of the larger of the two; all of it where a sum has more digits than a quantity holds."""
    log, venue = finding.log_qty, finding.venue_qty
    if log is None or venue is None:
        return Decimal(100)
    return 100 * abs(venue - log) / max(abs(log), abs(venue))
