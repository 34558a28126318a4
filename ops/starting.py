"""`tape up` that is interrupted takes back what it began."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops import stack
from ops.stack import processes
from ops.stopping import interrupted_by_sigterm
from ops.supervisor.leftovers import FOLDER, SUPERVISOR


@contextmanager
def undone_when_interrupted(run_dir: Path) -> Iterator[None]:
    """What is started within ends where Ctrl-C or SIGTERM leaves it in its middle; what ran before
    stays, and so does all data.
    """
    from ops.monitoring.run import PROGRAMS

    interrupted_by_sigterm()
    parts = [name for name in stack.PARTS if processes.find(run_dir / name)]
    watched = any(processes.find(run_dir / name) for name in PROGRAMS)
    supervised = bool(processes.find(run_dir / FOLDER / SUPERVISOR))
    try:
        yield
    except KeyboardInterrupt:
        _end(run_dir, parts, watched, supervised)
        raise


def _end(run_dir: Path, parts: list[str], watched: bool, supervised: bool) -> None:
    from ops.desk import control
    from ops.desk.record import told_end
    from ops.monitoring import run as monitoring

    if not watched:
        monitoring.stop(run_dir)
    if not supervised:
        control.stop(run_dir)
        if said := told_end(run_dir):
            print(f"tape: {said}", file=sys.stderr)
    stack.stop(run_dir, but=parts)
