"""A gateway in its world: a log (in memory or real), the simulated venue on real sockets, a risk
that signs, and the two heartbeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connectors.gateway.desk import Parts
from connectors.gateway.gateway import Gateway, open_gateway
from connectors.gateway.inputs import CLOCK, RISK_EPOCHS
from connectors.gateway.keys import parse_key
from connectors.gateway.ledger import EVENTS, RAW
from connectors.gateway.past import BREAKS, CONTROL, DECISIONS, RECON_CONTROL
from connectors.gateway.snapshots import SNAPSHOTS
from connectors.log.interface import Log, Message, OutRecord, Tp
from connectors.log.memory import MemoryLog
from connectors.orderport import order_port
from connectors.partitioner import murmur2_partition
from connectors.signing import Scope, Signer
from connectors.simulated.server import VenueServer
from ops.stack import StackInfo
from pipelines.gateway.caps import Caps, parse_caps
from schemas import events
from schemas.secret import Secret
from tests.connectors.asynchronous import until
from tests.connectors.cluster import local_codec
from tests.connectors.simulated.rig import API_KEY, SECRET
from tests.faults import cluster

ACCOUNT: Final = "desk"
BTC: Final = "BTCUSDT.BINANCE"
SCOPE: Final = Scope("test", "log-1")
_RISK: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
RISK: Final = _RISK.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
RISK_PUBLIC: Final = _RISK.public_key().public_bytes(
    Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
)
CODEC: Final = local_codec()
TOPICS: Final = {
    DECISIONS: 4,
    EVENTS: 4,
    RAW: 4,
    RECON_CONTROL: 4,
    BREAKS: 4,
    SNAPSHOTS: 4,
    CONTROL: 1,
    CLOCK: 1,
    RISK_EPOCHS: 1,
}
CAPS: Final[dict[str, Any]] = {
    "account": ACCOUNT,
    "order_notional_max": "50000",
    "notional_per_day_max": "1000000",
    "orders_per_second_max": 50,
    "orders_per_day_max": 1000,
    "open_orders_max": 20,
    "price_band_bps": 1000,
    "position_max": {BTC: "10"},
}
BEAT_S: Final = 0.05


class Ended(BaseException):
    """What `die` is to a test."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def abort(code: int, message: str) -> NoReturn:
    raise Ended(code, message)


class Records:
    """Writes to a log as its other processes do, and reads back."""

    def __init__(
        self, log: Log, append: Callable[[OutRecord], object], scope: Scope = SCOPE
    ) -> None:
        self.log, self._append, self.scope = log, append, scope
        self._numbers = itertools.count(1)

    def write(self, topic: str, event: Any, signer: Signer | None = None) -> None:
        keyless = TOPICS[topic] == 1
        key = b"" if keyless else ACCOUNT.encode()
        partition = 0 if keyless else murmur2_partition(key, TOPICS[topic])
        value, at_ms = CODEC.encode(event), time.time_ns() // 1_000_000
        record = OutRecord(topic, partition, key, value, at_ms)
        self._append(signer.sign(record) if signer else record)

    def name_log(self) -> None:
        scope = self.scope
        self.write(CONTROL, events.LogCreated(scope.log_id, scope.environment, time.time_ns()))

    def approve(self, cl_ord_id: str = "", *, scope: Scope | None = None, **given: Any) -> str:
        """A signed approval of a fresh limit order to buy 0.1 at 100; gives its id."""
        cl_ord_id = cl_ord_id or f"C{next(self._numbers)}"
        order = approval(cl_ord_id)._replace(**given)
        self.write(DECISIONS, order, Signer(RISK, scope or self.scope))
        return cl_ord_id

    def cancel(self, cl_ord_id: str) -> None:
        self.write(
            DECISIONS,
            events.CancelApproved(
                ACCOUNT, "s", "BINANCE", BTC, cl_ord_id, "TARGET_CHANGED", "t", "c", None, 1
            ),
        )

    def beat(self) -> None:
        for topic in (CLOCK, RISK_EPOCHS):
            self.write(topic, events.ClockTick(time.time_ns()))

    def all(self, topic: str) -> list[Any]:
        tp = Tp(topic, murmur2_partition(ACCOUNT.encode(), TOPICS[topic]))
        found: list[Message] = self.log.read(tp, *self.log.bounds(tp), 15.0)
        return [CODEC.decode(message.value()) for message in found]

    def told(self, cl_ord_id: str) -> list[str]:
        """Names of an order's events on the log, `Order` left out."""
        return [
            type(e).__name__.removeprefix("Order")
            for e in self.all(EVENTS)
            if getattr(e, "cl_ord_id", None) == cl_ord_id
        ]


