"""A running venue for tests: its keys, a market by hand, and clients of all kinds."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from websockets.asyncio.client import ClientConnection, connect

from connectors.simulated.keys import Account, load_accounts
from connectors.simulated.server import Options, VenueServer
from schemas.events import BookChanged, QuoteChanged, Side, TradePrinted
from tests.connectors.asynchronous import run

API_KEY: Final = "deskkey1234567890"
SECRET: Final = "canary-secret-of-the-desk"
READ_KEY: Final = "readkey1234567890"
ED_KEY: Final = "edkey1234567890"
WITHDRAW_KEY: Final = "withdrawkey1234567890"
PRIVATE: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PRIVATE_PEM: Final = PRIVATE.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
).decode()
_PUBLIC_PEM: Final = PRIVATE.public_key().public_bytes(
    Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
)

KEYS: Final = f"""
[[accounts]]
name = "desk"
balances = {{ USDT = "100000", BTC = "2" }}

[[accounts.keys]]
api_key = "{API_KEY}"
secret = "{SECRET}"

[[accounts.keys]]
api_key = "{READ_KEY}"
secret = "{SECRET}"
permissions = ["read"]

[[accounts.keys]]
api_key = "{WITHDRAW_KEY}"
secret = "{SECRET}"
permissions = ["read", "trade", "withdraw"]

[[accounts.keys]]
api_key = "{ED_KEY}"
public_key = \"\"\"
{_PUBLIC_PEM.decode()}\"\"\"
"""

NAME: Final = ("BINANCE", "BTCUSDT.BINANCE")


def accounts(folder: Path) -> list[Account]:
    path = folder / "keys.toml"
    path.write_text(KEYS)
    return load_accounts(path)


def options(folder: Path, **changes: Any) -> Options:
    return Options(accounts(folder))._replace(**changes)


def quote(server: VenueServer, bid: str, bid_qty: str, ask: str, ask_qty: str) -> None:
    """The market becomes one bid and one ask."""
    a, b, c, d = (Decimal(one) for one in (bid, bid_qty, ask, ask_qty))
    book = BookChanged(*NAME, True, None, None, None, (a,), (b,), (c,), (d,), None, 0, "A")
    server.venue.hear(book, "BTCUSDT")
    server.venue.hear(QuoteChanged(*NAME, None, a, b, c, d, None, 0, "A"), "BTCUSDT")


def trade(server: VenueServer, side: Side, qty: str, px: str) -> None:
    """A public trade."""
    print_ = TradePrinted(*NAME, "1", side, Decimal(px), Decimal(qty), None, 0, "A")
    server.venue.hear(print_, "BTCUSDT")


def signed(secret: str | Ed25519PrivateKey = SECRET, **params: Any) -> str:
    """A query with timestamp and signature."""
    query = urlencode({"timestamp": time.time_ns() // 1_000_000, **params})
    if isinstance(secret, Ed25519PrivateKey):
        return (
            f"{query}&{urlencode({'signature': b64encode(secret.sign(query.encode())).decode()})}"
        )
    return (
        f"{query}&signature={hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"
    )


class Client:
    """Plain signed requests, nothing retried; `call` gives status and body."""

    def __init__(
        self,
        server: VenueServer,
        api_key: str = API_KEY,
        secret: str | Ed25519PrivateKey = SECRET,
    ) -> None:
        self.server, self._secret = server, secret
        headers = {"X-MBX-APIKEY": api_key}
        self.http = httpx.AsyncClient(base_url=server.url, headers=headers, timeout=10.0)
        self.headers = httpx.Headers()

    async def call(self, verb: str, path: str, **params: Any) -> tuple[int, Any]:
        query = signed(self._secret, **params)
        return await self.raw(verb, f"/api/v3/{path}?{query}")

    async def raw(self, verb: str, target: str) -> tuple[int, Any]:
        response = await self.http.request(verb, target)
        self.headers = response.headers
        return response.status_code, response.json()

    async def order(self, side: str, qty: str, px: str = "", **more: Any) -> tuple[int, Any]:
        """A limit order GTC, or a market order where no price is given."""
        kind = {"type": "LIMIT", "price": px, "timeInForce": "GTC"} if px else {"type": "MARKET"}
        sent = {"symbol": "BTCUSDT", "side": side, "quantity": qty, **kind, **more}
        sent = {name: value for name, value in sent.items() if value is not None}
        return await self.call("POST", "order", **sent)

    async def admin(self, verb: str, path: str, /, **body: Any) -> Any:
        """The operator's port."""
        sent = body if verb == "POST" else None
        return (await self.http.request(verb, f"{self.server.admin_url}{path}", json=sent)).json()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()


class Stream:
    """The private stream over a plain WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def subscribe(self, api_key: str = API_KEY, secret: str = SECRET) -> Any:
        params: dict[str, Any] = {"apiKey": api_key, "timestamp": time.time_ns() // 1_000_000}
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        mark = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return await self.ask("userDataStream.subscribe.signature", **params, signature=mark)

    async def ask(self, method: str, **params: Any) -> Any:
        """One request, one answer; nothing else may be on its way."""
        await self.socket.send(json.dumps({"id": 1, "method": method, "params": params}))
        return json.loads(await self.socket.recv())

    async def event(self) -> Any:
        return json.loads(await self.socket.recv())["event"]

    async def report(self) -> Any:
        """The next executionReport."""
        while True:
            event = await self.event()
            if event["e"] == "executionReport":
                return event

    async def reports(self, number: int) -> list[tuple[str, str]]:
        """Execution type and status of the next ones."""
        found = [await self.report() for _ in range(number)]
        return [(one["x"], one["X"]) for one in found]


def stream(server: VenueServer) -> Any:
    """`async with stream(server) as socket: Stream(socket)`"""
    return connect(server.socket_url, proxy=None)


Scenario = Callable[[VenueServer, Client], Coroutine[Any, Any, None]]


def play(folder: Path, scenario: Scenario, **changes: Any) -> None:
    """The scenario against a venue with a market, to its end."""

    async def main() -> None:
        async with VenueServer(options(folder, **changes)) as server, Client(server) as client:
            quote(server, "60000", "1", "60001", "0.5")
            await scenario(server, client)

    run(main())
