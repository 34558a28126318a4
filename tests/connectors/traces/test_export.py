"""Spans on their way: delivered to a real endpoint; counted and gone where there is none."""

from __future__ import annotations

import pytest

from connectors.metrics.kinds import REGISTRY
from connectors.traces.export import Exporter
from connectors.traces.ids import Ids, epoch_ids, frame_ids, tick_ids
from connectors.traces.spans import Span
from ops.figures.tracing import spans_of
from ops.references import SettingsError
from ops.settings import load
from ops.stack.ports import free_ports
from tests.otlp import CLIENT, collector

TICK = "md.trade.v1/0/5"
SPAN = Span("market", "md.trade.v1", tick_ids(TICK), 5, 9, {"tape.reason": "R", "tape.n": 3})


def sent() -> float:
    return REGISTRY.get_sample_value("tape_spans_sent_total") or 0.0


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("tape_spans_dropped_total", {"reason": reason}) or 0.0


def test_a_span_arrives_as_it_was() -> None:
    before = sent()
    with collector() as endpoint:
        exporter = Exporter(f"{endpoint.address}/v1/traces", "v1", "i1")
        exporter.put(SPAN)
        exporter.put(SPAN._replace(service="gateway", client=True, links=(epoch_ids("m", 0, 1),)))
        exporter.close(60.0)
        one, other = sorted(endpoint.spans, key=lambda span: span.service, reverse=True)
    assert (one.service, one.version, one.name) == ("market", "v1", "md.trade.v1")
    assert Ids(one.trace, one.span, one.parent) == tick_ids(TICK)
    assert one.parent == frame_ids(TICK).span
    assert (one.start_ns, one.end_ns) == (5, 9)
    assert one.facts == {"tape.reason": "R", "tape.n": 3}
    assert (other.service, other.kind) == ("gateway", CLIENT)
    assert other.links == [epoch_ids("m", 0, 1)[:2]]
    assert sent() == before + 2


def test_an_endpoint_that_is_away_costs_a_counted_drop() -> None:
    [port] = free_ports(1)
    before = dropped("NOT_DELIVERED")
    exporter = Exporter(f"http://127.0.0.1:{port}/v1/traces", "v1", "i1")
    exporter.put(SPAN)
    exporter.close(0.0)
    exporter.join()
    assert dropped("NOT_DELIVERED") == before + 1


def test_an_endpoint_that_refuses_loses_what_it_refused() -> None:
    before = dropped("NOT_DELIVERED")
    with collector() as endpoint:
        endpoint.status = 400
        exporter = Exporter(f"{endpoint.address}/v1/traces", "v1", "i1")
        exporter.put(SPAN)
        exporter.close(60.0)
    assert dropped("NOT_DELIVERED") == before + 1


def test_a_full_queue_drops_and_counts() -> None:
    [port] = free_ports(1)
    before = dropped("QUEUE_FULL")
    exporter = Exporter(f"http://127.0.0.1:{port}/v1/traces", "v1", "i1", queue_max=10)
    for _ in range(2_000):
        exporter.put(SPAN)
    exporter.close(0.0)
    exporter.join()
    assert dropped("QUEUE_FULL") > before


@pytest.fixture
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_no_variables")
def test_without_an_endpoint_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spans_of(load(), "p", "v") is None
    with collector() as endpoint:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.address)
        put = spans_of(load(), "p", "v")
        assert put is not None
        put(SPAN)
        put.__self__.close(60.0)  # type: ignore[attr-defined]
        assert [span.name for span in endpoint.spans] == [SPAN.name]


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param("127.0.0.1:4318", id="no scheme"),
        pytest.param("ftp://127.0.0.1", id="another scheme"),
        pytest.param("http://me:word@127.0.0.1:4318", id="a name to sign in with"),
    ],
)
def test_an_endpoint_that_cannot_be_one_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="http://host:port") as refused:
        load(traces={"endpoint": endpoint})
    assert "word" not in str(refused.value)
