"""A batch of the market as columns, for a desk at which few records do anything at once.

A trade that no order waits for, a quote while none is on its way: what they leave is looked at when
something happens, so nothing is made of each. What happens is the same as record after record.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any, Final

import polars as pl

from pipelines.batches import key_of
from pipelines.logic import Batch, Input, Position
from pipelines.matching.depth import Quotes
from pipelines.matching.model import Side
from pipelines.matching.state import Book
from schemas.events import CLASSES, BookChanged
from schemas.numbers import PRECISION, SCALE, from_units, unscaled

NS_PER_MS: Final = 1_000_000
TRADES: Final = "TradePrinted"
QUOTES: Final = "QuoteChanged"
PLACE: Final = ("_index", "_timestamp_ms")
POSITION: Final = ("_topic", "_partition", "_offset")
SIDES: Final[tuple[Side, ...]] = ("BUY", "SELL")
NONE: Final[Mapping[Side, float]] = {"BUY": float("-inf"), "SELL": float("inf")}
NUMBERS: Final = ("bid_px", "bid_qty", "ask_px", "ask_qty")

Books = Mapping[str, Book]


class Rows:
    """The rows of one event and instrument. The venue heard the first `heard` of them, the strategy
    was told of the first `told`.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame, self.heard, self.told = frame, 0, 0
        self._lists: dict[str, list[Any]] = {}
        self.places: list[int] = self.column("_index")

    def until(self, place: int) -> range:
        """Those before a place of the batch that were not heard; they count as heard from now."""
        start, self.heard = self.heard, bisect_left(self.places, place, self.heard)
        return range(start, self.heard)

    def latest(self, place: int) -> int | None:
        """The last before a place; None where the strategy was told of it. It counts as told."""
        before, self.told = self.told, bisect_left(self.places, place, self.told)
        return self.told - 1 if self.told > before else None

    def between(self, start: int, until: int) -> slice:
        """Those of the places [start, until)."""
        return slice(bisect_left(self.places, start), bisect_left(self.places, until))

    @property
    def prices(self) -> list[int]:
        """Of trades, in units of 10**-10."""
        return self.column("last_px")

    @cached_property
    def numbers(self) -> Quotes:
        """Of quotes."""
        return Quotes(*map(self.column, ("sequence", *NUMBERS)))

    def column(self, name: str) -> list[Any]:
        """Decimals in units of 10**-10. Made once, however many ask."""
        if name not in self._lists:
            series = self.frame[name]
            exact = isinstance(series.dtype, pl.Decimal)
            self._lists[name] = (series.to_physical() if exact else series).to_list()
        return self._lists[name]

    @cached_property
    def _columns(self) -> list[tuple[list[Any], bool]]:
        """Place and fields, and which of them are decimals: of a few rows, a list each costs a
        tenth of asking the frame for a row.
        """
        return [
            (self.column(name), isinstance(kind, pl.Decimal))
            for name, kind in self.frame.schema.items()
            if name != "_index"
        ]

    def item(self, at: int, event: Any) -> Input:
        """A row as the record that it is."""
        return _input(
            [from_units(one[at]) if exact else one[at] for one, exact in self._columns], event
        )


