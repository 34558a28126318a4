"""Sections of where a desk stands: positions against the venue, breaks, trading states, kill."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ops.console.desk import Desk
from ops.console.newest import LISTED, Place
from ops.console.state import State
from pipelines.exact import EXACTLY, ZERO, plain, total
from pipelines.gateway.scopes import Scope, within
from pipelines.risk.state import STRICTNESS
from replay.ratio import ratio
from replay.times import text_of
from schemas.events import BreakFound, InstrumentTerms


def positions(state: State, _: int) -> list[dict[str, Any]]:
    """By account and instrument, all strategies together; what is held first."""
    desk, sums = state.desk, dict[tuple[str, str], tuple[Decimal, Place]]()
    for (account, _strategy, instrument), (place, event) in desk.cells.items():
        before, newest = sums.get((account, instrument), (ZERO, place))
        sums[account, instrument] = EXACTLY.add(before, event.position_qty), max(place, newest)
    order = sorted(sums, key=lambda key: (bool(sums[key][0]), sums[key][1]), reverse=True)
    return [_position(desk, *key, sums[key][0]) for key in order[:LISTED]]


def _position(desk: Desk, account: str, instrument: str, held: Decimal) -> dict[str, Any]:
    venue = _at_venue(desk, account, instrument)
    return {
        "account": account,
        "instrument": instrument,
        "position": plain(held),
        "venue": None if venue is None else plain(venue),
        "drift_percent": plain(_drift(desk, account, instrument)),
        "state": _state_of(desk, account, instrument),
    }


def _at_venue(desk: Desk, account: str, instrument: str) -> Decimal | None:
    """What the venue holds of it beside what was moved in or out by hand and what other instruments
    of the same asset account for; None where the asset is money for another instrument as well.
    """
    terms = {one.instrument: one for one in (desk.limits.instruments if desk.limits else ())}
    balance, own = desk.balances.get(account), terms.get(instrument)
    if balance is None or own is None or _is_money(own, terms):
        return None
    base = own.base_asset
    held = [b for b in balance[1].balances if b.asset == base]
    parts = [*(b.free_qty for b in held), *(b.locked_qty for b in held)]
    parts += [-qty for qty in desk.transfers.get((account, base), {}).values()]
    parts += [
        fees for (who, asset, name), fees in desk.charged.items()
        if (who, asset) == (account, base) and name != instrument
    ]  # fmt: skip
    parts += [
        -event.position_qty
        for (who, _, name), (_, event) in desk.cells.items()
        if who == account and name != instrument and name in terms
        and terms[name].base_asset == base
    ]  # fmt: skip
    return total(parts)


def _is_money(own: InstrumentTerms, terms: dict[str, InstrumentTerms]) -> bool:
    return any(one.quote_asset == own.base_asset for one in terms.values())


def _drift(desk: Desk, account: str, instrument: str) -> Decimal:
    """In percent, as reconciliation found it: it knows what orders in flight explain."""
    for _, found in desk.breaks.values():
        if (
            isinstance(found, BreakFound)
            and (found.kind, found.account) == ("POSITION_DRIFT", account)
            and found.instrument == instrument
        ):
            return _percent(found)
    return ZERO


def _percent(found: BreakFound) -> Decimal:
    """Of the larger of the two; all of it where a sum has more digits than a quantity holds."""
    log, venue = found.log_qty, found.venue_qty
    if log is None or venue is None:
        return Decimal(100)
    part = EXACTLY.multiply(Decimal(100), EXACTLY.subtract(venue, log).copy_abs())
    whole = max(log.copy_abs(), venue.copy_abs())
    return ratio(part, whole)


def _state_of(desk: Desk, account: str, instrument: str) -> str:
    """The strictest state that covers all strategies there."""
    wanted: Scope = (account, None, instrument)
    held = [one.state for scope, one in desk.latched().items() if within(scope, wanted)]
    return max(held, key=STRICTNESS.index, default="ACTIVE")


def breaks(state: State, _: int) -> list[dict[str, Any]]:
    """Open ones first."""
    found = [(p, e, isinstance(e, BreakFound)) for p, e in state.desk.breaks.values()]
    newest = sorted(found, key=lambda one: (one[2], one[0]), reverse=True)[:LISTED]
    return [
        {
            "time": text_of(place.at_ms),
            "kind": event.kind,
            "instrument": event.instrument or event.asset,
            "detail": event.detail if isinstance(event, BreakFound) else event.reason,
            "state": "OPEN" if is_open else "CLEARED",
        }
        for place, event, is_open in newest
    ]


def trading(state: State, _: int) -> list[dict[str, Any]]:
    """What is latched, newest first; the desk, ACTIVE, where nothing is."""
    held = sorted(state.desk.latched().items(), key=lambda one: -one[1].since_ms)[:LISTED]
    if not held:
        return [{"scope": "desk", "state": "ACTIVE", "since": None, "reason": ""}]
    return [
        {
            "scope": scope_name(scope),
            "state": one.state,
            "since": text_of(one.since_ms),
            "reason": one.reason,
        }
        for scope, one in held
    ]


def kill(state: State, _: int) -> dict[str, Any]:
    """Whether the desk or a whole account is halted, by the log."""
    halted = [
        one
        for (_, strategy, instrument), one in state.desk.latched().items()
        if one.state == "HALTED" and strategy is None and instrument is None
    ]
    if not halted:
        return {"latched": False, "reason": "", "since": None}
    first = min(halted, key=lambda one: one.since_ms)
    return {"latched": True, "reason": first.reason, "since": text_of(first.since_ms)}


def scope_name(scope: Scope) -> str:
    """As people read it: account/strategy/instrument."""
    return "/".join(part or "*" for part in scope) if any(scope) else "desk"
