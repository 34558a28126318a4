"""Whether what every process needs is there: the broker and the registry. A process that could not
run (exit code 2) while one of them was away is not to blame: it starts again when they are back.

They are asked whether they listen, no more: what a process thinks of them it says itself.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from ops.settings import Settings
from schemas.registry import address_parts

Address = tuple[str, int]
LOOK_EVERY_S: Final = 0.5
LISTENS_S: Final = 0.2


class Outage:
    """`needed`: groups of addresses; one of a group is enough. None: nothing is needed."""

    def __init__(
        self,
        needed: Sequence[Sequence[Address]] = (),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._needed, self._monotonic_s = needed, monotonic_s
        self._looked_s = self._away_s = float("-inf")

    def look(self) -> bool:
        """Whether all are there, as of half a second ago at most."""
        if self._monotonic_s() >= self._looked_s + LOOK_EVERY_S:
            self._look()
        return self._away_s < self._looked_s

    def since(self, started_s: float) -> bool:
        """Whether any is away now, or was seen away since then."""
        self._look()
        return self._away_s >= started_s

    def _look(self) -> None:
        self._looked_s = self._monotonic_s()
        if not all(any(map(listens, group)) for group in self._needed):
            self._away_s = self._looked_s


def listens(address: Address) -> bool:
    """Whether anybody does; nobody where the name is not known, or can be none."""
    try:
        socket.create_connection(address, LISTENS_S).close()
    except (OSError, UnicodeError):
        return False
    return True


def needed(settings: Settings) -> list[list[Address]]:
    """The brokers, of which one is enough, and the registry. Raises `TapeError`."""
    servers = [urlsplit(f"//{one.strip()}") for one in settings.bootstrap_servers().split(",")]
    registry = address_parts(settings.registry_url())
    port = registry.port or (443 if registry.scheme == "https" else 80)
    brokers = [(one.hostname or "", one.port or 9092) for one in servers]
    return [brokers, [(registry.hostname or "", port)]]
