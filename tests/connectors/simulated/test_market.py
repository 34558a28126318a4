"""The recorded market reaches the venue: parsed, in sequence, at its pace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.feed.capture import load
from connectors.simulated.market import CaptureMarket, CaptureReader, MarketEvent
from connectors.simulated.server import VenueServer
from schemas.errors import TapeError
from schemas.events import BookChanged, QuoteChanged, TradePrinted
from tests.connectors.asynchronous import run
from tests.connectors.simulated.rig import Client, options

CAPTURE = "binance_spot_btcusdt_20240808"


async def _all(market: CaptureMarket) -> list[Sequence[MarketEvent]]:
    return [events async for events in market.batches()]


def test_a_capture_gives_the_same_events_at_any_pace() -> None:
    frames = load([CAPTURE], 0, 2)
    whole = CaptureReader().read(frames)
    kinds = {type(event) for event in whole}
    assert kinds == {BookChanged, QuoteChanged, TradePrinted}
    assert [event.snapshot for event in whole if isinstance(event, BookChanged)].count(True) == 1

    async def scenario() -> None:
        for speed in (None, 20.0):
            batches = await _all(CaptureMarket(frames, speed))
            assert len(batches) > 2
            assert [one.event for events in batches for one in events] == whole

    run(scenario())


def test_the_displayed_book_follows_the_quotes(tmp_path: Path) -> None:
    """After every quote of a minute of real data, the best levels are that quote's."""
    frames = load([CAPTURE], 0, 60)

    async def scenario() -> None:
        async with VenueServer(options(tmp_path)) as server:
            depth, seen = server.venue.exchange.books["BTCUSDT"].depth, 0
            for event in CaptureReader().read(frames):
                server.venue.hear(event, "BTCUSDT")
                if isinstance(event, QuoteChanged):
                    seen += 1
                    bid, ask = depth.sides["BUY"], depth.sides["SELL"]
                    assert (bid.best(), ask.best()) == (event.bid_px, event.ask_px)
                    assert bid.shown(event.bid_px) == event.bid_qty
                    assert ask.shown(event.ask_px) == event.ask_qty
            assert seen > 1_000

    run(scenario())


def test_orders_trade_against_a_capture(tmp_path: Path) -> None:
    async def scenario() -> None:
        market = CaptureMarket(load([CAPTURE], 0, 40), None)
        async with (
            VenueServer(options(tmp_path, market=market)) as server,
            Client(server) as client,
        ):
            await server.market_ended.wait()
            server.check()
            _, quoted = await client.raw("GET", "/api/v3/ticker/bookTicker?symbol=BTCUSDT")
            assert 61_000 < Decimal(quoted["bidPrice"]) < Decimal(quoted["askPrice"]) < 62_500
            _, bought = await client.order("BUY", "0.1")
            assert bought["status"] == "FILLED"
            assert bought["fills"][0]["price"] == quoted["askPrice"]

    run(scenario())


def test_a_market_that_fails_ends_the_venue(tmp_path: Path) -> None:
    class Broken:
        async def batches(self):  # type: ignore[no-untyped-def]
            yield []
            raise TapeError("the market is gone")

    async def scenario() -> None:
        async with VenueServer(options(tmp_path, market=Broken())) as server:
            following = server._following
            assert following is not None
            await asyncio.wait([following])
            with pytest.raises(TapeError, match="the market is gone"):
                server.check()

    run(scenario())
