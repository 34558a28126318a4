"""What an account holds beside what its fills bought and sold: transfers and adjustments, as people
announced them on the log, and the fees of fills. Counted in the position cap, where a base asset is
every instrument's that trades it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from pipelines.exact import EXACTLY, ZERO
from schemas.events import LimitsChanged, OrderFilled, PositionAdjusted, TransferAnnounced


class Holdings(NamedTuple):
    """`bases`: base asset by instrument. `transferred`: by asset, fees taken off it. `applied`: ids
    that count. Quantities in base units.
    """

    bases: Mapping[str, str] = {}
    transferred: Mapping[str, Decimal] = {}
    adjusted: Mapping[str, Decimal] = {}
    applied: frozenset[str] = frozenset()

    def of(self, instrument: str) -> Decimal:
        """What is to be added to what was bought less sold."""
        moved = self.transferred.get(self.bases.get(instrument, ""), ZERO)
        return EXACTLY.add(self.adjusted.get(instrument, ZERO), moved)


def concerns(event: Any, account: str) -> bool:
    """Whether a control event changes what this account holds."""
    if isinstance(event, TransferAnnounced | PositionAdjusted):
        return event.account == account
    return isinstance(event, LimitsChanged)


def evolve(holdings: Holdings, event: Any) -> Holdings:
    """After a control event of this account; an id counts once."""
    if isinstance(event, LimitsChanged):
        told = {terms.instrument: terms.base_asset for terms in event.instruments}
        return holdings._replace(bases={**told, **holdings.bases})
    if isinstance(event, TransferAnnounced) and event.transfer_id not in holdings.applied:
        moved = _added(holdings.transferred, event.asset, event.qty)
        return holdings._replace(transferred=moved, applied=holdings.applied | {event.transfer_id})
    if isinstance(event, PositionAdjusted) and event.adjustment_id not in holdings.applied:
        moved = _added(holdings.adjusted, event.instrument, event.qty)
        return holdings._replace(adjusted=moved, applied=holdings.applied | {event.adjustment_id})
    return holdings


def charge(holdings: Holdings, event: OrderFilled) -> Holdings:
    """After a fill: its fee leaves the account, in whatever asset it was taken."""
    fee = event.commission.copy_negate()
    return holdings._replace(transferred=_added(holdings.transferred, event.comm_currency, fee))


def _added(sums: Mapping[str, Decimal], name: str, qty: Decimal) -> dict[str, Decimal]:
    return {**sums, name: EXACTLY.add(sums.get(name, ZERO), qty)}
