"""Victims: processes to be harmed, forked with everything imported."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.faults import victim
from tests.faults.victim import Orders
from tests.nursery import CONTEXT

PATIENCE_S = 60.0


class Victim:
    """One process. `exit_code` is negative after a signal."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.process: BaseProcess = CONTEXT.Process(target=victim.main, args=(orders,), daemon=True)
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        if self.process.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.process.join(PATIENCE_S)

    def lives(self) -> bool:
        return self.process.is_alive()

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """The exit code. Raises `TimeoutError`."""
        self.process.join(patience_s)
        if self.process.exitcode is None:
            raise TimeoutError(f"victim {self.pid} lives after {patience_s} s: {self.said()}")
        return self.process.exitcode

    def stopped(self) -> bool:
        """Whether it was halted by SIGSTOP."""
        try:
            status = Path(f"/proc/{self.pid}/stat").read_text()
        except FileNotFoundError:
            return False
        return status.rpartition(")")[2].split()[0] == "T"

    def said(self) -> str:
        path = Path(self.orders.said)
        return path.read_text()[-2000:] if self.orders.said and path.exists() else ""


def wait_for(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Raises `TimeoutError` with words."""
    limit = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"{what}: not within {patience_s} s")
        time.sleep(0.01)
