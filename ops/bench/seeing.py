"""Who looks while something is measured: an endpoint that takes spans, and somebody who asks for
figures now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

from ops.stack.ports import HOST

OFTEN_S = 1.0  # for a run of seconds: several times as often as a Prometheus does
ANSWER_S = 5.0


class _Taking(BaseHTTPRequestHandler):
    """Takes whatever comes. An empty body is OTLP's answer for all of it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Spans are not news."""


@contextmanager
def endpoint() -> Iterator[str]:
    """The base address of an OTLP endpoint on loopback."""
    server = ThreadingHTTPServer((HOST, 0), _Taking)
    thread = Thread(target=server.serve_forever, name="spans", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def scraped(addresses: Callable[[], Sequence[str]], every_s: float = OFTEN_S) -> Iterator[None]:
    """Asks those that there are at that moment; who begins or ends does not answer."""
    end = Event()

    def ask() -> None:
        while not end.wait(every_s):
            for address in addresses():
                with suppress(OSError), urlopen(f"http://{address}/metrics", timeout=ANSWER_S) as a:
                    a.read()

    asking = Thread(target=ask, name="figures")
    asking.start()
    try:
        yield
    finally:
        end.set()
        asking.join()
