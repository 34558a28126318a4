"""The faults of a demo: armed at the simulated venue by its operator's address, each at its share
of the slice, each for the next order it fits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from connectors.gateway.keys import parse_key
from connectors.http_client import httpx
from connectors.orderport import order_port
from connectors.orderport.interface import Request
from ops.desk.plan import account_of
from ops.settings import Settings
from pipelines.exact import EXACTLY, ZERO, plain
from pipelines.gateway.reports import Stamp
from schemas.errors import TapeError

ANSWER_S: Final = 15.0
SYMBOL: Final = "ETHUSDT"
FOREIGN: Final = "foreign_order"
LEAVES: Final = "the stranger cancels"
FAR_PX: Final = Decimal(100)  # below the market: a stranger's order that rests and does not fill
RECV_WINDOW_MS: Final = 5_000


class FaultsUnreachable(TapeError):
    """The simulated venue's operator address does not answer as it should."""


class Planned(NamedTuple):
    """A fault at a `share` of the slice, from 0 to 1."""

    share: float
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])


PLAN: Final = (
    Planned(0.20, {"kind": "lost_response", "count": 1, "verb": "POST", "path": "/api/v3/order"}),
    Planned(0.27, {"kind": "report_duplicated", "count": 1}),
    Planned(0.34, {"kind": "fill_before_ack", "count": 1}),
    Planned(0.41, {"kind": "fill_missing", "count": 1}),
    Planned(0.48, {"kind": "server_error", "count": 1, "verb": "POST", "path": "/api/v3/order"}),
    Planned(0.55, {"kind": FOREIGN}),
    Planned(0.80, {"kind": LEAVES}),
)


class Operator:
    """Speaks to the operator's address of one venue."""

    def __init__(self, admin_url: str) -> None:
        self._client = httpx.Client(base_url=admin_url, timeout=ANSWER_S, trust_env=False)

    def __enter__(self) -> Operator:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def arm(self, body: dict[str, Any]) -> None:
        """One fault. Raises `FaultsUnreachable`."""
        self._said("POST", "/faults", body)

    def disarm(self) -> None:
        """All of them."""
        self._said("DELETE", "/faults")

    def struck(self) -> dict[str, int]:
        """How often each kind struck."""
        counts: dict[str, int] = self._said("GET", "/faults")["counts"]
        return counts

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._said("POST", path, body)

    def _said(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise FaultsUnreachable(f"the venue's operator address: {error}") from None
        if answer.status_code != httpx.codes.OK:
            raise FaultsUnreachable(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


class Stranger:
    """Somebody who trades on the desk's account by hand: an order that rests, then its cancel."""

    def __init__(self, operator: Operator, settings: Settings) -> None:
        self._operator, self._settings = operator, settings
        self._orders: list[int] = []
        self._port = order_port(settings.gateway.venue)
        self._instrument = f"{SYMBOL}.{settings.gateway.venue}"

    def place(self) -> bool:
        """False where the venue has no market yet, or one too low to stay below. Raises
        `FaultsUnreachable`.
        """
        price = EXACTLY.subtract(self._bid(), FAR_PX)
        if price <= ZERO:
            return False
        body = {
            "account": account_of(self._settings),
            "symbol": SYMBOL,
            "side": "BUY",
            "quantity": "0.01",
            "type": "LIMIT",
            "price": plain(price),
        }
        self._orders.append(self._operator.post("/foreign-order", body)["orderId"])
        return True

    def cancel(self) -> None:
        """All that were placed and are open: the venue's dead-man's switch ends a stranger's orders
        too. Raises `FaultsUnreachable`.
        """
        listed = self._port.read_open_orders(self._ask(self._port.open_orders(self._instrument)))
        for number in {int(one.order_id) for one in listed} & {*self._orders}:
            query = (("symbol", SYMBOL), ("orderId", str(number)))
            self._ask(Request("DELETE", "/api/v3/order", query))
        self._orders.clear()

    def _bid(self) -> Decimal:
        return self._port.read_quote(self._ask(self._port.quote(self._instrument)))[0]

    def _ask(self, request: Request) -> bytes:
        key = parse_key(self._settings.gateway_key())
        stamp = Stamp(time.time_ns() // 1_000_000, RECV_WINDOW_MS)
        signed = self._port.sign(request, key, stamp)
        url = self._settings.gateway.url + signed.target.decode()
        try:
            answer = httpx.request(
                signed.method, url, headers=dict(signed.headers), timeout=ANSWER_S, trust_env=False
            )
        except httpx.HTTPError as error:
            raise FaultsUnreachable(f"{signed}: {type(error).__name__}") from None
        if answer.status_code != httpx.codes.OK:
            raise FaultsUnreachable(f"{signed}: {answer.status_code} {answer.text}")
        return answer.content


class Schedule:
    """Does what is due, in order; a stranger waits for a market. Call `step` often."""

    def __init__(
        self, operator: Operator, stranger: Stranger, planned: Sequence[Planned] = PLAN
    ) -> None:
        self._operator, self._stranger, self._left = operator, stranger, list(planned)

    def step(self, share: float) -> None:
        """`share` of the slice that has been played."""
        while self._left and share >= self._left[0].share:
            if not self._did(self._left[0]):
                return
            self._left.pop(0)

    def _did(self, fault: Planned) -> bool:
        if fault.kind == FOREIGN:
            return self._stranger.place()
        if fault.kind == LEAVES:
            self._stranger.cancel()
        else:
            self._operator.arm(fault.body)
        return True
