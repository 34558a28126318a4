"""The demo's processes: each started like `tape run`, in a folder of its own, found again after
a crash by that folder.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Self

from connectors.log.errors import Aborted, OutcomeUnknown
from ops.settings import ROOT
from ops.stack import processes
from schemas.errors import TapeError

GRACE_S = 20.0
RESTARTED = frozenset({Aborted.exit_code, OutcomeUnknown.exit_code})


class ProcessFailed(TapeError):
    """One of the demo's processes ended, or did not end as it should."""


class Stage:
    """Processes by name. Leaving the `with` block ends what still runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Popen[bytes]] = {}
        self._arguments: dict[str, tuple[str, ...]] = {}
        self.restarts = 0
        (folder / "processes").mkdir(parents=True, exist_ok=True)
        (folder / "tape.toml").touch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._running:
            processes.end(self._of(name), GRACE_S)

    def _of(self, name: str) -> Path:
        return self._folder / "processes" / name

    def start(self, name: str, *arguments: str) -> None:
        """`tape ARGUMENTS` as a process of its own, with the demo's settings and nobody else's."""
        folder = self._of(name)
        folder.mkdir(exist_ok=True)
        # CPython keeps what follows -X for whoever looks at the command line: here, to find it
        # again.
        command = [sys.executable, "-X", processes.marker(folder), "-m", "ops.cli", *arguments]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TAPE_")}
        own = {
            "PYTHONPATH": str(ROOT),
            "TAPE_CONFIG": str(self._folder / "tape.toml"),
            "TAPE_RUN_DIR": str(self._folder),
        }
        log = folder / f"{name}.log"
        self._arguments[name] = arguments
        self._running[name] = processes.spawn(command, folder, log, {**kept, **own})

    def check(self) -> None:
        """Restarts what asks for it, as a supervisor does; anything else that ended by itself
        raises `ProcessFailed`, with the last line it said.
        """
        for name, process in self._running.items():
            code = process.poll()
            if code is not None and code not in RESTARTED:
                raise ProcessFailed(self._ended(name, process))
        for name in [n for n, p in self._running.items() if p.poll() is not None]:
            self.restarts += 1
            self.start(name, *self._arguments[name])

    def stop(self, *names: str) -> None:
        """SIGTERM and exit code 0 from each. Raises `ProcessFailed`."""
        for name in names:
            self._running[name].send_signal(signal.SIGTERM)
        for name in names:
            process = self._running.pop(name)
            if not processes.wait_for(partial(_has_ended, process), GRACE_S):
                process.kill()
                raise ProcessFailed(f"{name} did not stop within {GRACE_S:.0f} s of SIGTERM")
            if process.returncode != 0:
                raise ProcessFailed(self._ended(name, process))

    def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """One command to its end: exit code and what it printed."""
        self.start(name, *arguments)
        code = self._running.pop(name).wait()
        return code, (self._of(name) / f"{name}.log").read_text()

    def _ended(self, name: str, process: Popen[bytes]) -> str:
        log = self._of(name) / f"{name}.log"
        last = next(reversed(log.read_text().strip().splitlines()), "nothing")
        return f"{name} ended with exit code {process.returncode}: {last} (see {log})"


def _has_ended(process: Popen[bytes]) -> bool:
    return process.poll() is not None


def clear(folder: Path, names: Sequence[str]) -> None:
    """Ends what an interrupted demo left running."""
    for name in names:
        processes.kill(folder / "processes" / name)
