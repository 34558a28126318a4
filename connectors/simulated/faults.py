"""Faults on request: what is to go wrong, how often, and how often it did.

A fault is armed by name with a probability, a number of times, a duration. Whether it strikes is
drawn from the seed, by fault, in the order in which it could: the same requests meet the same
faults. Every strike is counted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec

from connectors.simulated.errors import VenueError

REQUEST_FAULTS: Final = (
    "lost_request",  # never handled; the connection ends
    "lost_response",  # handled, then the connection ends, or -1007 with `status`
    "server_error",  # 5xx of `status`, not handled
    "ban",  # 418 for `seconds`
    "rest_down",  # every HTTP connection ends at once
)
STREAM_FAULTS: Final = (
    "report_delayed",  # by `seconds`
    "report_duplicated",
    "reports_out_of_order",  # a report comes after the account's next one
    "fill_before_ack",  # fills before NEW, the answer `seconds` after them
    "fill_resent_on_cancel",
    "fill_missing",  # in myTrades, never in the stream
    "stream_silent",  # no report at all
)
FAULTS: Final = (*REQUEST_FAULTS, *STREAM_FAULTS, "clock_skew", "foreign_order")
_NS: Final = 1_000_000_000
_SECONDS_MAX: Final = 366 * 86_400


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One armed fault. `count`: strikes left, None without end. `for_s`: how long it is armed, None
    without end. `seconds`: how long what it does lasts. `verb` and `path` (its beginning) narrow
    what requests it strikes; by default those that change orders, but for `rest_down` all.
    """

    kind: str
    probability: float = 1.0
    count: int | None = None
    for_s: float | None = None
    seconds: float = 0.2
    status: int = 0
    skew_ms: int = 0
    verb: str = ""
    path: str = ""
    account: str = ""


class Faults:
    """The armed faults. `counts`: strikes by kind, also of faults that are over."""

    def __init__(self, seed: int, now_ns: Callable[[], int]) -> None:
        self.seed, self.counts = seed, Counter[str]()
        self._now_ns = now_ns
        self._armed: dict[str, tuple[Fault, int | None]] = {}
        self._chances: dict[str, random.Random] = {}

    def arm(self, fault: Fault) -> None:
        """One per kind: a new one takes the old one's place. Raises `VenueError`."""
        if fault.kind not in FAULTS:
            raise VenueError(f"unknown fault {fault.kind!r}: one of {', '.join(FAULTS)}")
        if not 0.0 <= fault.probability <= 1.0:
            raise VenueError(f"fault {fault.kind}: a probability lies between 0 and 1")
        if fault.count is not None and fault.count < 1:
            raise VenueError(f"fault {fault.kind}: a count is at least 1, or left out")
        for name, seconds in (("seconds", fault.seconds), ("for_s", fault.for_s)):
            if seconds is not None and not 0 <= seconds <= _SECONDS_MAX:
                raise VenueError(f"fault {fault.kind}: {name} lies between 0 and {_SECONDS_MAX}")
        until = None if fault.for_s is None else self._now_ns() + int(fault.for_s * _NS)
        self._armed[fault.kind] = fault, until

    def disarm(self, kind: str | None = None) -> None:
        """One kind, or all."""
        for name in [kind] if kind else list(self._armed):
            self._armed.pop(name, None)

    def armed(self) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(fault) for fault, _ in self._armed.values()]

    def strikes(self, kind: str, fits: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """The fault, if it strikes here and now; counted."""
        fault, until = self._armed.get(kind, (None, None))
        if fault is None or not fits(fault):
            return None
        if until is not None and self._now_ns() >= until:
            del self._armed[kind]
            return None
        if fault.probability < 1.0 and self._chance(kind).random() >= fault.probability:
            return None
        self.counts[kind] += 1
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                del self._armed[kind]
        return fault

    def _chance(self, kind: str) -> random.Random:
        return self._chances.setdefault(kind, random.Random(f"{self.seed}:{kind}"))


def requests_of(verb: str, path: str) -> Callable[[Fault], bool]:
    """Whether a fault is meant for such requests."""

    def fits(fault: Fault) -> bool:
        if fault.verb or fault.path:
            return fault.verb in ("", verb) and path.startswith(fault.path)
        return verb in ("POST", "DELETE", "PUT")

    return fits
