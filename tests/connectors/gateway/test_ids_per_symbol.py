"""The gateway at a venue that counts orders per symbol, as Binance does; the simulated venue counts
them over all, so the port halves its ids: the first two orders have one.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from connectors.orderport.binance_spot.port import BinanceSpot
from connectors.orderport.interface import Request
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from pipelines.exact import ZERO
from pipelines.gateway.reports import FillReport, Kind, OrderReport, Report
from schemas.events import BookChanged, QuoteChanged, TradePrinted
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import BTC, CAPS, Records, caps, memory, running
from tests.connectors.simulated.rig import options, quote

ETH: Final = "ETHUSDT.BINANCE"


class PerSymbol(BinanceSpot):
    """Trades are asked for by instrument alone: the venue does not know these ids."""

    def read_response(self, kind: Kind, status: int, body: bytes) -> list[Report]:
        return [_halved(one) for one in super().read_response(kind, status, body)]

    def read_frame(self, payload: bytes) -> list[Report]:
        return [_halved(one) for one in super().read_frame(payload)]

    def trades(self, instrument: str, order_id: str | None, *rest: Any) -> Request:
        return super().trades(instrument, None, *rest)


def _halved(report: Report) -> Report:
    if isinstance(report, OrderReport | FillReport):
        return report._replace(order_id=str((int(report.order_id) + 1) // 2))
    return report


def eth_quote(server: VenueServer) -> None:
    bid, ask, qty = Decimal(99), Decimal(101), Decimal(5)
    levels = ((bid,), (qty,), (ask,), (qty,))
    book = BookChanged("BINANCE", ETH, True, None, None, None, *levels, None, 0, "A")
    best = QuoteChanged("BINANCE", ETH, None, bid, qty, ask, qty, None, 0, "A")
    for event in (book, best):
        server.venue.hear(event, "ETHUSDT")


def eth_trade(server: VenueServer) -> None:
    price, qty = Decimal(95), Decimal(1)
    printed = TradePrinted("BINANCE", ETH, "1", "SELL", price, qty, None, 0, "A")
    server.venue.hear(printed, "ETHUSDT")


async def accepted(records: Records, instrument: str) -> str:
    name = records.approve(instrument=instrument)
    await until(lambda: "Accepted" in records.told(name), name)
    return name


def test_a_missing_fill_goes_to_its_instruments_order(tmp_path: Path) -> None:
    records = memory()
    limits = caps(position_max={**CAPS["position_max"], ETH: "10"})

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            eth_quote(server)
            async with running(records, server, tmp_path, port=PerSymbol(), caps=limits) as gateway:
                book = gateway.desk.fold.book
                await until(lambda: len(gateway.desk.quotes) == 2, "both quotes")
                eth = await accepted(records, ETH)
                server.faults.arm(Fault("fill_missing"))
                eth_trade(server)
                records.cancel(eth)
                await until(lambda: eth in book.missing, "the end")
                await accepted(records, BTC)  # before its trades are asked for
                assert {entry.order_id for entry in book.entries.values()} == {"1"}
                await until(lambda: "Filled" in records.told(eth), "the fill")
                assert (book.position(ETH), book.position(BTC)) == (Decimal("0.1"), ZERO)

    run(main())
