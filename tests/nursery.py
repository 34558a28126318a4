"""Processes that begin with everything imported: forked from a server that never talked to a
broker. A start by the interpreter loads for a second what a fork has; a test run starts hundreds.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded"])
PRINTED = ("out", "err")


class Command:
    """`tape ARGUMENTS` as a process of its own, or `main` of another module, with the interface of
    `subprocess.Popen` as far as tests use it. What it prints goes to files of `folder`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        folder: Path,
        module: str = "ops.cli",
    ) -> None:
        self._printed = Path(tempfile.mkdtemp(dir=folder))
        orders = (module, tuple(arguments), dict(environment), str(cwd), str(self._printed))
        self._process: BaseProcess = CONTEXT.Process(target=_run, args=orders)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code, negative after a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Everything that it printed, once it has ended: standard output and standard error."""
        self.wait(timeout)
        out, err = (path.read_text() if path.exists() else "" for path in self._paths())
        return out, err

    def printed(self) -> str:
        """What it has printed to standard output so far."""
        out = self._paths()[0]
        return out.read_text() if out.exists() else ""

    def _paths(self) -> list[Path]:
        return [self._printed / name for name in PRINTED]


Running = subprocess.Popen[str] | Command


def _run(
    module: str, arguments: tuple[str, ...], environment: dict[str, str], cwd: str, printed: str
) -> None:
    """In the child: as the interpreter would begin, and end."""
    for number, name in enumerate(PRINTED, 1):
        os.dup2(os.open(Path(printed) / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv, sys.path[0] = ["tape", *arguments], cwd
    try:
        import_module(module).main()
    finally:
        sys.stdout.flush()
        atexit._run_exitfuncs()
