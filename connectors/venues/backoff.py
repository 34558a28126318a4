"""When to connect again: exponential back-off with full jitter, as a pure policy.

Full jitter (any delay between nothing and the ceiling, equally likely) spreads the clients of a
venue that has just come back better than a ceiling with a little noise. Randomness and time are
arguments.
"""

from __future__ import annotations

from typing import NamedTuple


class Backoff(NamedTuple):
    """Seconds. A connection that lived `settled_s` was a success; a shorter one was not, so that a
    venue which accepts and hangs up at once is not called in a tight loop.
    """

    base_s: float = 0.5
    cap_s: float = 60.0
    settled_s: float = 30.0

    def ceiling_s(self, failures: int) -> float:
        """The longest delay after so many failures in a row (1 is the first)."""
        return min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 32))

    def delay_s(self, failures: int, fraction: float) -> float:
        """The delay, `fraction` being uniform in [0, 1)."""
        return self.ceiling_s(failures) * fraction

    def failures(self, before: int, lived_s: float) -> int:
        """Failures in a row after a connection ended that had been live for `lived_s`."""
        return 1 if lived_s >= self.settled_s else before + 1
