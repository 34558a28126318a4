"""`/metrics`, `/livez`, `/readyz`, `/errors` of one process, on loopback, in a thread of its own.

livez: its main loop turns; a supervisor may end a process for which it does not. readyz: it may do
its work. Both answer 200 or 503 with a line that says why; who asks under a foreign name gets 403.
A port that cannot be had is said in the log and nothing else: a process does not stop working
because nobody can look at it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from connectors.log_lines import REPEATS
from connectors.log_repeats import Repeats
from connectors.metrics import declared, host
from connectors.metrics.kinds import REGISTRY
from connectors.metrics.own_host import is_own

log = logging.getLogger("tape.metrics")

HOST: Final = "127.0.0.1"
BEAT_S: Final = 60.0  # the longest a loop may take: re-running an epoch may wait 30 s for the log
STARTING: Final = "starting"  # until the process has opened what it works on, and has own words
Start = Callable[[str, list[tuple[str, str]]], Any]


@dataclass
class Health:
    """`ready`: why not, empty where it is. `turned_s`: when its loop last turned, monotonic."""

    ready: Callable[[], str] = lambda: STARTING
    turned_s: Callable[[], float] = time.monotonic

    def alive(self) -> str:
        """Why it is not taken for alive; empty where it is."""
        age_s = time.monotonic() - self.turned_s()
        return "" if age_s < BEAT_S else f"its loop has not turned for {age_s:.0f} s"


class Page:
    """The WSGI application."""

    def __init__(self, health: Health, errors: Repeats) -> None:
        self._health, self._errors, self._metrics = health, errors, make_wsgi_app(REGISTRY)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if not is_own(environ.get("HTTP_HOST", ""), HOST):
            return _answer(start, HTTPStatus.FORBIDDEN, "this is not the process's address\n")
        path = environ["PATH_INFO"]
        if path == "/metrics":
            body: Iterable[bytes] = self._metrics(environ, start)
            return body
        if path == "/errors":
            return _answer(start, HTTPStatus.OK, json.dumps(self._errors.rows()) + "\n")
        asked = {"/livez": self._health.alive, "/readyz": self._health.ready}.get(path)
        if asked is None:
            return _answer(start, HTTPStatus.NOT_FOUND, "/metrics /livez /readyz /errors\n")
        why = asked()
        status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
        return _answer(start, status, f"{why or 'ok'}\n")


def _answer(start: Start, status: HTTPStatus, text: str) -> Iterable[bytes]:
    body = text.encode()
    kind = "application/json" if body[:1] == b"[" else "text/plain; charset=utf-8"
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start(f"{status.value} {status.phrase}", headers)
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_port = True  # a supervisor holds the port for its process, bound but not listening

    def server_bind(self) -> None:
        """Without asking the resolver for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not news."""


def serve(port: int, process: str, version: str) -> Health:
    """Answers on `port` from here on; 0: on none. Gives what the process says its health by."""
    health = Health()
    declared.BUILD_INFO.show({(process, version): 1})
    declared.READY.read = lambda: {(): 0 if health.ready() else 1}
    if port:
        host.show()
        REPEATS.counted = lambda level: declared.LOG_LINES.labels(level).inc()
        _listen(port, Page(health, REPEATS))
    return health


def _listen(port: int, page: Page) -> None:
    try:
        server = make_server(HOST, port, page, _Server, _Quiet)
    except OSError as error:
        log.error("no metrics on port %d: %s", port, error.strerror)
        return
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
