"""A process of our own beside this one, with a socket pair between them.

It ends with the socket: whatever ends its parent, `kill -9` too, ends it. Nothing secret is on its
command line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from connectors import log_lines

ROOT = Path(__file__).parents[1]
END_S = 5.0


def start(module: str) -> tuple[subprocess.Popen[bytes], Connection]:
    """Runs `python -m MODULE SOCKET`; gives it, and this end of the pair."""
    ours, theirs = Pipe()
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
        )
    return process, ours


def begin() -> None:
    """What the process itself does first. Signals that are for its parent do not end it: its
    socket's end does.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    log_lines.to_stderr(form=os.environ.get("TAPE_LOG_FORMAT", "text"))


def stop(process: subprocess.Popen[bytes], pipe: Connection) -> None:
    """Closes the socket and waits for the process, which a while later is killed."""
    pipe.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
