"""The broker and the registry, killed (SIGKILL) and started again as `tape up` would, one at a
time. The supervisor looks after processes; these two are the stack's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ops import stack as local_stack

KILLS: Final[dict[str, Callable[[Path], None]]] = {
    "kafka": local_stack.kill_broker,
    "registry": local_stack.kill_registry,
}


class Outages:
    """Of the stack in `run_dir`; `names`: what of it may be killed."""

    def __init__(self, run_dir: Path, names: Sequence[str]) -> None:
        self._names = list(names)
        self._run_dir, self._pool = run_dir, ThreadPoolExecutor(1, "outage")
        self._under_way: Future[object] | None = None

    def names(self) -> list[str]:
        """What may be killed now: nothing while something is away."""
        busy = self._under_way is not None and not self._under_way.done()
        return [] if busy else self._names

    def kill(self, name: str, away_s: float) -> None:
        """Ends it now; starts it again after so long."""
        self.over()
        KILLS[name](self._run_dir)
        self._under_way = self._pool.submit(self._back, away_s)

    def _back(self, away_s: float) -> object:
        time.sleep(away_s)
        return local_stack.restart_broker(self._run_dir)

    def over(self) -> None:
        """Once both are there again. Raises `StackError`."""
        if self._under_way is not None:
            self._under_way.result()