def approval(cl_ord_id: str) -> events.OrderApproved:
    now_ns = time.time_ns()
    return events.OrderApproved(
        ACCOUNT, "s", "1", "BINANCE", BTC, cl_ord_id, f"p-{cl_ord_id}", Decimal(10), 0, "BUY",
        "LIMIT", "GTC", False, Decimal(100), Decimal("0.1"), Decimal(0), 1, Decimal(100), now_ns,
        "tick", f"request-{cl_ord_id}", None, now_ns,
    )  # fmt: skip


def memory() -> Records:
    log = MemoryLog(TOPICS)
    records = Records(log, log.append)
    records.name_log()
    return records


def kafka(stack: StackInfo, prefix: str) -> Records:
    """The records of a prefix on the real broker, whose topics are made."""
    return on_broker(stack.bootstrap_servers, prefix)


def on_broker(servers: str, prefix: str, *, scope: Scope = SCOPE) -> Records:
    log = cluster.create(servers, prefix, TOPICS)
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "log_level": 0})

    def append(r: OutRecord) -> None:
        headers: Any = list(r.headers)
        producer.produce(
            prefix + r.topic, r.value, r.key, r.partition, timestamp=r.timestamp_ms, headers=headers
        )
        producer.flush(10)

    records = Records(log, append, scope)
    records.name_log()
    return records


def key_text(api_key: str = API_KEY, secret: str = SECRET) -> str:
    return json.dumps({"api_key": api_key, "secret": secret})


def caps(**given: Any) -> Caps:
    return parse_caps({**CAPS, **given})


def parts(log: Log, url: str, socket_url: str, folder: Path, **changes: Any) -> Parts:
    made = Parts(
        log,
        CODEC,
        order_port("BINANCE"),
        parse_key(Secret(key_text())),
        caps(),
        (RISK_PUBLIC,),
        url,
        socket_url,
        folder / "journal",
        abort,
        recv_window_ms=1_000,  # half of it is what a busy machine may take until a byte leaves
        silent_s=30.0,
    )
    return made._replace(**changes)


class Line:
    """A TCP line to a server that can be cut; `url` leads through it. `orders`: new orders seen on
    their way.
    """

    def __init__(self, url: str) -> None:
        self._scheme, _, rest = url.partition("://")
        address, _, self._path = rest.partition("/")
        self._host, _, port = address.partition(":")
        self._port, self.url, self.orders = int(port), "", 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{self._scheme}://127.0.0.1:{port}/{self._path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Every connection ends at once, without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, on = await asyncio.open_connection(self._host, self._port)
        self._writers |= {back, on}
        await asyncio.gather(self._pump(near, on), self._pump(far, back))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                self.orders += data.count(b"POST /api/v3/order")
                target.write(data)
        target.transport.abort()


@asynccontextmanager
async def heartbeats(records: Records) -> AsyncIterator[asyncio.Task[None]]:
    """Clock and risk live. The task may be cancelled: both fall silent."""

    async def beat() -> None:
        while True:
            records.beat()
            await asyncio.sleep(BEAT_S)

    task = asyncio.create_task(beat())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def running(
    records: Records, server: VenueServer, folder: Path, **changes: Any
) -> AsyncIterator[Gateway]:
    """A gateway that is ready; stopped at the end."""
    made = parts(records.log, server.url, server.socket_url, folder)
    gateway = open_gateway(made._replace(**changes))
    async with heartbeats(records), started(gateway):
        yield gateway


@asynccontextmanager
async def started(gateway: Gateway) -> AsyncIterator[asyncio.Task[None]]:
    """Its task, from readiness on; what it raised is raised at the end."""
    task = asyncio.create_task(gateway.run())
    try:
        await until(lambda: gateway.desk.gate.ready or task.done(), "ready")
        if task.done():
            task.result()
        await until(lambda: gateway.desk.quotes or task.done(), "quotes")
        yield task
    finally:
        gateway.stop()
        await task