class Columns:
    """`loud` are records that always count: depth, marks, ticks and what signals want something at.
    Places are those of the merged order. A batch with dead letters has no such form.
    """

    def __init__(self, batch: Batch, causes: Collection[Position]) -> None:
        self._tables, self.count = batch.tables, batch.count
        times = pl.concat([frame.select(PLACE) for frame in self._tables.values()]).sort("_index")
        self._times: list[int] = times["_timestamp_ms"].to_list()
        self._reached = list(accumulate(self._times, max))
        self._inputs: dict[int, Input] = {}
        for name, frame in self._tables.items():
            counts = caused(frame, causes) if name in {TRADES, QUOTES} else frame
            self._inputs.update(_inputs(counts, CLASSES[name]))
        self._loud = [*sorted(self._inputs), self.count]
        self._rows = {name: _apart(self._tables.get(name)) for name in (TRADES, QUOTES)}

    def ns(self, place: int) -> int:
        """Log time of a record."""
        return self._times[place] * NS_PER_MS

    def reached_ns(self, place: int) -> int:
        """The latest log time of all records up to one."""
        return self._reached[place] * NS_PER_MS

    def due(self, start: int, at_ns: int | None) -> int:
        """The first record from `start` on that is at or after a time; `count` where none is."""
        if at_ns is None:
            return self.count
        at_ms = -(-at_ns // NS_PER_MS)
        place = bisect_left(self._reached, at_ms, start)
        while place < self.count and self._times[place] < at_ms:
            place += 1  # log time is a maximum, a record's own may lie before it
        return place

    def loud(self, start: int, until: int, books: Books) -> int:
        """The first record from `start` on that may do something at once; `until` where none
        before it does.
        """
        found = min(until, self._loud[bisect_left(self._loud, start)])
        for instrument, book in books.items():
            if any(map(len, book.queues.values())):
                found = self._reaching(instrument, book, start, found)
                found = self._placing(instrument, book, start, found)
        return found

    def _reaching(self, instrument: str, book: Book, start: int, until: int) -> int:
        """The first trade at a price that a resting order has, or beyond it."""
        rows = self._rows[TRADES].get(instrument)
        if rows is None:
            return until
        below, above = (_units(book.queues[side].best(), side) for side in SIDES)
        span = rows.between(start, until)
        for place, px in zip(rows.places[span], rows.prices[span], strict=True):
            if px <= below or px >= above:
                return place
        return until

    def _placing(self, instrument: str, book: Book, start: int, until: int) -> int:
        """The first quote that may tell the place of an order: no better than the order's price."""
        rows = self._rows[QUOTES].get(instrument)
        if rows is None or not book.unplaced:
            return until
        below, above = (_units(_unplaced(book, side), side) for side in SIDES)
        span = rows.between(start, until)
        bids, asks = rows.numbers.bid_px[span], rows.numbers.ask_px[span]
        for place, bid, ask in zip(rows.places[span], bids, asks, strict=True):
            if bid <= below or ask >= above:
                return place
        return until

    def item(self, place: int) -> Input:
        """The record at a place."""
        return self._inputs.get(place) or self._row(place)

    def _row(self, place: int) -> Input:
        for name, apart in self._rows.items():
            for rows in apart.values():
                at = bisect_left(rows.places, place)
                if rows.places[at : at + 1] == [place]:
                    return _input(rows.frame.row(at)[1:], CLASSES[name])
        raise IndexError(place)

    def heard(self, place: int) -> None:
        """A record was heard by itself, by venue and strategy; all before it are heard."""
        for apart in self._rows.values():
            for rows in apart.values():
                if rows.places[rows.heard : rows.heard + 1] == [place]:
                    rows.heard = rows.told = rows.heard + 1

    def trades(self, until: int) -> Iterator[tuple[str, Decimal]]:
        """The last trade before a place, of each instrument where one was not heard."""
        for instrument, rows in self._rows[TRADES].items():
            if new := rows.until(until):
                yield instrument, from_units(rows.prices[new[-1]])

    def quotes(self, until: int) -> Iterator[tuple[str, Quotes]]:
        """The quotes before a place that were not heard, by instrument."""
        for instrument, rows in self._rows[QUOTES].items():
            if new := rows.until(until):
                yield instrument, rows.numbers.part(new.start, new.stop)

    def latest(self, until: int) -> Iterator[Input]:
        """The last quote before a place, of each instrument where the strategy does not know it."""
        for rows in self._rows[QUOTES].values():
            at = rows.latest(until)
            if at is not None:
                yield rows.item(at, CLASSES[QUOTES])


@lru_cache(4_096)
def _units(px: Decimal | None, side: Side) -> float:
    """A price in units of 10**-10; None: one that no other reaches."""
    return NONE[side] if px is None else unscaled(px, SCALE, PRECISION)


def _unplaced(book: Book, side: Side) -> Decimal | None:
    """The best price of a side's orders whose places are not known."""
    prices = [order.price for order in book.unplaced if order.side == side]
    return (max if side == "BUY" else min)(prices, default=None)


def _apart(frame: pl.DataFrame | None) -> dict[str, Rows]:
    """The rows of each instrument."""
    if frame is None or not frame.height:
        return {}
    parts = frame.partition_by("instrument", as_dict=True, maintain_order=True)
    return {str(name): Rows(part) for (name,), part in parts.items()}


def caused(frame: pl.DataFrame, causes: Collection[Position]) -> pl.DataFrame:
    """The rows of a frame that are among the causes."""
    offsets = pl.Series([cause.offset for cause in causes], dtype=pl.Int64)
    there = frame["_offset"].is_in(offsets.implode()).arg_true()
    places = zip(*(frame[name].gather(there) for name in POSITION), strict=True)
    kept = [at for at, place in zip(there, places, strict=True) if Position(*place) in causes]
    return frame[kept]


def _inputs(frame: pl.DataFrame, event: Any) -> Iterable[tuple[int, Input]]:
    return ((place, _input(row, event)) for place, *row in frame.rows())


def _input(row: Sequence[Any], event: Any) -> Input:
    topic, partition, offset, timestamp_ms, *fields = row
    if event is BookChanged:
        fields = [tuple(one) if isinstance(one, list) else one for one in fields]
    made = event._make(fields)
    return Input(Position(topic, partition, offset), timestamp_ms, key_of(made).encode(), made)
