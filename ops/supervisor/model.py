"""What is supervised, and what an exit code means for it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from connectors.log.errors import Fenced
from connectors.venues.backoff import Backoff
from schemas.errors import TapeError

State = Literal["WAITING", "RUNNING", "BACKING_OFF", "STOPPED", "FINDING", "REFUSED", "FENCED"]
ENDED: Final = frozenset({"STOPPED", "FINDING", "REFUSED", "FENCED"})
FAILED: Final = ENDED - {"STOPPED"}
BACKOFF: Final = Backoff(base_s=0.25, cap_s=15.0, settled_s=30.0)
_STATE_OF: Final[dict[int, State]] = {
    0: "STOPPED",
    1: "FINDING",
    TapeError.exit_code: "REFUSED",
    Fenced.exit_code: "FENCED",
}


class Process(NamedTuple):
    """`tape ARGUMENTS` under a name. It starts once those it comes `after` run, and where they say
    on which loopback port they listen (`port`), once they do.
    """

    name: str
    arguments: tuple[str, ...]
    after: tuple[str, ...] = ()
    port: int | None = None


class Standing(NamedTuple):
    """How a process is: `code` of its last end, if it ever ended; `pid` while it runs;
    `metrics`: HOST:PORT at which it shows figures and health, empty where it shows none.
    """

    name: str
    state: State
    restarts: int
    code: int | None
    pid: int | None
    log: str
    metrics: str = ""


def after_end(code: int) -> State:
    """What becomes of a process that ended by itself. One that was stopped by hand (0), found a
    difference (1), could not run (2) or was fenced (70) does not start again; any other does.
    """
    return _STATE_OF.get(code, "BACKING_OFF")
