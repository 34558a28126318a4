"""`tape run desk`: the supervisor in the foreground, until SIGTERM. What it knows lies in
`desk.json` for `tape status`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Event

from ops.desk.plan import desk
from ops.desk.record import environment, record
from ops.figures.desk import Own, shown, write_targets
from ops.processes.lock import hold
from ops.settings import Settings
from ops.stopping import told_to_stop
from ops.supervisor.leftovers import SUPERVISOR, end_leftovers
from ops.supervisor.model import Process, Standing
from ops.supervisor.outage import needed
from ops.supervisor.supervisor import ProcessFailed, Supervisor

STEP_S = 0.05
LOCK = "desk"


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
            supervise(supervisor, desk(settings), settings.run_dir, stop, own)
            try:
                supervisor.stop()
            except ProcessFailed as error:
                print(f"tape: {error}", file=sys.stderr, flush=True)
                return 1
            finally:
                record(settings.run_dir, [])
    return 0


def supervise(
    supervisor: Supervisor, wanted: list[Process], run_dir: Path, stop: Event, own: Own
) -> None:
    """Until `stop`; every change is recorded."""
    supervisor.add(*wanted)
    known: list[Standing] | None = None
    write_targets(run_dir, own.address, supervisor.standings())
    while not stop.wait(STEP_S):
        own.turned_s = time.monotonic()
        supervisor.step()
        if (now := supervisor.standings()) != known:
            known = now
            record(run_dir, now)
