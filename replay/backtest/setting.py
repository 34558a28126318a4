"""What a backtest is given besides the market: the desk as configured, and what is assumed of the
venue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from connectors.orderport.interface import OrderPort
from pipelines.gateway.caps import Caps
from pipelines.matching.latency import Latency
from pipelines.matching.model import Fees, Instrument
from pipelines.strategy.logic import StrategyLogic
from schemas.events import LimitsChanged, LogCreated, TransferAnnounced

WHO: Final = "backtest"
LOG_ID: Final = str(UUID(bytes=sha256(b"tape backtest").digest()[:16], version=4))
"""Of a market without a log of its own: equal decisions have equal order ids in every run."""


class Model(NamedTuple):
    """How far away the venue is, and what it costs."""

    latency: Latency = Latency()
    fees: Fees = Fees()


class Setting(NamedTuple):
    """`balances`: what the account begins with; `log_id`: part of every order's id."""

    strategy: StrategyLogic
    limits: LimitsChanged
    caps: Caps
    port: OrderPort
    instruments: Sequence[Instrument]
    balances: Mapping[str, Decimal]
    model: Model = Model()
    log_id: str = LOG_ID
    environment: str = "simulation"

    def control(self, now_ns: int) -> list[tuple[str, Any]]:
        """What is on the control topic before the first record of the market, by key."""
        account, venue = self.caps.account, self.port.venue
        return [
            ("log", LogCreated(self.log_id, self.environment, now_ns)),
            ("desk", self.limits._replace(ts_ns=now_ns)),
            *(
                (
                    account,
                    TransferAnnounced(
                        f"opening-{venue}-{account}-{asset}",
                        account,
                        venue,
                        asset,
                        qty,
                        WHO,
                        "what the account begins with",
                        WHO,
                        now_ns,
                    ),
                )
                for asset, qty in sorted(self.balances.items())
            ),
        ]
