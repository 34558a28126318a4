"""A real OTLP endpoint over HTTP: takes spans as a collector does, and keeps them, decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

CLIENT = 3  # SPAN_KIND_CLIENT


class Arrived(NamedTuple):
    """A span; ids in hexadecimal, `links` as (trace, span)."""

    service: str
    version: str
    name: str
    trace: str
    span: str
    parent: str
    start_ns: int
    end_ns: int
    kind: int
    facts: dict[str, str | int]
    links: list[tuple[str, str]]


class Collector:
    """`address` is the base of the endpoint; `status` is what it answers."""

    def __init__(self, address: str) -> None:
        self.address, self.status = address, 200
        self._lock, self._spans = Lock(), list[Arrived]()

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self._spans += _arrived(request)

    @property
    def spans(self) -> list[Arrived]:
        with self._lock:
            return list(self._spans)


def _arrived(request: ExportTraceServiceRequest) -> Iterator[Arrived]:
    for resource in request.resource_spans:
        about = _facts(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Arrived(
                    str(about["service.name"]),
                    str(about["service.version"]),
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.kind,
                    _facts(span.attributes),
                    [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                )


def _facts(attributes: Any) -> dict[str, str | int]:
    return {one.key: one.value.string_value or int(one.value.int_value) for one in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    """Listens on loopback until the block ends."""

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces" and found.status == 200:
                found.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(found.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
