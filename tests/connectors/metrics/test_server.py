"""A process answers over real HTTP: figures, health, errors; and goes on where it cannot answer."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.log_lines import REPEATS
from connectors.metrics import declared
from connectors.metrics.server import BEAT_S, HOST, Health, serve
from ops.stack.ports import reserve


@pytest.fixture(scope="module")
def answering() -> Iterator[tuple[str, Health]]:
    held = reserve()
    port = held.getsockname()[1]
    yield f"http://{HOST}:{port}", serve(port, "market", "abc")
    held.close()


def test_the_port_that_is_held_is_the_processes(answering: tuple[str, Health]) -> None:
    url, _ = answering
    families = {f.name: f for f in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)}
    [sample] = families["tape_build_info"].samples
    assert (sample.labels, sample.value) == ({"process": "market", "version": "abc"}, 1)
    assert {"process_cpu_seconds", "python_info", "python_gc_collections"} <= {*families}


def test_it_says_whether_it_is_ready_and_why_not(answering: tuple[str, Health]) -> None:
    url, health = answering
    health.ready = lambda: "re-runs epoch 7"
    not_yet = httpx.get(f"{url}/readyz")
    assert (not_yet.status_code, not_yet.text) == (503, "re-runs epoch 7\n")
    assert "tape_ready 0.0" in httpx.get(f"{url}/metrics").text
    health.ready = lambda: ""
    assert (httpx.get(f"{url}/readyz").status_code) == 200
    assert "tape_ready 1.0" in httpx.get(f"{url}/metrics").text


def test_a_loop_that_does_not_turn_is_not_alive(answering: tuple[str, Health]) -> None:
    url, health = answering
    assert httpx.get(f"{url}/livez").status_code == 200
    turned_s, health.turned_s = health.turned_s, lambda: turned_s() - 2 * BEAT_S
    assert httpx.get(f"{url}/livez").status_code == 503
    health.turned_s = turned_s


def test_a_figure_that_cannot_be_read_hides_no_other(
    answering: tuple[str, Health], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declared.POSITION, "read", lambda: 1 / 0)
    monkeypatch.setattr(declared.EXPOSURE, "read", lambda: {("a", "s"): 3})
    text = httpx.get(f"{answering[0]}/metrics").text
    assert 'trading_exposure_quote{account="a",strategy="s"} 3.0' in text
    assert "trading_position_quantity{" not in text


def test_errors_are_grouped(answering: tuple[str, Health]) -> None:
    for number in range(3):
        record = logging.LogRecord("tape.x", logging.ERROR, "f", 1, "lost %d", (number,), None)
        REPEATS.filter(record)
    [found] = [
        row for row in httpx.get(f"{answering[0]}/errors").json() if row["logger"] == "tape.x"
    ]
    assert (found["count"], found["last"], found["level"]) == (3, "lost 2", "ERROR")


def test_other_paths_are_not_there(answering: tuple[str, Health]) -> None:
    assert httpx.get(f"{answering[0]}/").status_code == 404


@pytest.mark.parametrize("path", ["/metrics", "/errors", "/livez", "/readyz", "/"])
def test_a_page_that_made_its_name_mean_this_machine_reads_nothing(
    answering: tuple[str, Health], path: str
) -> None:
    host = {"host": "elsewhere.example:9200"}
    found = httpx.get(f"{answering[0]}{path}", headers=host)
    assert (found.status_code, found.text) == (403, "this is not the process's address\n")


@pytest.mark.parametrize("host", ["localhost:9200", "127.0.0.1", "[::1]:9200"])
def test_this_machine_is_answered_by_any_of_its_own_names(
    answering: tuple[str, Health], host: str
) -> None:
    assert httpx.get(f"{answering[0]}/metrics", headers={"host": host}).status_code == 200


def test_a_request_without_a_host_is_refused(answering: tuple[str, Health]) -> None:
    address = answering[0].removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as asking:
        asking.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b" 403 " in asking.recv(64)


def test_a_port_that_is_taken_is_said_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(port, "clock", "").ready() == "starting"
        assert f"no metrics on port {port}" in caplog.text
