"""Where chance and time come in: everything below takes them from here, tests pass their own."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from schemas.events import ConnectionClosed, ConnectionOpened, FrameReceived

FETCH_S = 10.0


async def fetch(url: str) -> bytes:
    """The body of a GET. Raises `OSError` for whatever went wrong."""
    from connectors.http_client import httpx

    try:
        async with httpx.AsyncClient(timeout=FETCH_S) as client:
            response = await client.get(url)
            response.raise_for_status()
            return response.content
    except httpx.HTTPError as error:
        raise OSError(f"GET {url}: {error or type(error).__name__}") from None


class Edges(NamedTuple):
    """`monotonic_s` for durations, `now_ns` for events, `fraction` uniform in [0, 1)."""

    now_ns: Callable[[], int] = time.time_ns
    monotonic_s: Callable[[], float] = time.monotonic
    fraction: Callable[[], float] = random.random
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    fetch: Callable[[str], Awaitable[bytes]] = fetch


class Sink(Protocol):
    """Where frames go. `full` asks the reader to stop; what is given is taken even then."""

    full: bool

    def frame(self, event: FrameReceived) -> None: ...
    def event(self, event: ConnectionOpened | ConnectionClosed) -> None: ...

    async def room(self) -> None:
        """Returns when the log has taken enough of what was given."""
        ...
