"""When a difference counts."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class ReconciliationSettings(NamedTuple):
    """A difference in orders or fills counts if it lasts `grace_ms`: reports may be on their way.

    An account whose newest snapshot is older than `stale_ms` is stale. A position drifts beyond
    `drift_bps` (1/10,000 of the larger side) and one lot, another balance beyond
    `balance_drift_max` in units of its asset.
    """

    grace_ms: int = 2_000
    stale_ms: int = 15_000
    drift_bps: int = 100
    balance_drift_max: Decimal = Decimal("0.01")
