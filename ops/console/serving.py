"""`tape console`: the log followed, the archive asked, a page served until SIGTERM."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from threading import Lock
from typing import Any, Final

import uvicorn

from connectors.gateway.latch import Halt
from connectors.log.interface import Log
from ops.archives import archive_of
from ops.console.application import Parts, application
from ops.console.archived import Archived
from ops.console.following import Follower
from ops.console.killing import Killer, make_token
from ops.console.rendered import Rendered, now_ms
from ops.console.state import State
from ops.figures.serving import answer
from ops.processes.catalog import market_settings
from ops.processes.clients import codec_of, kafka_log
from ops.processes.kill import Killed, kill
from ops.replays import Noted
from ops.settings import Settings
from replay.explain.chain import explain
from replay.explain.found import Past
from replay.explain.text import as_json
from replay.times import Span
from schemas.codec import Codec
from schemas.errors import TapeError

WITHIN_S: Final = 10.0  # how long a kill looks at the venue
ORDERS_MS: Final = 7 * 86_400_000  # how far back a live order is looked for
SAID_BYTES: Final = 4_096  # a client's message: it can only ask for an instrument
STOP_S: Final = 2


class PortTaken(TapeError):
    """The console cannot listen where it was told to."""


def run_console(settings: Settings, host: str, port: int, show: Callable[[str], None]) -> int:
    """Serves until SIGTERM or SIGINT; `show` gets the URL, token and all, once it listens. Raises
    `TapeError`.
    """
    token = make_token()
    with bound(host, port) as listening, followed(settings) as follower:
        health = answer(settings, "console")
        health.ready = lambda: follower.why
        parts = parts_of(settings, follower, token)
        server = uvicorn.Server(config(application(parts, host), host))
        shown = f"[{host}]" if ":" in host else host
        listening.listen()  # who comes before the server runs waits for it
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(server, "should_exit", True))
        show(f"http://{shown}:{listening.getsockname()[1]}/#token={token}")
        server.run([listening])
    return 0


@contextmanager
def followed(settings: Settings) -> Iterator[Follower]:
    """A state that follows the settings' log."""
    noted, judged = Noted(settings.run_dir), judging(settings)
    follower = Follower(lambda: opened(settings), replays=noted, fresh=judged)
    follower.start()
    try:
        yield follower
    finally:
        follower.stop()


def judging(settings: Settings) -> Callable[[], State]:
    """An empty state that judges feeds as the settings' `market` does."""
    return partial(State, market_settings(settings))


def opened(settings: Settings) -> tuple[Log, Codec]:
    """Raises `TapeError`."""
    return kafka_log(settings), codec_of(settings)


def parts_of(settings: Settings, follower: Follower, token: str) -> Parts:
    killing: Callable[[Halt], Killed] = partial(kill, settings, within_s=WITHIN_S)
    return Parts(
        Rendered(follower),
        Archived(archive_of(settings), Noted(settings.run_dir), judging(settings)),
        Explained(lambda: opened(settings)).order,
        Killer(killing),
        token,
    )


def config(app: Any, host: str) -> uvicorn.Config:
    """No line per request: a path may name an order, and nobody reads them."""
    return uvicorn.Config(
        app,
        host=host,
        ws="websockets-sansio",
        ws_max_size=SAID_BYTES,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        log_level=logging.WARNING,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on exactly this address; port 0: a free one. Raises `PortTaken`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
        except OSError as error:
            what = error.strerror or str(error)
            raise PortTaken(f"the console cannot listen on {host}:{port}: {what}") from None
        yield found


class Explained:
    """Orders explained from the log, one at a time: each reads whole topics."""

    def __init__(self, opened: Callable[[], tuple[Log, Codec]]) -> None:
        self._opened, self._lock = opened, Lock()

    def order(self, name: str) -> dict[str, Any]:
        """Raises `OrderNotFound`, `TapeError`."""
        with self._lock:
            log, codec = self._opened()
            try:
                span = Span(now_ms() - ORDERS_MS, None)
                return as_json(explain(Past(log, codec, span), name))
            finally:
                log.close()
