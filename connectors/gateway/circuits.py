"""The circuit breakers of one gateway, by endpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from connectors.gateway.transport import OVER_LIMIT, Answer, Failure
from pipelines.gateway import breaker
from pipelines.gateway.breaker import Breaker


class Circuits:
    """Orders and questions ask `allows`, and tell what came of them. Cancels do neither."""

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._breakers: defaultdict[str, Breaker] = defaultdict(Breaker)

    def allows(self, path: str) -> bool:
        return self._breakers[path].allows(self._monotonic_ns())

    def asked(self, path: str) -> None:
        """A request that others must wait for while the circuit is half open."""
        self._breakers[path] = breaker.asked(self._breakers[path], self._monotonic_ns())

    def judge(self, path: str, outcome: Answer | Failure) -> None:
        """A refusal is an answer; silence, 5xx and 429 are failures; what we did not send is
        neither.
        """
        at_ns, before = self._monotonic_ns(), self._breakers[path]
        if isinstance(outcome, Failure) and outcome.reason in _NOT_SENT:
            self._breakers[path] = breaker.withdrawn(before)
        elif isinstance(outcome, Failure) or outcome.status >= 500 or outcome.status in OVER_LIMIT:
            self._breakers[path] = breaker.failed(before, at_ns)
        else:
            self._breakers[path] = breaker.succeeded(before)

    def open(self, *paths: str) -> dict[str, bool]:
        """By endpoint; these always."""
        at_ns = self._monotonic_ns()
        known = {*paths, *self._breakers}
        return {path: self._breakers[path].circuit(at_ns) != "CLOSED" for path in known}


_NOT_SENT: Final = (
    "SEND_TOO_LATE",
    "UNKNOWN",
    "STATE_HALTED",
    "STATE_PAUSED",
    "STATE_UNREADABLE",
)
