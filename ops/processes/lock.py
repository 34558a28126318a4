"""One process per shard and machine: a lock file that lives as long as the process. Fencing
protects across machines.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from schemas.errors import TapeError


class ShardBusy(TapeError):
    """A process of this run folder already runs the shard."""


def hold(run_dir: Path, name: str) -> IO[str]:
    """Takes the lock; the file returned must stay open. Raises `ShardBusy`, naming the process
    that has it.
    """
    folder = run_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    handle = (folder / f"{name}.lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise ShardBusy(
            f"{name} is already run by process {owner(run_dir, name)}: stop it first, "
            "or take over with --takeover"
        ) from None
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def owner(run_dir: Path, name: str) -> int | None:
    """The process that holds a lock; None if none does."""
    path = run_dir / "locks" / f"{name}.lock"
    try:
        with path.open() as handle:
            text = handle.read()
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except OSError:
        return int(text) if text.isdigit() else None
    return None
