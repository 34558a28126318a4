"""The state of a connection: which there are, what may follow what, and how it is shown.

          ┌────────────────────────── BACKING_OFF <──────────┐
          v                                ^   ^             │
(new) CONNECTING ──> SUBSCRIBING ──> LIVE ─┼───┼──> STALE ───┘
          └─────────────────┴─────────┴────┘   └── any ──> CLOSED
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

log = logging.getLogger("tape.connector")


class State(Enum):
    CONNECTING = "CONNECTING"
    SUBSCRIBING = "SUBSCRIBING"
    LIVE = "LIVE"
    STALE = "STALE"
    BACKING_OFF = "BACKING_OFF"
    CLOSED = "CLOSED"


FOLLOWS = {
    State.CONNECTING: {State.SUBSCRIBING, State.BACKING_OFF, State.CLOSED},
    State.SUBSCRIBING: {State.LIVE, State.STALE, State.BACKING_OFF, State.CLOSED},
    State.LIVE: {State.STALE, State.BACKING_OFF, State.CLOSED},
    State.STALE: {State.BACKING_OFF, State.CLOSED},
    State.BACKING_OFF: {State.CONNECTING, State.CLOSED},
    State.CLOSED: set[State](),
}


@dataclass
class Status:
    """What a person or a probe sees of one connection. Only its session and its shell change it."""

    venue: str
    line: str
    streams: tuple[str, ...]
    state: State = State.CONNECTING
    since_ns: int = 0
    connection: str = ""
    frames: int = 0
    bytes: int = 0
    last_recv_ns: int = 0
    failures: int = 0
    last_end: str = ""
    history: list[State] = field(default_factory=lambda: [State.CONNECTING])

    HISTORY_MAX = 64

    def enter(self, state: State, now_ns: int, why: str = "") -> None:
        """Move on, and say so in the log."""
        assert state in FOLLOWS[self.state], f"{self.state} -> {state}"
        self.state, self.since_ns = state, now_ns
        self.history = [*self.history[1 - self.HISTORY_MAX :], state]
        log.info(
            "%s %s %s: %s%s",
            self.venue,
            self.line,
            self.connection or "-",
            state.value,
            f" ({why})" if why else "",
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "venue": self.venue,
            "line": self.line,
            "connection": self.connection,
            "state": self.state.value,
            "since_ns": self.since_ns,
            "streams": list(self.streams),
            "frames": self.frames,
            "bytes": self.bytes,
            "last_recv_ns": self.last_recv_ns,
            "failures": self.failures,
            "last_end": self.last_end,
        }
