"""The market of the log reaches the venue: what was displayed before it came, what trades after."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.log.errors import TopicMissing
from connectors.log.interface import OutRecord
from connectors.log.memory import MemoryLog
from connectors.simulated.followed import TOPICS, FollowedMarket
from connectors.simulated.server import VenueServer
from schemas.errors import TapeError
from schemas.events import BookChanged, QuoteChanged, TradePrinted
from tests.connectors.asynchronous import run, until
from tests.connectors.cluster import LeavingRegistry, local_codec
from tests.connectors.simulated.rig import NAME, Client, options

CODEC = local_codec()
BOOK, QUOTE, TRADE = TOPICS


def _levels(*pairs: str) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...]]:
    split = [pair.split("x") for pair in pairs]
    return tuple(Decimal(px) for px, _ in split), tuple(Decimal(qty) for _, qty in split)


def _book(sequence: int, snapshot: bool = False, bids: tuple[str, ...] = ()) -> BookChanged:
    sides = (*_levels(*bids), *_levels("101x1"))
    return BookChanged(*NAME, snapshot, sequence, sequence, None, *sides, None, 0, "A")


def _quote(sequence: int, bid: str, ask: str = "101") -> QuoteChanged:
    px, one = (Decimal(bid), Decimal(ask)), Decimal(1)
    return QuoteChanged(*NAME, sequence, px[0], one, px[1], one, None, 0, "A")


def _trade(px: str, qty: str = "1") -> TradePrinted:
    return TradePrinted(*NAME, "1", "SELL", Decimal(px), Decimal(qty), None, 0, "A")


def _log(*items: tuple[int, str, Any]) -> MemoryLog:
    log = MemoryLog(dict.fromkeys(TOPICS, 2))
    _append(log, *items)
    return log


def _append(log: MemoryLog, *items: tuple[int, str, Any], key: str = NAME[1]) -> None:
    """Each by its time in ms and its topic."""
    for at_ms, topic, event in items:
        log.append(OutRecord(topic, 1, key.encode(), CODEC.encode(event), at_ms))


def test_a_late_venue_knows_what_is_displayed_and_fills_nothing_with_the_past(
    tmp_path: Path,
) -> None:
    log = _log(
        (1, BOOK, _book(10, snapshot=True, bids=("100x5", "99x7"))),
        (2, QUOTE, _quote(12, "100")),
        (3, TRADE, _trade("98")),
        (4, BOOK, _book(14, bids=("99x3",))),
    )

    async def scenario() -> None:
        market = FollowedMarket(log, CODEC)
        async with (
            VenueServer(options(tmp_path, market=market)) as server,
            Client(server) as client,
        ):
            depth = server.venue.exchange.books["BTCUSDT"].depth
            await until(lambda: depth.sequence == 14)
            assert depth.sides["BUY"].edge == 99
            bids = depth.sides["BUY"]
            shown = {px: bids.shown(px) for px in bids.prices()}
            assert shown == {Decimal(100): Decimal(1), Decimal(99): Decimal(3)}
            assert depth.last_px is None
            _, rests = await client.order("BUY", "0.5", "99", newOrderRespType="RESULT")
            assert rests["status"] == "NEW"
            _append(log, (5, QUOTE, _quote(15, "98")), (6, TRADE, _trade("97")))
            await until(lambda: server.venue.exchange.orders[rests["orderId"]].status == "FILLED")
            assert depth.sides["BUY"].best() == 98
            server.check()

    run(scenario())


def test_what_one_look_finds_comes_in_order_of_time(tmp_path: Path) -> None:
    log = _log((5, TRADE, _trade("7")), (3, BOOK, _book(1)), (4, QUOTE, _quote(2, "100")))
    _append(log, (1, BOOK, _book(1)._replace(instrument="X.COINBASE")), key="X.COINBASE")

    async def scenario() -> None:
        market = FollowedMarket(log, CODEC)
        batches = market.batches()
        past = [type(one.event) for one in await anext(batches)]
        assert past == [BookChanged, QuoteChanged]
        new = [(9, BOOK, _book(3)), (8, QUOTE, _quote(4, "99")), (8, TRADE, _trade("99"))]
        _append(log, *new)
        batch = await anext(batches)
        assert [type(one.event) for one in batch] == [QuoteChanged, TradePrinted, BookChanged]
        assert [one.position for one in batch] == [(QUOTE, 1, 1), (TRADE, 1, 1), (BOOK, 1, 2)]

    run(scenario())


def test_a_record_that_cannot_be_read_ends_the_venue(tmp_path: Path) -> None:
    log = _log()

    async def scenario() -> None:
        market = FollowedMarket(log, CODEC)
        async with VenueServer(options(tmp_path, market=market)) as server:
            log.append(OutRecord(QUOTE, 0, NAME[1].encode(), b"torn", 1))
            following = server._following
            assert following is not None
            await until(following.done)
            with pytest.raises(TapeError, match="no schema frame"):
                server.check()

    run(scenario())


def test_a_venue_that_follows_goes_on_without_a_registry() -> None:
    log, registry = _log((1, QUOTE, _quote(1, "100"))), LeavingRegistry()

    async def scenario() -> None:
        registry.gone = True  # a desk's venue starts before there are schemas
        batches = FollowedMarket(log, registry.codec).batches()
        registry.gone = False
        assert [type(one.event) for one in await anext(batches)] == [QuoteChanged]
        registry.gone = True
        _append(log, (2, BOOK, _book(2)), (3, TRADE, _trade("99")))
        found = [type(one.event) for one in await anext(batches)]
        assert found == [BookChanged, TradePrinted]

    run(scenario())


def test_a_log_without_the_topics_is_refused() -> None:
    with pytest.raises(TopicMissing, match="tape topics apply"):
        FollowedMarket(MemoryLog({}), CODEC)
