"""Starts the desk's supervisor so that it outlives its starter, says how its processes are, ends
them all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ops.desk.record import environment, recorded
from ops.settings import Settings
from ops.stack import processes
from ops.stack.progress import Report
from ops.supervisor.leftovers import FOLDER, SUPERVISOR, end_leftovers, kill_leftovers
from ops.supervisor.model import FAILED, Standing
from ops.supervisor.supervisor import ProcessFailed, Supervisor, last_words

START_S = 180.0


class DeskStatus(NamedTuple):
    """`supervisor`: its process ids; empty where processes are left that nobody looks after."""

    supervisor: list[int]
    processes: list[Standing]


def start(settings: Settings, report: Report) -> None:
    """All processes running, each with what it works on open; does nothing where the desk runs
    already. Raises `ProcessFailed` with the last line of one that could not; the others go on.
    """
    own = own_folder(settings.run_dir)
    if processes.find(own):
        wait_running(settings, report, lambda: bool(processes.find(own)))
        return
    end_leftovers(settings.run_dir)
    (settings.run_dir / "desk.json").unlink(missing_ok=True)
    starter = Supervisor(settings.run_dir, environment(settings), Path.cwd())
    process = starter.spawn(SUPERVISOR, "run", "desk")
    wait_running(settings, report, lambda: process.poll() is None)


def wait_running(settings: Settings, report: Report, lives: Callable[[], bool]) -> None:
    """`lives`: whether the supervisor does."""
    from ops.desk.opened import Opened  # with what it asks by, which `tape status` has no use for
    from ops.desk.plan import desk  # which reads the caps of a gateway: no matter of a status

    total, opened = len(desk(settings)), Opened()

    def all_run() -> bool:
        found = recorded(settings.run_dir)
        failed = [one for one in found if one.state in FAILED]
        if failed or not lives():
            raise ProcessFailed("; ".join(map(words_of, failed)) or supervisor_words(settings))
        running = sum(map(opened.has, found))
        report("start the desk", running, total)
        return running == total

    if not processes.wait_for(all_run, START_S):
        late = [one.name for one in recorded(settings.run_dir) if not opened.has(one)]
        raise ProcessFailed(f"{', '.join(late)} did not start within {START_S:.0f} s: tape status")


def stop(run_dir: Path) -> list[str]:
    """Ends the supervisor, which ends the rest, and whatever nobody looks after; their names."""
    ended = end_leftovers(run_dir)
    (run_dir / "desk.json").unlink(missing_ok=True)
    return ended


def kill(run_dir: Path) -> None:
    """The same as a crash would."""
    kill_leftovers(run_dir)
    (run_dir / "desk.json").unlink(missing_ok=True)


def status(run_dir: Path) -> DeskStatus:
    """What the supervisor says, checked against the processes there are."""
    found = [
        one._replace(pid=next(iter(processes.find(run_dir / FOLDER / one.name)), None))
        for one in recorded(run_dir)
    ]
    return DeskStatus(processes.find(own_folder(run_dir)), found)


def own_folder(run_dir: Path) -> Path:
    return run_dir / FOLDER / SUPERVISOR


def words_of(one: Standing) -> str:
    return last_words(one.name, one.code, Path(one.log))


def supervisor_words(settings: Settings) -> str:
    log = own_folder(settings.run_dir) / f"{SUPERVISOR}.log"
    return last_words("the supervisor", None, log)
