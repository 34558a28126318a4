"""A circuit breaker per endpoint: five failures in ten seconds open it, one probe may close it.

A refusal by the venue is an answer, not a failure. Times are monotonic nanoseconds.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

FAILURES_MAX = 5
WINDOW_NS = 10_000_000_000
OPEN_NS = 5_000_000_000

Circuit = Literal["CLOSED", "OPEN", "HALF_OPEN"]


class Breaker(NamedTuple):
    """`opened_ns` None: closed. `probing`: one request is under way in half-open state."""

    failures_ns: tuple[int, ...] = ()
    opened_ns: int | None = None
    probing: bool = False

    def circuit(self, at_ns: int) -> Circuit:
        if self.opened_ns is None:
            return "CLOSED"
        return "OPEN" if at_ns < self.opened_ns + OPEN_NS else "HALF_OPEN"

    def allows(self, at_ns: int) -> bool:
        """Whether a request may go: any when closed, one when half open."""
        circuit = self.circuit(at_ns)
        return circuit == "CLOSED" or (circuit == "HALF_OPEN" and not self.probing)


def asked(breaker: Breaker, at_ns: int) -> Breaker:
    """After a request that was allowed."""
    assert breaker.allows(at_ns), "sent through an open circuit"
    return breaker if breaker.opened_ns is None else breaker._replace(probing=True)


def succeeded(breaker: Breaker) -> Breaker:
    """After an answer: closed, but failures still within the window keep counting."""
    return Breaker() if breaker.opened_ns is not None else breaker


def withdrawn(breaker: Breaker) -> Breaker:
    """After a request that was not sent after all: it says nothing of the venue."""
    return breaker._replace(probing=False)


def failed(breaker: Breaker, at_ns: int) -> Breaker:
    """After a request without an answer, or with one that says the venue is ill."""
    recent = (*(t for t in breaker.failures_ns if t + WINDOW_NS > at_ns), at_ns)
    if breaker.opened_ns is not None or len(recent) >= FAILURES_MAX:
        return Breaker(recent[-FAILURES_MAX:], at_ns, probing=False)
    return Breaker(recent)
