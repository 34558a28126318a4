"""A pipeline's figures: those of its epochs, and those read from its state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from connectors import log_lines
from connectors.epochs.session import Session
from connectors.metrics.epochs import EpochFigures
from connectors.metrics.server import Health
from ops.figures import reconciliation, risk
from ops.figures.serving import answer
from ops.processes.catalog import Pipeline
from ops.settings import Settings
from pipelines.items import Decided, Encoded
from pipelines.logic import Batch, Logic, Output

SHOWN: dict[str, Callable[[Callable[[], Any]], None]] = {
    "risk": risk.show,
    "reconciliation": reconciliation.show,
}


class Seen:
    """A logic that lets its newest state be looked at between epochs. It decides nothing itself."""

    def __init__(self, logic: Logic[Any]) -> None:
        self._logic = logic
        self.state: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logic, name)

    def step(self, state: Any, batch: Batch) -> tuple[Any, list[Output]]:
        self.state, outputs = self._logic.step(state, batch)
        return self.state, outputs


class Shown:
    """What is between a pipeline and its figures; nothing at all where no port is set."""

    def __init__(self, made: Pipeline, number: int, settings: Settings) -> None:
        self._made, self._number, self._settings = made, number, settings
        self.figures: EpochFigures | None = None
        self.logic: Logic[Any] = made.logic
        if settings.metrics.port:
            self.figures = EpochFigures(made.name, number)
            self.logic = seen = Seen(made.logic)
            if made.name in SHOWN:
                SHOWN[made.name](lambda: seen.state)

    def encode(self, encode: Callable[[Decided], Encoded]) -> Callable[[Decided], Encoded]:
        figures = self.figures
        if figures is None:
            return encode

        def counted(decided: Decided) -> Encoded:
            figures.decided(decided.outputs)
            return encode(decided)

        return counted

    def begin(self) -> Health:
        """Answers from here on, not ready yet."""
        facts: dict[str, str | int] = {"pipeline": self._made.name, "shard": self._number}
        return answer(self._settings, self._made.name, self._made.version, **facts)

    def follow(self, session: Session, health: Health) -> None:
        """The session is open: its health is the process's."""
        session.parts.figures = figures = self.figures
        log_lines.follow_epoch(lambda: session.sequence)
        health.ready = lambda: "" if session.live else f"re-runs epoch {session.sequence + 1}"
        health.turned_s = lambda: session.turned_s
        if figures is not None:
            figures.follow(session)


def age_s(at_ns: int) -> float:
    """Seconds of wall time since then."""
    return max(0, time.time_ns() - at_ns) / 1e9
