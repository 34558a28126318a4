"""Starts processes in their order, looks after them, stops them in the opposite one.

Nothing happens by itself: whoever has a supervisor calls `step` often. Each process works in a
folder of its own, `<run folder>/processes/<name>`, where its log lies and by which it is found
again after a crash of the supervisor.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Self

from ops.settings import ROOT
from ops.stack import processes
from ops.stack.ports import HOST, reserve
from ops.supervisor.leftovers import FOLDER, GRACE_S
from ops.supervisor.model import BACKOFF, FAILED, Process, Standing, State, after_end
from ops.supervisor.outage import Address, Outage, listens
from schemas.errors import TapeError

log = logging.getLogger("tape.supervisor")
METRICS_PORT = "TAPE_METRICS__PORT"
LINE_MAX, TAIL_BYTES = 300, 65_536
UNHURT = (0, -signal.SIGTERM)  # the second: it had only begun to load, there was nothing to finish


class ProcessFailed(TapeError):
    """A process ended and is not started again, or did not end as it should."""


@dataclass
class _Entry:
    process: Process
    state: State = "WAITING"
    running: Popen[bytes] | None = None
    code: int | None = None
    restarts: int = 0
    failures: int = 0
    started_s: float = 0.0
    due_s: float = 0.0
    held: socket.socket | None = None  # its port for metrics

    @property
    def metrics(self) -> str:
        return f"{HOST}:{self.held.getsockname()[1]}" if self.held is not None else ""

    def release(self) -> None:
        if self.held is not None:
            self.held.close()
            self.held = None


class Supervisor:
    """Leaving the `with` block kills what still runs; `stop` is the polite way.

    `environment`: what every process sees, and nothing else. `cwd`: where relative paths of the
    settings begin; default: each process's own folder. `metrics`: each is given a port to show
    itself at. `needed`: what must be there for any of them to run (`ops.supervisor.outage`).
    """

    def __init__(
        self,
        run_dir: Path,
        environment: Mapping[str, str],
        cwd: Path | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
        metrics: bool = True,
        needed: Sequence[Sequence[Address]] = (),
    ) -> None:
        self.folder, self._cwd = run_dir.absolute() / FOLDER, cwd
        self._environment = {**environment, "PYTHONPATH": str(ROOT)}
        self._monotonic_s, self._metrics = monotonic_s, metrics
        self._outage = Outage(needed, monotonic_s)
        self._entries: dict[str, _Entry] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name, entry in self._entries.items():
            processes.kill(self.folder / name)  # also one whose start was interrupted
            entry.release()

    @property
    def restarts(self) -> int:
        """How often any process was started again."""
        return sum(entry.restarts for entry in self._entries.values())

    def standings(self) -> list[Standing]:
        return [
            Standing(
                name,
                one.state,
                one.restarts,
                one.code,
                one.running.pid if one.running is not None else None,
                str(self.log_of(name)),
                one.metrics,
            )
            for name, one in self._entries.items()
        ]

    def log_of(self, name: str) -> Path:
        return self.folder / name / f"{name}.log"

    def add(self, *wanted: Process) -> None:
        """To be started, by this call or a later `step`."""
        for process in wanted:
            if process.name in self._entries:
                self._entries[process.name].release()
            self._entries[process.name] = _Entry(process, held=reserve() if self._metrics else None)
        self.step()

    def step(self) -> None:
        """Notes what ended and starts what is due."""
        for entry in self._entries.values():
            if entry.running is not None and (code := entry.running.poll()) is not None:
                self._note_end(entry, code)
        if not self._outage.look():
            return
        for entry in self._entries.values():
            waits = entry.state in ("WAITING", "BACKING_OFF")
            if waits and self._monotonic_s() >= entry.due_s and self._may_start(entry.process):
                self._start(entry)

    def check(self) -> None:
        """`step`, for whoever needs them all. Raises `ProcessFailed` where one ended for good."""
        self.step()
        for entry in self._entries.values():
            if entry.state in (*FAILED, "STOPPED"):
                raise ProcessFailed(self._ended(entry))

    def stop(self, *names: str) -> None:
        """SIGTERM to these, else to all: first to those that come after others. Raises
        `ProcessFailed` where one does not end with 0; the others are stopped nevertheless.
        """
        left = {name: self._entries.pop(name) for name in names or tuple(self._entries)}
        failures: list[str] = []
        while left:
            needed = {name for entry in left.values() for name in entry.process.after}
            wave = [left.pop(name) for name in list(left) if name not in needed]
            assert wave, "processes that wait for each other"
            failures += self._end(wave)
            for entry in wave:
                entry.release()
        if failures:
            raise ProcessFailed("; ".join(failures))

    def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """One command to its end: exit code and what it printed."""
        code = self.spawn(name, *arguments).wait()
        return code, self.log_of(name).read_text()

    def _may_start(self, process: Process) -> bool:
        before = [self._entries[name] for name in process.after if name in self._entries]
        return all(one.state == "RUNNING" and _listens(one.process) for one in before)

    def _start(self, entry: _Entry) -> None:
        own = {METRICS_PORT: entry.metrics.rpartition(":")[2]} if entry.held is not None else {}
        again, entry.started_s = entry.state == "BACKING_OFF", self._monotonic_s()
        try:
            entry.running = self.spawn(entry.process.name, *entry.process.arguments, **own)
        except OSError as error:  # too many processes or files, a full disk: the others go on
            log.warning("%s cannot be started: %s", entry.process.name, error.strerror)
            self._back_off(entry)
        else:
            entry.restarts += again
            entry.state = "RUNNING"

    def spawn(self, name: str, *arguments: str, **own: str) -> Popen[bytes]:
        """One command, which nobody looks after; `own`: variables for it alone."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        # CPython keeps what follows -X for whoever looks at the command line: here, to find it
        # again.
        command = [sys.executable, "-P", "-X", processes.marker(folder), *self._program(arguments)]
        log_file = self.log_of(name)
        environment = {**self._environment, **own}
        return processes.spawn(command, folder, log_file, environment, self._cwd)

    def _program(self, arguments: Sequence[str]) -> tuple[str, ...]:
        return ("-m", "ops", *arguments)

    def _note_end(self, entry: _Entry, code: int) -> None:
        entry.running, entry.code, entry.state = None, code, after_end(code)
        if entry.state == "REFUSED" and self._outage.since(entry.started_s):
            entry.state = "BACKING_OFF"
        if entry.state in FAILED:
            log.critical("%s is not started again: %s", entry.process.name, self._ended(entry))
        elif entry.state == "BACKING_OFF":
            self._back_off(entry)
            log.warning("%s", self._ended(entry))

    def _back_off(self, entry: _Entry) -> None:
        now_s, entry.state = self._monotonic_s(), "BACKING_OFF"
        entry.failures = BACKOFF.failures(entry.failures, now_s - entry.started_s)
        entry.due_s = now_s + BACKOFF.ceiling_s(entry.failures)

    def _end(self, wave: list[_Entry]) -> list[str]:
        """What went wrong, one line each."""
        running = [entry for entry in wave if entry.running is not None]
        for entry in running:
            assert entry.running is not None
            entry.running.send_signal(signal.SIGTERM)
        return [line for entry in running if (line := self._await_end(entry))]

    def _await_end(self, entry: _Entry) -> str | None:
        process, name = entry.running, entry.process.name
        assert process is not None
        if not processes.wait_for(partial(_has_ended, process), GRACE_S):
            processes.kill(self.folder / name)
            return f"{name} did not stop within {GRACE_S:.0f} s of SIGTERM"
        entry.running, entry.code = None, process.returncode
        return None if entry.code in UNHURT else self._ended(entry)

    def _ended(self, entry: _Entry) -> str:
        path = self.log_of(entry.process.name)
        return last_words(entry.process.name, entry.code, path)


def last_words(name: str, code: int | None, path: Path) -> str:
    """What a process ended with, by the last line of its log."""
    ended = "ended" if code is None else f"ended with exit code {code}"
    said = _tail(path).strip().splitlines()
    return f"{name} {ended}: {said[-1][:LINE_MAX] if said else 'nothing'} (see {path})"


def _tail(path: Path) -> str:
    """The end of a log, which may be longer than there is memory; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def environment_of(**own: str) -> dict[str, str]:
    """This process's environment with none of Tape's variables but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPE_")}
    return {**kept, **own}


def _listens(process: Process) -> bool:
    return process.port is None or listens((HOST, process.port))


def _has_ended(process: Popen[bytes]) -> bool:
    return process.poll() is not None
