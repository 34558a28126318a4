"""One process per shard and machine: a lock file that lives as long as the process, and says which
one it is. Fencing protects across machines.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, Final, NamedTuple

from schemas.errors import TapeError

LOOK_S: Final = 0.02
_BRIEF: Final = "brief"


class ShardBusy(TapeError):
    """A process of this run folder already runs the shard."""


class Owner(NamedTuple):
    """The process that holds a lock; `brief`: it ends by itself before long."""

    pid: int
    brief: bool


def hold(run_dir: Path, name: str, *, brief: bool = False) -> IO[str]:
    """Takes the lock, after a brief owner; the file returned must stay open. Raises `ShardBusy`,
    naming the process that has it.
    """
    handle = _opened(run_dir, name)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = owner(run_dir, name)
            if found is not None and not found.brief:
                handle.close()
                raise ShardBusy(
                    f"{name} is already run by process {found.pid}: stop it first, "
                    "or take over with --takeover"
                ) from None
            time.sleep(LOOK_S)  # it was let go just now, or somebody only looked
        else:
            return _signed(handle, brief)


def hold_later(run_dir: Path, name: str) -> IO[str]:
    """For a takeover: the lock once the process ends that has it. Without it the shard would look
    like one that nobody runs.
    """
    handle = _opened(run_dir, name)

    def wait() -> None:
        with suppress(ValueError):  # closed meanwhile: this process ends
            fcntl.flock(handle, fcntl.LOCK_EX)
            _signed(handle, brief=False)

    Thread(target=wait, name=f"lock-{name}", daemon=True).start()
    return handle


def _opened(run_dir: Path, name: str) -> IO[str]:
    folder = run_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{name}.lock").open("a+")


def _signed(handle: IO[str], brief: bool) -> IO[str]:
    handle.seek(0)
    handle.truncate()
    handle.write(f"{os.getpid()} {_BRIEF if brief else ''}")
    handle.flush()
    return handle


def owner(run_dir: Path, name: str) -> Owner | None:
    """None where no process holds the lock, or it has not yet said who it is."""
    path = run_dir / "locks" / f"{name}.lock"
    try:
        with path.open() as handle:
            text = handle.read()
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        pid, _, said = text.partition(" ")
        return Owner(int(pid), said == _BRIEF) if pid.isdigit() else None
    return None
