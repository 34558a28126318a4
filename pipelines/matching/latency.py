"""How long a message takes between a trader and the exchange: fixed part and seeded jitter.

The jitter of the n-th message is a function of (seed, leg, n), so a backtest and a replay of it see
the same delays. Legs: a new order, a cancel, a report back.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, NamedTuple

Leg = Literal["order", "cancel", "report"]


class Latency(NamedTuple):
    """Nanoseconds. Jitter is uniform in [0, jitter_ns)."""

    order_ns: int = 0
    cancel_ns: int = 0
    report_ns: int = 0
    jitter_ns: int = 0
    seed: int = 0

    def delay_ns(self, leg: Leg, number: int) -> int:
        """The delay of the `number`-th message of a leg."""
        fixed = {"order": self.order_ns, "cancel": self.cancel_ns, "report": self.report_ns}[leg]
        if not self.jitter_ns:
            return fixed
        drawn = blake2b(f"{self.seed}:{leg}:{number}".encode(), digest_size=8).digest()
        return fixed + int.from_bytes(drawn, "big") % self.jitter_ns
