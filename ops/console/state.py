"""Everything the console knows, as the fold of the log's events: bounded, whatever comes in.

Within a partition the order is the log's; partitions may be read in any order.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from connectors.log.interface import Tp
from ops.console.desk import Desk
from ops.console.market import Market
from ops.console.newest import Place
from ops.console.trading import Trading
from ops.replays import Replayed
from pipelines.market.settings import DEFAULTS, MarketSettings
from pipelines.risk.used import Used

MARKET: Final = ("md.trade.v1", "md.book.v1", "md.quote.v1", "md.feed-status.v1")
FRAMES: Final = "md.raw.v1"
ORDERS: Final = (
    "signal.target.v1",
    "oms.order-request.v1",
    "risk.decision.v1",
    "oms.order-event.v1",
)
WHOLE: Final = ("ops.control.v1", "recon.control.v1", "recon.position.v1", "recon.break.v1")
"""Small and kept for ever; what holds now may have been said long ago."""
EPOCHS: Final = tuple(
    f"{name}.epochs.v1" for name in ("market", "strategy", "risk", "reconciliation")
)
SNAPSHOTS: Final = "venue.snapshot.v1"
CLOCK: Final = "ops.clock.v1"
NEWEST_COUNTS: Final = frozenset({"md.quote.v1", SNAPSHOTS, CLOCK})
"""Of these only the newest record of a key and event tells anything."""


class State:
    """`settings`: what `market` judges feeds by. `versions`: how often each (section, instrument)
    changed; no instrument: of the whole desk. `log_ms`: the newest log time seen. `used`: of risk's
    limits; None: not known. `reached`: the log time of each partition, milliseconds.
    """

    def __init__(self, settings: MarketSettings = DEFAULTS) -> None:
        self.settings = settings
        self.market = Market()
        self.trading = Trading()
        self.desk = Desk()
        self.replays: list[Replayed] = []
        self.used: Used | None = None
        self.log_ms = 0
        self.reached: dict[Tp, int] = {}
        self.versions: defaultdict[tuple[str, str], int] = defaultdict(int)

    def log_time(self, tp: Tp, at_ms: int) -> int:
        """Of a partition's next record: a writer's clock may be behind that of one before it."""
        reached_ms = self.reached[tp] = max(self.reached.get(tp, at_ms), at_ms)
        return reached_ms

    def apply(self, place: Place, event: Any) -> None:
        """One more event."""
        self.log_ms = max(self.log_ms, place.at_ms)
        if (found := self.market.apply(place, event)) is not None:
            self.versions[found] += 1
            return
        for section in (*self.desk.apply(place, event), *self.trading.apply(place, event)):
            self.versions[section, ""] += 1

    def heard(self, venue: str, line: str, at_ms: int) -> None:
        """A frame of a line's came."""
        self.log_ms = max(self.log_ms, at_ms)
        self.market.heard(venue, line, at_ms)
        self.versions["feeds", ""] += 1

    def replayed(self, found: list[Replayed]) -> None:
        """What the run folder says of replays, which leave nothing on the log."""
        if found != self.replays:
            self.replays = found
            self.versions["replays", ""] += 1

    def use(self, found: Used | None) -> None:
        """How much of risk's limits is used, as risk's own state says."""
        if found != self.used:
            self.used = found
            self.versions["limits", ""] += 1

    def instruments(self) -> list[str]:
        return sorted(self.market.instruments)

    def chosen(self, wanted: str) -> str:
        """The instrument to show: the one asked for if there is such a one, else one that the desk
        may trade, else any; what was asked for where there is none at all.
        """
        there = self.market.instruments
        if wanted in there or not there:
            return wanted
        terms = self.desk.limits.instruments if self.desk.limits else ()
        traded = sorted(one.instrument for one in terms if one.instrument in there)
        return traded[0] if traded else min(there)
