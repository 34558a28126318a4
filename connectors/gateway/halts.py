"""What stops this gateway's orders beside the log: the latch file, and what the local socket was
told. Both hold where Kafka, risk or the log's readers do not answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from connectors.gateway.latch import NAME, Latch
from pipelines.gateway import scopes
from pipelines.gateway.scopes import HALTED, Latched, Scope, States
from schemas.events import CancelReason, OrderApproved, TradingResumed


class Halts:
    """`folder`: the gateways' own in the run folder. `log`: the states that the log says."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._latch = Latch(folder / NAME)
        self.log, self._told = States(), States()

    def follow(self, event: object) -> None:
        """A control event of the log. A resume also ends what the socket was told."""
        self.log = scopes.evolve(self.log, event)
        if isinstance(event, TradingResumed):
            self._told = scopes.evolve(self._told, event)

    def tell(self, scope: Scope) -> None:
        """Halts a scope until the log, or `forget`, resumes it."""
        self._told = scopes.merged(self._told, States({scope: HALTED}))

    def forget(self, scope: Scope) -> None:
        self._told = States({s: n for s, n in self._told.latched.items() if s != scope})

    def refusal(self, order: OrderApproved) -> Latched | None:
        """Why an order may not be sent now; None if it may. Cheap: it is asked before every one."""
        held = self._latch.states()
        if held is None:
            return "STATE_UNREADABLE"
        local = scopes.merged(self._told, held)
        return scopes.refusal(scopes.merged(self.log, local), order)

    def cancels(self, orders: Iterable[OrderApproved]) -> list[tuple[str, CancelReason]]:
        """The open orders that are to be canceled, and why, at one look at the latch. The log's
        halts come as events.
        """
        held = self._latch.states()
        if held is None:
            return [(order.cl_ord_id, "STATE_UNREADABLE") for order in orders]
        local = scopes.merged(self._told, held)
        return [
            (order.cl_ord_id, "STATE_HALTED")
            for order in orders
            if scopes.refusal(local, order) == "STATE_HALTED"
        ]
