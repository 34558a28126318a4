"""Starts, finds and ends the stack's own processes.

Every process carries the folder it works for as an argument of its own (`-Dtape.part=…`). Looking
for that argument among this user's processes finds exactly them: after a crash, a deleted pid file
or a reboot, and never a stranger who was given the same pid. No record can be stale.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ops.stack.errors import StackError


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    command: Sequence[str]


# Kept to be reaped here, and because a forgotten `Popen` of a living process warns.
_CHILDREN: dict[int, _Child] = {}


def marker(folder: Path) -> str:
    """The argument by which the process that works in `folder` is known."""
    return f"-Dtape.part={folder.resolve()}"


def spawn(
    command: Sequence[str],
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    executable: str | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `command` in `folder` (or `cwd`) in a session of its own: it outlives the caller.
    `executable`: the program, where the command's first word is the name it goes by.
    """
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            executable=executable,
            cwd=cwd or folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN[process.pid] = _Child(process, command)
    return process


def find(folder: Path) -> list[int]:
    """The ids of the living processes that work in `folder`."""
    wanted = marker(folder)
    found = {pid for pid, arguments in _own_processes() if wanted in arguments}
    # For a moment after its start the system does not know a process's arguments yet.
    begun = {pid for pid, child in _CHILDREN.items() if wanted in child.command}
    return sorted(found | {pid for pid in begun if not _is_gone(pid)})


def end(folder: Path, grace_s: float) -> bool:
    """Ends what works in `folder`: politely, then not. False if nothing was there."""
    pids = find(folder)
    _send(pids, signal.SIGTERM)
    if not wait_for(lambda: all(map(_is_gone, pids)), grace_s):
        kill(folder)
    return bool(pids)


def kill(folder: Path) -> bool:
    """Ends what works in `folder` at once, as a crash would. False if nothing was there."""
    pids = find(folder)
    _send(pids, signal.SIGKILL)
    if not wait_for(lambda: all(map(_is_gone, pids)), 20):
        raise StackError(f"processes {pids} of {folder} do not end")
    return bool(pids)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Polls `condition` until it holds; False when it never did within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _is_gone(pid: int) -> bool:
    """Whether the process holds nothing any more, its ports above all.

    A dying process loses its arguments before its sockets, hence this look at its threads. Where
    nobody reaps orphans (a container without an init) a zombie without threads is what remains.
    """
    child = _CHILDREN.get(pid)
    if child is not None and child.process.poll() is not None:
        return True
    if sys.platform == "linux":
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) == 1
        except OSError:
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _own_processes() -> Iterator[tuple[int, list[str]]]:
    """Every process of this user with its arguments; a dead one has none."""
    return _from_proc() if sys.platform == "linux" else _from_ps()


def _from_proc() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if folder.stat().st_uid == os.getuid():
                line = (folder / "cmdline").read_bytes()
                yield int(folder.name), os.fsdecode(line).split("\0")
        except OSError:
            continue


def _from_ps() -> Iterator[tuple[int, list[str]]]:
    listing = subprocess.run(
        ["ps", "-axww", "-o", "pid=,command=", "-U", str(os.getuid())],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.split(" ")
