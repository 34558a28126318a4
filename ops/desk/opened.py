"""Whether a process that runs has opened what it works on: one that finds a log of another version
there, or a key that is wrong, ends with that after seconds of loading.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

from connectors.metrics.server import STARTING
from ops.supervisor.model import Standing

ANSWER_S = 1.0
SILENT_S = 20.0  # then it has no address to show itself at, and is taken as it is


class Opened:
    """Asks each process until it has; to be called again and again."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._asked_s: dict[int | None, float] = {}  # by process id: when first
        self._opened: set[int | None] = set()

    def has(self, one: Standing) -> bool:
        """False where it does not run."""
        if one.state == "RUNNING" and one.pid not in self._opened and self._look(one):
            self._opened.add(one.pid)
        return one.state == "RUNNING" and one.pid in self._opened

    def _look(self, one: Standing) -> bool:
        first_s = self._asked_s.setdefault(one.pid, self._monotonic_s())
        said = _said(one.metrics)
        return self._monotonic_s() - first_s > SILENT_S if said is None else said != STARTING


def _said(address: str) -> str | None:
    """What it says of being ready; None where nobody answers."""
    connection = http.client.HTTPConnection(address, timeout=ANSWER_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().read().decode().strip()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
