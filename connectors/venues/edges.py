"""Where chance and time come in: everything below takes them from here, tests pass their own."""

from __future__ import annotations

import random
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from schemas.events import ConnectionClosed, ConnectionOpened, FrameReceived

FETCH_S = 10.0
PAUSE_S = 120.0  # the shortest ban of Binance's
_THROTTLED = (418, 429)
_SECONDS = re.compile(r"[0-9]{1,6}").fullmatch


class Throttled(OSError):
    """The venue wants no requests for `pause_s`: the next may get the address banned."""

    def __init__(self, text: str, pause_s: float) -> None:
        super().__init__(f"{text}, no snapshots for {pause_s:g} s")
        self.pause_s = pause_s


async def fetch(url: str) -> bytes:
    """The body of a GET. Raises `Throttled`, and `OSError` for whatever else went wrong."""
    from connectors.http_client import httpx

    try:
        async with httpx.AsyncClient(timeout=FETCH_S) as client:
            response = await client.get(url)
            if response.status_code in _THROTTLED:
                said = response.headers.get("Retry-After", "")
                pause_s = float(said) if _SECONDS(said) else PAUSE_S
                raise Throttled(f"GET {url}: {response.status_code}", pause_s)
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
