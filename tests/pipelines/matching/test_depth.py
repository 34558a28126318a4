"""Quotes followed as columns leave what they leave one by one.

1. A book is drawn, with something taken of it, and then quotes, some older than the newest depth.
2. One depth follows them one by one, another all at once.
3. Both hold the same: levels, what is left of them, how far they are known, the newest update ids.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.matching.depth import Depth, Quotes
from schemas.events import BookChanged, QuoteChanged
from schemas.numbers import PRECISION, SCALE, exact, unscaled

NAME = ("BINANCE", "BTCUSDT.BINANCE")
QTY = st.integers(0, 2).map(lambda number: exact(str(number)))
BID, ASK = (st.integers(low, low + 2).map(lambda number: exact(str(number))) for low in (90, 98))
SEQUENCE = st.one_of(st.none(), st.integers(3, 9))
QUOTE = st.tuples(SEQUENCE, BID, QTY, ASK, QTY)
TAKES = st.one_of(st.tuples(st.just("BUY"), BID, QTY), st.tuples(st.just("SELL"), ASK, QTY))
TAKEN = st.lists(TAKES, max_size=4)


def book(bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal], last: int) -> BookChanged:
    sides = (tuple(bids), tuple(bids.values()), tuple(asks), tuple(asks.values()))
    return BookChanged(*NAME, True, None, last, None, *sides, 0, 0, "A")


def columns(quotes: list[tuple[Any, ...]]) -> Quotes:
    sequence = [quote[0] for quote in quotes]
    units = ([unscaled(quote[at], SCALE, PRECISION) for quote in quotes] for at in range(1, 5))
    return Quotes(sequence, *units)


def one_by_one(depth: Depth, quotes: list[tuple[Any, ...]]) -> None:
    for quote in quotes:
        depth.follow(QuoteChanged._make((*NAME, *quote, 0, 0, "A")))


def at_once(depth: Depth, quotes: list[tuple[Any, ...]]) -> None:
    depth.quoted(columns(quotes))


def held(depth: Depth) -> Any:
    sides = [
        [(str(px), str(side.shown(px)), str(side.left(px))) for px in side.prices()]
        for side in depth.sides.values()
    ]
    known = [str(side.edge) for side in depth.sides.values()]
    return sides, known, depth.quote_sequence, depth.depth_sequence


ONE, TWO, PX = exact("1"), exact("2"), exact("90")
SAID_ANEW = [(None, PX, TWO, exact("98"), ONE), (None, PX, ONE, exact("98"), ONE)]


@example({PX: ONE}, {}, [("BUY", PX, ONE)], SAID_ANEW, -1)
@given(
    st.dictionaries(BID, QTY, max_size=5),
    st.dictionaries(ASK, QTY, max_size=5),
    TAKEN,
    st.lists(QUOTE, max_size=8),
    st.integers(-1, 7),
)
def test_quotes_at_once(
    bids: dict[Decimal, Decimal],
    asks: dict[Decimal, Decimal],
    taken: list[Any],
    quotes: list[tuple[Any, ...]],
    last: int,
) -> None:
    def after(follow: Callable[[Depth, list[tuple[Any, ...]]], None]) -> Any:
        depth = Depth()
        depth.follow(book(bids, asks, last))
        for side, px, qty in taken:
            depth.sides[side].take(px, qty)
        follow(depth, quotes)
        return held(depth)

    assert after(at_once) == after(one_by_one)
