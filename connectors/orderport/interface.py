"""What a venue's adapter must do. Pure: it builds requests and reads answers; sockets, clocks and
keys are the gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from pipelines.gateway.reports import Reader, Stamp
from schemas.errors import NotExact
from schemas.events import AccountTrade, Balance, OpenOrder, OrderApproved

Parameters = tuple[tuple[str, str], ...]
UNREADABLE: Final = (ValueError, KeyError, TypeError, NotExact, RecursionError)
"""What a port raises for an answer that it cannot read."""


class Request(NamedTuple):
    """A request before it is signed. `cl_ord_id`: the order it is about, if it is about one."""

    method: str
    path: str
    parameters: Parameters
    cl_ord_id: str | None = None
    private: bool = True


class Signed(NamedTuple):
    """A request ready to send. `parameters` is what was signed and holds no secret; `target` and
    `headers` do, so neither is ever shown.
    """

    method: str
    path: str
    parameters: str
    target: bytes
    headers: Mapping[str, str]
    recv_window_ms: int

    def __repr__(self) -> str:
        return f"Signed({self.method} {self.path}?{self.parameters})"


class Credentials(Protocol):
    """A key that signs and shows nothing."""

    @property
    def api_key(self) -> str: ...
    def sign(self, payload: bytes) -> str:
        """The signature in the venue's notation: hexadecimal (HMAC) or base64 (Ed25519)."""
        ...


class Permissions(NamedTuple):
    """What a key may do. `reads_only`: the venue says of everything else that it may not."""

    trade: bool
    withdraw: bool
    reads_only: bool


class Trades(NamedTuple):
    """Trades in the venue's order. `complete`: there are no later ones."""

    rows: tuple[AccountTrade, ...]
    complete: bool


class Metered(NamedTuple):
    """What the venue's headers say of its limits."""

    used_weight: int | None = None
    retry_after_s: int | None = None


class OrderPort(Reader, Protocol):
    """One venue. Instruments are ours (`BTCUSDT.BINANCE`), times milliseconds by its clock."""

    venue: str
    order_path: str  # of the endpoint that takes orders
    weight_per_minute: int  # what all requests of an address may cost

    def submit(self, order: OrderApproved) -> Request: ...
    def cancel(self, order: OrderApproved) -> Request: ...
    def cancel_all(self, instrument: str) -> Request:
        """Every open order of the account in an instrument, whoever sent it."""
        ...

    def countdown(self, instrument: str, countdown_ms: int) -> Request:
        """The venue's dead-man's switch: it cancels all orders in an instrument when nobody says
        so again in time; 0 ends it. A venue without one answers 404.
        """
        ...

    def open_orders(self, instrument: str | None, cl_ord_id: str | None = None) -> Request: ...
    def closed_orders(
        self,
        instrument: str,
        since_ms: int,
        cl_ord_id: str | None = None,
        from_id: str | None = None,
    ) -> Request:
        """Orders of every state, oldest first, since a time, or from the one of that id on."""
        ...

    def trades(
        self,
        instrument: str,
        order_id: str | None,
        since_ms: int,
        cl_ord_id: str | None = None,
        from_id: str | None = None,
    ) -> Request:
        """Trades of an order where its id is known, else of the instrument since a time, oldest
        first; from the one of `from_id` on, that one included, where it is named.
        """
        ...

    def account(self) -> Request: ...
    def read_balances(self, body: bytes) -> tuple[Balance, ...]:
        """By asset, sorted; an asset that is left out is zero. Raises what `read_open_orders`
        raises.
        """
        ...

    def read_open_orders(self, body: bytes) -> tuple[OpenOrder, ...]:
        """By instrument and id, sorted. Raises one of `UNREADABLE`, also for what is no list."""
        ...

    def read_trades(self, body: bytes) -> Trades:
        """Of `trades`. Raises what `read_open_orders` raises."""
        ...

    def weight(self, request: Request) -> int:
        """What a request costs of `weight_per_minute`."""
        ...

    def venue_time(self) -> Request: ...
    def read_venue_time(self, body: bytes) -> int:
        """Milliseconds. Raises one of `UNREADABLE`."""
        ...

    def quote(self, instrument: str) -> Request: ...
    def read_quote(self, body: bytes) -> tuple[Decimal, Decimal]:
        """Best bid and ask. Raises one of `UNREADABLE`."""
        ...

    def permissions(self) -> Request: ...
    def read_permissions(self, body: bytes) -> Permissions:
        """Raises one of `UNREADABLE`."""
        ...

    def sign(self, request: Request, credentials: Credentials, stamp: Stamp) -> Signed: ...
    def subscribe(self, credentials: Credentials, stamp: Stamp) -> str:
        """The message that opens the private stream; never recorded."""
        ...

    def subscribed(self, payload: bytes) -> bool | None:
        """Whether a frame accepts or refuses the subscription; None where it is something else."""
        ...

    def metered(self, headers: Mapping[str, str]) -> Metered: ...
