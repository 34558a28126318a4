"""Sends spans to an OTLP endpoint over HTTP, from a thread of its own.

Who hands a span over never waits: it goes into a bounded queue, and what does not fit, or cannot be
delivered, is counted and gone. The client library tries again by itself for some seconds; meanwhile
the queue fills, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Final

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from connectors.metrics import declared
from connectors.traces.ids import Ids
from connectors.traces.spans import Span

log = logging.getLogger("tape.traces")

BATCH_MAX: Final = 512
GATHER_S: Final = 1.0
CLOSE_S: Final = 2.0
SCOPE: Final = InstrumentationScope("tape")
# What these say of every attempt is told once, here.
for _name in ("opentelemetry", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Exporter:
    """`put` takes spans from any thread. `endpoint`: the whole address; None: as the variables of
    OpenTelemetry say. `version` and `instance` are of this process.
    """

    def __init__(
        self, endpoint: str | None, version: str, instance: str, queue_max: int = 10_000
    ) -> None:
        session = requests.Session()
        session.trust_env = False
        self._exporter = OTLPSpanExporter(endpoint, session=session)
        self._queue: Queue[Span] = Queue(queue_max)
        self._facts = {"service.version": version, "service.instance.id": instance}
        self._resources: dict[str, Resource] = {}
        self._closing, self._failing = Event(), False
        self._thread = Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def put(self, span: Span) -> None:
        try:
            self._queue.put_nowait(span)
        except Full:
            declared.SPANS_DROPPED.labels("QUEUE_FULL").inc()

    def close(self, within_s: float = CLOSE_S) -> None:
        """Sends what waits, as far as the time allows; the rest is dropped."""
        self._closing.set()
        self._thread.join(within_s)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def join(self) -> None:
        """Until nothing waits any more; after `close`."""
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(GATHER_S):
            self._send_waiting()
        self._send_waiting()

    def _send_waiting(self) -> None:
        while batch := list(self._taken()):
            self._send(batch)

    def _taken(self) -> Iterable[Span]:
        with suppress(Empty):
            for _ in range(BATCH_MAX):
                yield self._queue.get_nowait()

    def _send(self, batch: Sequence[Span]) -> None:
        made = [readable(span, self._resource(span.service)) for span in batch]
        failed = self._exporter.export(made) is not SpanExportResult.SUCCESS
        if failed:
            declared.SPANS_DROPPED.labels("NOT_DELIVERED").inc(len(batch))
        else:
            declared.SPANS_SENT.inc(len(batch))
        if failed != self._failing:
            self._failing = failed
            log.warning("spans %s", "cannot be delivered" if failed else "are delivered again")

    def _resource(self, service: str) -> Resource:
        """Under the version of this process, whichever service a span is shown under."""
        if service not in self._resources:
            facts = {"service.name": service, "service.namespace": "tape", **self._facts}
            self._resources[service] = Resource(facts)
        return self._resources[service]


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """As the exporter takes it. Made directly: a tracer would give it an id and a time of now."""
    above = span.ids._replace(span=span.ids.parent) if span.ids.parent else None
    return ReadableSpan(
        span.name,
        context=_context(span.ids),
        parent=None if above is None else _context(above),
        resource=resource,
        attributes=dict(span.facts),
        links=[Link(_context(ids)) for ids in span.links],
        kind=SpanKind.CLIENT if span.client else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def _context(ids: Ids) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(ids.trace, 16), int(ids.span, 16), True, flags)
