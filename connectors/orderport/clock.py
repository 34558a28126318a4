"""How far a venue's clock is from ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from connectors.gateway.transport import Answer, Failure
from connectors.orderport.interface import UNREADABLE, OrderPort, Request

ASKS: Final = 5
ERROR_NS_MAX: Final = 500_000_000
Look = Callable[[Request], Awaitable[Answer | Failure]]


class ClockReading(NamedTuple):
    """The venue's clock less ours, and how wrong that may be."""

    offset_ns: int
    error_ns: int


async def read_clock(
    port: OrderPort,
    look: Look,
    now_ns: Callable[[], int],
    monotonic_ns: Callable[[], int],
) -> ClockReading | None:
    """From the quickest of some answers; its error is half the time that one took. None without
    a useful one.
    """
    best = ERROR_NS_MAX, 0
    for _ in range(ASKS):
        found = await ask_clock(port, look, now_ns, monotonic_ns)
        if found is not None:
            best = min(best, found)
    if best[0] >= ERROR_NS_MAX:
        return None
    return ClockReading(best[1], best[0] + 1_000_000)  # it tells milliseconds


async def ask_clock(
    port: OrderPort, look: Look, now_ns: Callable[[], int], monotonic_ns: Callable[[], int]
) -> tuple[int, int] | None:
    """Half the time that one answer took, and the venue's clock less ours by it; None without."""
    asked_ns, begun_ns = now_ns(), monotonic_ns()
    outcome = await look(port.venue_time())
    half_ns = (monotonic_ns() - begun_ns) // 2
    told_ns = _told_ns(port, outcome)
    return None if told_ns is None else (half_ns, told_ns - asked_ns - half_ns)


def _told_ns(port: OrderPort, outcome: Answer | Failure) -> int | None:
    """None for an answer that nobody can read."""
    if isinstance(outcome, Failure) or outcome.status != 200:
        return None
    try:
        return port.read_venue_time(outcome.body) * 1_000_000
    except UNREADABLE:
        return None
