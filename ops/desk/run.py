"""`tape run desk`: the supervisor in the foreground, until SIGTERM. What it knows lies in
`desk.json` for `tape status`.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

from ops.desk.plan import desk
from ops.desk.record import environment, note_end, record, told_end
from ops.figures.desk import Own, shown, write_targets
from ops.processes.lock import hold
from ops.settings import Settings
from ops.stopping import told_to_stop
from ops.supervisor.leftovers import SUPERVISOR, end_leftovers
from ops.supervisor.model import Process, Standing
from ops.supervisor.outage import needed
from ops.supervisor.supervisor import ProcessFailed, Supervisor

log = logging.getLogger("tape.supervisor")
STEP_S = 0.05
LOCK = "desk"


class Kept:
    """What others may read of the desk: every change, as soon as there is room to write it."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._known: list[Standing] | None = None
        self._why = ""

    def keep(self, now: list[Standing]) -> None:
        if now == self._known:
            return
        try:
            record(self.run_dir, now)
        except OSError as error:  # a full disk is no reason to leave the processes alone
            self._fail(str(error))
        else:
            self._known, self._why = now, ""

    def end(self, said: str) -> None:
        """Nothing runs any more; `said`: see `note_end`."""
        self.keep([])
        with suppress(OSError):
            note_end(self.run_dir, said)

    def _fail(self, why: str) -> None:
        if why != self._why:
            log.error("what runs cannot be written down: %s", why)
        self._why = why


def run_desk(settings: Settings) -> int:
    """Exit code 0, or 1 where a process did not stop as it should. Raises `TapeError`."""
    stop = told_to_stop()
    with hold(settings.run_dir, LOCK):
        end_leftovers(settings.run_dir, but=SUPERVISOR)
        with (
            Supervisor(
                settings.run_dir, environment(settings), Path.cwd(), needed=needed(settings)
            ) as supervisor,
            shown(settings, supervisor.standings) as own,
        ):
            return until_stopped(supervisor, desk(settings), Kept(settings.run_dir), stop, own)


def until_stopped(
    supervisor: Supervisor, wanted: list[Process], kept: Kept, stop: Event, own: Own
) -> int:
    """The exit code. Whatever ends the supervisor, a gateway cancels what is open."""
    told_end(kept.run_dir)
    try:
        supervise(supervisor, wanted, kept, stop, own)
    finally:
        said = _ended(supervisor)
        kept.end(said)
    return int(bool(said))


def supervise(
    supervisor: Supervisor, wanted: list[Process], kept: Kept, stop: Event, own: Own
) -> None:
    """Until `stop`; every change is recorded."""
    supervisor.add(*wanted)
    write_targets(kept.run_dir, own.address, supervisor.standings())
    while not stop.wait(STEP_S):
        own.turned_s = time.monotonic()
        supervisor.step()
        kept.keep(supervisor.standings())


def _ended(supervisor: Supervisor) -> str:
    """What did not stop as it should; empty where all did."""
    try:
        supervisor.stop()
    except ProcessFailed as error:
        print(f"tape: {error}", file=sys.stderr, flush=True)
        return str(error)
    return ""
