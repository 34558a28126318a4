"""The process `tape run gateway`: settings and files to a running gateway, errors to exit codes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from connectors.gateway.age_file import decrypted
from connectors.gateway.desk import Parts
from connectors.gateway.gateway import open_gateway
from connectors.gateway.keys import Key, parse_key
from connectors.gateway.secrets_manager import secret_text
from connectors.log.errors import WriterError
from connectors.metrics.server import Health
from connectors.orderport import order_port
from connectors.traces.orders import OrderSpans
from connectors.traces.spans import Put
from ops.figures.serving import answer
from ops.figures.tracing import spans_of
from ops.processes.caps import load_caps
from ops.processes.clients import codec_of, kafka_log
from ops.processes.exits import die
from ops.processes.lock import hold, hold_later
from ops.references import SettingsError
from ops.settings import Settings
from pipelines.gateway.caps import Caps
from schemas.errors import TapeError
from schemas.secret import Secret

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class NotLive(TapeError):
    """A real venue was named without saying that this is meant."""


def run_gateway(settings: Settings, *, takeover: bool, live: bool) -> None:
    """Runs until SIGTERM or SIGINT. Raises `TapeError` for what is wrong at the start; an error at
    the log ends the process.
    """
    caps = load_caps(settings.gateway.caps)
    check_live(settings, caps, live=live)
    name = f"gateway-{caps.account}"
    lock = (hold_later if takeover else hold)(settings.run_dir, name)
    try:
        health = answer(settings, name)
        put = spans_of(settings, name)
        asyncio.run(_run(parts_of(settings, caps, takeover=takeover), health, put))
    except WriterError as error:
        die(error.exit_code, str(error))
    finally:
        lock.close()


async def _run(parts: Parts, health: Health, put: Put | None) -> None:
    gateway = open_gateway(parts)
    gateway.desk.spans = None if put is None else OrderSpans(put)
    gateway.desk.figures.show()
    health.ready = gateway.desk.figures.why_not_ready
    health.turned_s = lambda: gateway.turned_s
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gateway.stop)
    await gateway.run()


def parts_of(settings: Settings, caps: Caps, *, takeover: bool) -> Parts:
    """Raises `TapeError` for a key, a venue or a log that cannot be had."""
    chosen = settings.gateway
    return Parts(
        kafka_log(settings),
        codec_of(settings),
        order_port(chosen.venue),
        key_of(settings),
        caps,
        settings.risk_pems(),
        chosen.url,
        chosen.socket_url,
        settings.run_dir / "gateway" / f"{caps.account}.journal",
        die,
        recv_window_ms=chosen.recv_window_ms,
        requests_per_second=chosen.requests_per_second,
        requests_for_cancels=chosen.requests_for_cancels,
        takeover=takeover,
        read_key=lambda: key_of(settings),
        dead_man_ms=chosen.dead_man_ms,
    )


def key_of(settings: Settings) -> Key:
    """The trading key that the settings refer to. Raises `KeyRefused`, `SettingsError`."""
    return read_key(settings.gateway.key, settings.gateway_key, settings.age_identity)


def read_key(reference: str | None, text: Callable[[], Secret], identity: Path | None) -> Key:
    """The key behind a reference; `text` reads those of the settings' own kinds, `identity` opens
    what age encrypted.
    """
    kind, _, name = (reference or "").partition(":")
    if kind == "aws":
        return parse_key(secret_text(name))
    if kind == "age":
        return parse_key(decrypted(Path(name), identity))
    return parse_key(text())


def check_live(settings: Settings, caps: Caps, *, live: bool) -> None:
    """A venue that is not on this machine is real. Raises `NotLive`."""
    hosts = real_hosts(settings.gateway.url, settings.gateway.socket_url)
    if hosts and not (live and caps.live):
        raise NotLive(
            f"{hosts} is not the simulated venue: it takes --live and "
            f"`live: true` in the caps of {caps.account}"
        )


def real_hosts(*urls: str) -> str:
    """Those that are not this machine; empty if all are. Raises `SettingsError`."""
    return ", ".join(sorted({*map(_host, urls)} - {*LOOPBACK}))


def _host(url: str) -> str:
    """Raises `SettingsError`."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise SettingsError("gateway.url or gateway.socket_url is not like http://HOST:PORT")
    return host
