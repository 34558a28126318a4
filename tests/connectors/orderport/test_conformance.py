"""Binance Spot's order port under the conformance suite, with both kinds of key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from connectors.gateway.keys import Key, KeyRefused, parse_key
from connectors.gateway.transport import Transport
from connectors.orderport import NoSuchPort, order_port
from connectors.simulated.server import VenueServer
from schemas.secret import Secret
from tests.connectors.asynchronous import run
from tests.connectors.gateway.rig import BTC, key_text
from tests.connectors.orderport.conformance import SUITE, Rig
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
