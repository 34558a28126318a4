"""Ends what a supervisor that was killed left running, found by the folders they work in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ops.stack import processes

FOLDER = "processes"
GRACE_S = 15.0
SUPERVISOR_S = 3 * GRACE_S  # strategy, gateway, what that needs: one after the other
SUPERVISOR = "desk"


def folders(run_dir: Path) -> list[Path]:
    """One for each process that was ever started in this run folder."""
    parent = run_dir.absolute() / FOLDER
    return sorted(path for path in parent.iterdir()) if parent.is_dir() else []


def end_leftovers(run_dir: Path, but: str = "") -> list[str]:
    """The names of those that ran, ended: by SIGTERM, late ones by SIGKILL. A supervisor first, or
    it would start them again; `but`: one that is left alone.
    """
    found = [path for path in folders(run_dir) if path.name != but]
    first = [path for path in found if path.name == SUPERVISOR]
    rest = [path for path in found if path.name != SUPERVISOR]
    ended = [path.name for path in first if processes.end(path, SUPERVISOR_S)]
    with ThreadPoolExecutor(max(1, len(rest))) as pool:
        was_there = pool.map(partial(processes.end, grace_s=GRACE_S), rest)
        return ended + [path.name for path, ran in zip(rest, was_there, strict=True) if ran]


def kill_leftovers(run_dir: Path) -> None:
    """The same at once, as a crash would: what they did is not to be kept."""
    for path in sorted(folders(run_dir), key=lambda path: path.name != SUPERVISOR):
        processes.kill(path)
