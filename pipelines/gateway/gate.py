"""The start and takeover gate: nothing is sent before every condition holds, in this order.

A state machine without clocks: the shell reports what happened and when. A condition met out of
order is a mistake of the shell's and raises, for it could hide a race: a snapshot taken before the
stream was open may miss a fill for ever.
"""

from __future__ import annotations

from typing import Final, NamedTuple

FUTURE_STAMP_MS: Final = 1_000
"""Venues take a request stamped up to a second ahead of their clock; it lives as much longer."""

STEPS: Final = (
    "FENCED",  # no predecessor can commit
    "LOG_READ",  # every decision and order event is known
    "CAPS_LOADED",
    "CLOCK_KNOWN",  # the venue's clock against ours
    "WAIT_OVER",  # what a predecessor sent is dead
    "STREAM_OPEN",  # before the snapshot: what happens in between is seen twice, not never
    "SNAPSHOT_TAKEN",  # open orders and trades since the last known one
    "ORDERS_QUERIED",  # no order is in doubt
    "RECONCILED",  # no break is open
)


class GateBroken(AssertionError):
    """A step was reported out of order."""


class Gate(NamedTuple):
    """`done` counts steps. `fenced_ns`: monotonic nanoseconds of the fence."""

    done: int = 0
    fenced_ns: int = 0
    wait_ns: int = 0

    @property
    def ready(self) -> bool:
        return self.done == len(STEPS)

    @property
    def waits_for(self) -> str | None:
        """The step that is missing; None when ready."""
        return None if self.ready else STEPS[self.done]


def passed(gate: Gate, step: str) -> Gate:
    """The gate after a step. Raises `GateBroken` unless it is the one waited for."""
    if gate.waits_for != step:
        raise GateBroken(f"{step} came while {gate.waits_for} is waited for")
    return gate._replace(done=gate.done + 1)


def fenced(monotonic_ns: int) -> Gate:
    """The gate of a process that has just fenced its predecessor."""
    return passed(Gate(fenced_ns=monotonic_ns), "FENCED")


def clock_known(gate: Gate, recv_window_ms: int, clock_error_ns: int) -> Gate:
    """Fixes the wait: the longest window on the log or of ours, a future stamp, the error of the
    clock that stamped.
    """
    wait_ns = (recv_window_ms + FUTURE_STAMP_MS) * 1_000_000 + clock_error_ns
    return passed(gate, "CLOCK_KNOWN")._replace(wait_ns=wait_ns)


def remaining_ns(gate: Gate, monotonic_ns: int) -> int:
    """How much of the takeover wait is left; 0 when it is over."""
    return max(0, gate.fenced_ns + gate.wait_ns - monotonic_ns)


def waited(gate: Gate, monotonic_ns: int) -> Gate:
    """The gate after its wait. Raises `GateBroken` while some is left."""
    if remaining_ns(gate, monotonic_ns):
        raise GateBroken("the takeover wait is not over")
    return passed(gate, "WAIT_OVER")


def stream_lost(gate: Gate) -> Gate:
    """Back to before the stream: everything after it must be shown again."""
    at = STEPS.index("STREAM_OPEN")
    return gate._replace(done=min(gate.done, at))
