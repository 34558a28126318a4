"""Binance Spot's order port under the conformance suite, with both kinds of key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.keys import Key, KeyRefused, parse_key
from connectors.gateway.transport import Transport
from connectors.orderport import NoSuchPort, order_port
from connectors.simulated.server import VenueServer
from pipelines.gateway.reports import DoubtReport, PageReport
from schemas.secret import Secret
from tests.connectors.asynchronous import run
from tests.connectors.gateway.rig import BTC, key_text
from tests.connectors.orderport.conformance import SUITE
from tests.connectors.orderport.rig import Rig
from tests.connectors.simulated.rig import ED_KEY, PRIVATE_PEM, options, quote

KEYS = [
    pytest.param(parse_key(Secret(key_text())), id="HMAC"),
    pytest.param(
        parse_key(Secret(json.dumps({"api_key": ED_KEY, "private_key": PRIVATE_PEM}))), id="Ed25519"
    ),
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("check", SUITE, ids=lambda check: check.__name__)
def test_binance_spot(tmp_path: Path, key: Key, check: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            transport = Transport(server.url)
            try:
                await check(Rig(order_port("BINANCE"), transport, key, BTC))
            finally:
                await transport.close()

    run(main())


EXECUTION = {
    "e": "executionReport", "s": "BTCUSDT", "c": "A1", "C": "", "i": 7, "X": "FILLED",
    "x": "TRADE", "z": "1", "t": 3, "S": "BUY", "L": "100", "l": "1", "n": "0", "N": None,
    "m": False, "T": 1_700_000_000_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reports"),
    [
        ({}, 2),
        ({"T": "abc"}, 0),
        ({"T": True}, 0),
        ({"c": ["A1"]}, 0),
        ({"s": None}, 0),
        ({"i": None}, 0),
        ({"S": "HOLD"}, 0),
    ],
)
def test_an_execution_report_is_read_whole_or_not_at_all(
    change: dict[str, Any], reports: int
) -> None:
    frame = json.dumps({"subscriptionId": 0, "event": EXECUTION | change}).encode()
    assert len(order_port("BINANCE").read_frame(frame)) == reports


def test_an_order_without_a_name_that_is_text_is_a_doubt() -> None:
    order = {"clientOrderId": ["A1"], "orderId": 7, "status": "NEW", "executedQty": "0"}
    [report] = order_port("BINANCE").read_response("OPEN_ORDERS", 200, json.dumps([order]).encode())
    assert isinstance(report, DoubtReport)


@pytest.mark.parametrize(("rows", "pages"), [(999, 0), (1_000, 1)])
def test_an_answer_of_as_many_rows_as_fit_may_not_be_all(rows: int, pages: int) -> None:
    order = {"clientOrderId": "A1", "orderId": 7, "status": "NEW", "executedQty": "0"}
    listed = json.dumps([order | {"orderId": n} for n in range(rows)]).encode()
    reports = order_port("BINANCE").read_response("CLOSED_ORDERS", 200, listed)
    assert reports[rows:] == [PageReport("999")] * pages
    assert len(order_port("BINANCE").read_response("OPEN_ORDERS", 200, listed)) == rows


def test_a_venue_without_a_port_is_named() -> None:
    with pytest.raises(NoSuchPort, match="NOWHERE"):
        order_port("NOWHERE")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("canary-secret", id="no JSON"),
        pytest.param('{"api_key": "abc"}', id="nothing to sign with"),
        pytest.param('{"api_key": "a b", "secret": "canary-secret"}', id="no key's name"),
        pytest.param('{"api_key": "abc", "private_key": "canary-secret"}', id="no PEM"),
    ],
)
def test_a_key_that_cannot_be_read_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(KeyRefused) as refused:
        parse_key(Secret(text))
    assert "canary" not in str(refused.value)


def test_a_key_shows_nothing() -> None:
    key = parse_key(Secret(key_text()))
    assert repr(key) == str(key) == "Key(********)"
    with pytest.raises(TypeError, match="not written anywhere"):
        key.__reduce__()
