"""How fast recorded epochs are run again: as fast as they can, at the pace at which they were
received, or one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

from schemas.errors import TapeError
from schemas.events import EpochCommitted

MAX: Final = "max"
STEP: Final = "step"
Pace = Callable[[EpochCommitted], bool]
"""Asked before each epoch: returns when it is due, False to end there."""


def at_once(epoch: EpochCommitted) -> bool:
    """As fast as they can be run."""
    return True


class BadSpeed(TapeError):
    """A speed that is none."""


def log_time(epoch: EpochCommitted) -> int:
    """The newest receive time that an epoch's inputs had reached, milliseconds; -1 without any."""
    return max((read.log_time_ms for read in epoch.inputs), default=-1)


def factor(text: str) -> Decimal | None:
    """The number in `--speed`; None for `max` and `step`. Raises `BadSpeed`."""
    if text in (MAX, STEP):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise BadSpeed(f"--speed is {MAX}, {STEP} or a number above 0, not {text}")
    return number


class Paced:
    """`speed` times as fast as received: an epoch is due as long after the first one as its newest
    input was received after that one's. Clocks are given, so that tests need not wait.
    """

    def __init__(
        self,
        speed: Decimal,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self._speed, self._now_ns, self._sleep_s = speed, now_ns, sleep_s
        self._first: tuple[int, int] | None = None

    def __call__(self, epoch: EpochCommitted) -> bool:
        at_ms = log_time(epoch)
        if at_ms < 0:
            return True
        began_ns, first_ms = self._first = self._first or (self._now_ns(), at_ms)
        due_ns = began_ns + int((at_ms - first_ms) * 1_000_000 / self._speed)
        left_ns = due_ns - self._now_ns()
        if left_ns > 0:
            self._sleep_s(left_ns / 1e9)
        return True
