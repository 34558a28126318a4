"""How much a reader may ask of a venue: part of its weight per minute stays free for cancels, and
who is told to wait, waits.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
KEPT_PERCENT: Final = 20  # of the weight, which cancels alone may use


class Pace(NamedTuple):
    """`used` in the minute `minute` by the venue's clock, by all who share the address."""

    weight_per_minute: int
    used: int = 0
    minute: int = 0
    silent_until_ms: int = 0

    def allows(self, weight: int, venue_ms: int) -> bool:
        """Whether a request of that weight leaves enough."""
        used = self.used if self.minute == venue_ms // MINUTE_MS else 0
        kept = self.weight_per_minute * KEPT_PERCENT // 100
        return venue_ms >= self.silent_until_ms and used + weight <= self.weight_per_minute - kept

    def spent(self, weight: int, used: int | None, venue_ms: int) -> Pace:
        """After a request; `used` is what the venue said of it, if it said anything."""
        minute = venue_ms // MINUTE_MS
        before = self.used if self.minute == minute else 0
        return self._replace(used=before + weight if used is None else used, minute=minute)

    def told_to_wait(self, seconds: int, venue_ms: int) -> Pace:
        until_ms = venue_ms + seconds * 1_000
        return self._replace(silent_until_ms=max(self.silent_until_ms, until_ms))
