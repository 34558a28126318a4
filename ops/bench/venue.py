"""Orders a second at the simulated venue: a process of its own that keeps its state on disk,
asked over connections that each wait for their answer before they ask again.

Every order is a LIMIT IOC at a price that reaches into the displayed depth, so it is checked,
matched, filled, written, fsynced and told. Processor time is the venue's alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from ops.bench.samples import Sample
from ops.settings import ROOT, Settings

KEY, SECRET = "benchkey1234567890", "a secret of the simulation"
KEYS: Final = f"""
[[accounts]]
name = "bench"
balances = {{ USDT = "100000000", BTC = "1000" }}

[[accounts.keys]]
api_key = "{KEY}"
secret = "{SECRET}"
permissions = ["read", "trade"]
"""
CONNECTIONS: Final = 16
REACH: Final = (Decimal("0.995"), Decimal("1.005"))
PLENTY: Final = "1000000000"
CAPTURE: Final = "binance_spot_btcusdt_20240808"
TICKS_S: Final = os.sysconf("SC_CLK_TCK")


def venue(_: Settings, events: int, arguments: dict[str, Any]) -> Sample:
    """So many orders over all connections."""
    with tempfile.TemporaryDirectory(prefix="tape-bench-") as folder:
        return asyncio.run(_measured(Path(folder), events))


async def _measured(folder: Path, events: int) -> Sample:
    process, url = await _started(folder)
    try:
        bid, ask = await _quote(url)
        before_s, began = cpu_s(process.pid), time.perf_counter()
        counts = [len(range(number, events, CONNECTIONS)) for number in range(CONNECTIONS)]
        found = await asyncio.gather(*(_client(url, n, bid, ask) for n in counts))
        seconds, spent_s = time.perf_counter() - began, cpu_s(process.pid) - before_s
    finally:
        process.terminate()
        await process.communicate()
    filled = sum(found)
    return Sample("venue", events, seconds, spent_s, extra={"filled": filled})


async def _started(folder: Path) -> tuple[Process, str]:
    (folder / "keys.toml").write_text(KEYS)
    ports = ("--port", "0", "--admin-port", "0", "--weight", PLENTY, "--orders", PLENTY)
    market = ("--capture", CAPTURE, "--seconds", "5", "--speed", "max")
    command = (sys.executable, "-m", "ops", "venue", "--keys-file", "keys.toml")
    more = ("--state", "state", *ports, *market, "--output", "json")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *command, *more, cwd=folder, env=environment, stdout=PIPE
    )
    assert process.stdout is not None
    status: dict[str, Any] = {"url": ""}
    while status.get("state") != "listening":
        status = json.loads(await process.stdout.readline())
    return process, status["url"]


async def _quote(url: str) -> tuple[str, str]:
    """Prices half a percent beyond the best bid and ask, once the market is there."""
    while True:
        said = await _asked(url, "GET", "/api/v3/ticker/bookTicker?symbol=BTCUSDT")
        if "bidPrice" in said:
            low, high = Decimal(said["bidPrice"]), Decimal(said["askPrice"])
            return f"{low * REACH[0]:.2f}", f"{high * REACH[1]:.2f}"
        await asyncio.sleep(0.05)


async def _asked(url: str, verb: str, target: str) -> Any:
    connection = await asyncio.open_connection(*_address(url))
    try:
        return json.loads(await _ask(connection, _request(verb, target)))
    finally:
        connection[1].close()


async def _client(url: str, count: int, bid: str, ask: str) -> int:
    """One connection's orders, buys and sells in turn; how many were filled."""
    connection = await asyncio.open_connection(*_address(url))
    filled = 0
    for number in range(count):
        side, price = ("SELL", bid) if number % 2 else ("BUY", ask)
        body = await _ask(connection, _request("POST", _order(side, price)))
        filled += b'"FILLED"' in body
        if b'"orderId"' not in body:
            raise RuntimeError(f"the venue refused an order: {body[:200]!r}")
    connection[1].close()
    return filled


def _order(side: str, price: str) -> str:
    """Signed, a target of the order API."""
    terms = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "IOC"}
    sized = {"quantity": "0.00010", "price": price, "timestamp": time.time_ns() // 1_000_000}
    query = urlencode({**terms, **sized, "newOrderRespType": "RESULT"})
    mark = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
    return f"/api/v3/order?{query}&signature={mark}"


def _request(verb: str, target: str) -> bytes:
    head = f"{verb} {target} HTTP/1.1\r\nHost: venue\r\nX-MBX-APIKEY: {KEY}\r\n"
    return f"{head}Content-Length: 0\r\n\r\n".encode()


async def _ask(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes
) -> bytes:
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    return await reader.readexactly(size)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 80)


def cpu_s(pid: int) -> float:
    """Processor time of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S
