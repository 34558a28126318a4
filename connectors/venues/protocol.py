"""What a venue's `protocol.py` says: where to connect, what to ask, how the answers look.

Protocols are values and pure functions; the shell does all input and output. `read` sees every
frame, so it must be cheap: it looks at bytes first and decodes JSON only where a control message
is likely. What a frame means beyond that is the parser's business, in a pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from schemas.errors import TapeError


class BadSubscription(TapeError):
    """The symbols or channels asked for cannot be subscribed at this venue or address."""


def websocket(url: str) -> str:
    """The address without a slash at its end. Raises `BadSubscription`."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        valid = False
    if not valid:
        raise BadSubscription(f"{url!r} is not an address of the form ws://HOST:PORT")
    return url.rstrip("/")


class Limits(NamedTuple):
    """What the venue allows and what its silence means. Durations in seconds.

    `attempts` per `attempts_window_s` and `messages_per_s` count per address at most venues: two
    lines share them, so a protocol states half of what the venue documents. Of requests over REST
    it states a quarter, for orders count there as well.
    """

    attempts: int
    attempts_window_s: float
    messages_per_s: float
    streams_per_connection: int
    lifetime_s: float  # a new connection replaces this one after so long
    stale_s: float  # no heartbeat for so long: the connection is dead
    unread_s: float  # reading stopped for so long: leave before the venue throws us out
    snapshots_per_minute: int = 1
    ack_s: float = 10.0
    open_s: float = 10.0


class Request(NamedTuple):
    """One message to send; done when the venue has acknowledged every token."""

    text: str
    tokens: frozenset[str]


class Snapshot(NamedTuple):
    """A book that the venue gives over REST alone, to be written as a frame of `stream`."""

    url: str
    stream: str


class Subscription(NamedTuple):
    """One connection to open, and the snapshots its depth streams need."""

    url: str
    streams: tuple[str, ...]
    requests: tuple[Request, ...]
    snapshots: tuple[Snapshot, ...] = ()


class Kind(Enum):
    """What a frame is to the shell."""

    DATA = "data"
    ACK = "ack"
    REFUSED = "refused"
    HEARTBEAT = "heartbeat"
    LEAVING = "leaving"  # the venue announces that it will close this connection


class Control(NamedTuple):
    """A frame as the shell sees it. `alive`: counts as the venue's heartbeat. `number`: its place
    among everything the venue sent on this connection, where the venue counts.
    """

    kind: Kind
    alive: bool
    tokens: frozenset[str] = frozenset()
    detail: str = ""
    number: int | None = None


class VenueProtocol(Protocol):
    """See the module."""

    @property
    def limits(self) -> Limits: ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Those that are subscribed where nobody names others."""
        ...

    @property
    def ping_is_heartbeat(self) -> bool:
        """Whether a WebSocket ping from the venue shows that its feed lives."""
        ...

    def plan(
        self, symbols: Sequence[str], channels: Sequence[str] = (), url: str | None = None
    ) -> tuple[Subscription, ...]:
        """The connections one line needs for `symbols` (the venue's own, any case).

        `channels` are the venue's own names (default: trades, best bid and ask, depth); `url`
        replaces the venue's scheme, host and path prefix, and asks for no snapshots, since its REST
        interface is unknown (`tape feed` sends them as frames). Raises `BadSubscription`.
        """
        ...

    def read(self, payload: bytes) -> Control: ...
