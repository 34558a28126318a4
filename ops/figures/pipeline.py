"""A pipeline's figures: those of its epochs, and those read from its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from connectors import log_lines
from connectors.epochs.session import Session
from connectors.metrics.epochs import EpochFigures
from connectors.metrics.server import Health
from connectors.traces.epochs import EpochSpans
from ops.figures import reconciliation, risk
from ops.figures.serving import VERSION_DIGITS, answer
from ops.figures.tracing import spans_of
from ops.processes.catalog import Pipeline
from ops.settings import Settings
from pipelines.items import Decided, Encoded
from pipelines.logic import ROWS_MAX, Batch, Input, Logic, Output

SHOWN: dict[str, Callable[[Callable[[], Any]], None]] = {
    "risk": risk.show,
    "reconciliation": reconciliation.show,
}


class Seen:
    """A logic that lets its newest state, and what led to it, be looked at between epochs. It
    decides nothing itself.
    """

    def __init__(self, logic: Logic[Any]) -> None:
        self._logic = logic
        self.state: Any = None
        self._batch: Batch | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logic, name)

    def step(self, state: Any, batch: Batch) -> tuple[Any, list[Output]]:
        self.state, outputs = self._logic.step(state, batch)
        self._batch = batch if batch.count < ROWS_MAX else None
        return self.state, outputs

    def rows(self) -> Iterator[Input]:
        """What the newest epoch read, where it was decided row by row: to read more of them a
        second time would cost. Nothing is decoded before somebody asks for the first.
        """
        if self._batch is not None:
            yield from self._batch.rows()


class Shown:
    """What is between a pipeline and its figures and spans; nothing where neither is asked for."""

    def __init__(self, made: Pipeline, number: int, settings: Settings) -> None:
        self._made, self._number, self._settings = made, number, settings
        self.figures: EpochFigures | None = None
        self.logic: Logic[Any] = made.logic
        put = spans_of(settings, f"{made.name}-{number}", made.version[:VERSION_DIGITS])
        share = settings.traces.share
        self.spans = None if put is None else EpochSpans(made.name, number, put, share)
        self._seen = seen = Seen(made.logic)
        if settings.metrics.port or self.spans is not None:
            self.logic = seen
        if settings.metrics.port:
            self.figures = EpochFigures(made.name, number)
            if made.name in SHOWN:
                SHOWN[made.name](lambda: seen.state)

    def encode(self, encode: Callable[[Decided], Encoded]) -> Callable[[Decided], Encoded]:
        figures, spans = self.figures, self.spans
        if figures is None and spans is None:
            return encode

        def seen(decided: Decided) -> Encoded:
            encoded = encode(decided)
            if figures is not None:
                figures.decided(decided.outputs)
            if spans is not None:
                spans.decided(decided.outputs, encoded.records, self._seen.rows())
            return encoded

        return seen

    def begin(self) -> Health:
        """Answers from here on, not ready yet."""
        facts: dict[str, str | int] = {"pipeline": self._made.name, "shard": self._number}
        return answer(self._settings, self._made.name, self._made.version, **facts)

    def follow(self, session: Session, health: Health) -> None:
        """The session is open: its health is the process's."""
        figures = self.figures
        session.parts.observers = [one for one in (figures, self.spans) if one is not None]
        log_lines.follow_epoch(lambda: session.sequence)
        health.ready = lambda: "" if session.live else f"re-runs epoch {session.sequence + 1}"
        health.turned_s = lambda: session.turned_s
        if figures is not None:
            figures.follow(session)
