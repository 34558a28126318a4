"""The displayed market of one instrument: what was shown, less what simulated orders took of it.

What an order took stays taken until the venue says something new about that level: a depth message
that names it, or a quote with another quantity. (A quote repeats the side that did not change.)

Quotes overtake depth messages. Older depth says nothing about the prices at or inside a newer
quote, so those parts of it are passed over; so is a quote older than the newest depth.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from pipelines.exact import ZERO
from pipelines.matching.model import Side
from schemas.events import BookChanged, QuoteChanged, TradePrinted
from schemas.numbers import PRECISION, SCALE, from_units, unscaled


class Quotes(NamedTuple):
    """Quotes of one instrument, in order, as columns: numbers in units of 10**-10."""

    sequence: Sequence[int | None]
    bid_px: Sequence[int]
    bid_qty: Sequence[int]
    ask_px: Sequence[int]
    ask_qty: Sequence[int]

    def part(self, start: int, stop: int) -> Quotes:
        """Those from `start` to before `stop`."""
        sequence, *columns = self
        return Quotes(sequence[start:stop], *[column[start:stop] for column in columns])

    def only(self, kept: Sequence[int]) -> Quotes:
        """Those at some places."""
        return Quotes(*([column[at] for at in kept] for column in self))  # type: ignore[arg-type]


class Levels:
    """One side: prices with what is displayed. `best` first means: highest bid, lowest ask.

    `edge`: up to there all is known, from the last snapshot on or since the best price was there.
    """

    def __init__(self, side: Side) -> None:
        self._sign = -1 if side == "BUY" else 1
        self._keys: list[tuple[Decimal, Decimal]] = []  # price times sign, which sorts, and price
        self._shown: dict[Decimal, Decimal] = {}
        self._taken: dict[Decimal, Decimal] = {}
        self._named: set[Decimal] = set()  # displayed by depth, which tells when it changes
        self.edge: Decimal | None = None

    def best(self) -> Decimal | None:
        return self._keys[0][1] if self._keys else None

    def shown(self, px: Decimal) -> Decimal:
        return self._shown.get(px, ZERO)

    def left(self, px: Decimal) -> Decimal:
        """Displayed and not taken."""
        taken = self._taken.get(px)
        shown = self._shown.get(px, ZERO)
        return shown if taken is None else max(ZERO, shown - taken)

    def knows(self, px: Decimal) -> bool:
        """Whether what is displayed at a price is known."""
        ends = (self.best(), self.edge)
        within = any(end is not None and not self.is_behind(px, end) for end in ends)
        return within or px in self._named

    def prices(self) -> Iterator[Decimal]:
        """Best first."""
        for _, px in self._keys:
            yield px

    def set(self, px: Decimal, qty: Decimal) -> None:
        """What is displayed from now on; nothing of it is taken. A quantity of 0: no level."""
        key = px * self._sign
        self._taken.pop(px, None)
        if qty:
            if px not in self._shown:
                insort(self._keys, (key, px))
            self._shown[px] = qty
        elif self._shown.pop(px, None) is not None:
            del self._keys[bisect_left(self._keys, (key,))]
            self._named.discard(px)

    def name(self, px: Decimal, qty: Decimal) -> None:
        """`set`, by depth."""
        self.set(px, qty)
        if qty:
            self._named.add(px)

    def begin(self, prices: Sequence[Decimal]) -> None:
        """A snapshot ends with the worst of these."""
        worst = min if self._sign < 0 else max
        self.edge = worst(prices, default=None)

    def widen(self, best: Decimal | None) -> None:
        """What is better than the best price is known, and depth tells when it changes."""
        if self.edge is not None and best is not None and self.is_behind(best, self.edge):
            self.edge = best

    def take(self, px: Decimal, qty: Decimal) -> None:
        if px in self._shown:
            self._taken[px] = self._taken.get(px, ZERO) + qty

    def quote(self, px: Decimal, qty: Decimal) -> None:
        """The best level and its quantity: what was better is gone."""
        keys, key = self._keys, px * self._sign
        while keys and keys[0][0] < key:
            _, better = keys.pop(0)
            del self._shown[better]
            self._taken.pop(better, None)
            self._named.discard(better)
        if self._shown.get(px, ZERO) != qty:
            self.set(px, qty)
        self.widen(px)

    def quotes(self, prices: Sequence[int], quantities: Sequence[int]) -> None:
        """`quote` for each in order. One that leaves nothing is passed over: a later one is at its
        price or behind it. Where something was taken each counts, for it may say something new.
        """
        taken = {unscaled(px, SCALE, PRECISION) for px in self._taken}
        for at in _lasting(prices, self._sign, taken):
            self.quote(from_units(prices[at]), from_units(quantities[at]))

    def clear(self, behind: Decimal | None) -> None:
        """Forget all levels, or those behind a price."""
        for px in [px for px in self.prices() if behind is None or self.is_behind(px, behind)]:
            self.set(px, ZERO)

    def is_behind(self, px: Decimal, other: Decimal) -> bool:
        return px * self._sign > other * self._sign


def _lasting(prices: Sequence[int], sign: int, taken: set[int]) -> list[int]:
    """The places of the quotes that leave something, in order, and of those at a price of which
    something was taken.
    """
    found, behind = list[int](), None
    for at in range(len(prices) - 1, -1, -1):
        key = prices[at] * sign
        if behind is None or key > behind:
            behind = key
        elif prices[at] not in taken:
            continue
        found.append(at)
    return found[::-1]


class Depth:
    """Both sides, the last trade, and how new they are. `assumed`: nobody displayed the touch, so
    whatever else is there is not known.
    """

    def __init__(self) -> None:
        self.sides: dict[Side, Levels] = {"BUY": Levels("BUY"), "SELL": Levels("SELL")}
        self.last_px: Decimal | None = None
        self.assumed = False
        self.quote_sequence = self.depth_sequence = -1  # newest update ids, where there are any

    @property
    def sequence(self) -> int:
        """The newest update id of either kind; -1 where there is none."""
        return max(self.quote_sequence, self.depth_sequence)

    def knows(self, side: Side, px: Decimal) -> bool:
        """Whether what is displayed at a price is known."""
        return not self.assumed and self.sides[side].knows(px)

    def reference_px(self) -> Decimal | None:
        """The last trade's price, else the best bid, else the best ask."""
        if self.last_px is not None:
            return self.last_px
        return self.sides["BUY"].best() or self.sides["SELL"].best()

    def follow(self, event: BookChanged | QuoteChanged | TradePrinted) -> None:
        """One market event."""
        if isinstance(event, TradePrinted):
            self.last_px = event.last_px
            return
        self.assumed = False
        if isinstance(event, QuoteChanged):
            self._quoted(event)
        else:
            self._changed(event)

    def assume(self, quote: QuoteChanged) -> None:
        """A touch that nobody displayed."""
        self._quoted(quote)
        self.assumed = True

    def _quoted(self, event: QuoteChanged) -> None:
        if event.sequence is not None:
            if event.sequence < self.depth_sequence:
                return
            self.quote_sequence = event.sequence
        self.sides["BUY"].quote(event.bid_px, event.bid_qty)
        self.sides["SELL"].quote(event.ask_px, event.ask_qty)

    def quoted(self, quotes: Quotes) -> None:
        """`follow` for each of these."""
        if (depth := self.depth_sequence) >= 0:
            kept = [at for at, one in enumerate(quotes.sequence) if one is None or one >= depth]
            quotes = quotes.only(kept)
        told = (one for one in reversed(quotes.sequence) if one is not None)
        self.quote_sequence = next(told, self.quote_sequence)
        self.sides["BUY"].quotes(quotes.bid_px, quotes.bid_qty)
        self.sides["SELL"].quotes(quotes.ask_px, quotes.ask_qty)

    def _changed(self, event: BookChanged) -> None:
        last = event.last_sequence
        older = last is not None and last < self.quote_sequence
        self.depth_sequence = self.depth_sequence if last is None else last
        self._side("BUY", event.bid_px, event.bid_qty, event.snapshot, older)
        self._side("SELL", event.ask_px, event.ask_qty, event.snapshot, older)

    def _side(
        self,
        side: Side,
        prices: tuple[Decimal, ...],
        quantities: tuple[Decimal, ...],
        snapshot: bool,
        older: bool,
    ) -> None:
        levels = self.sides[side]
        best = levels.best() if older else None
        if snapshot:
            levels.clear(best)
            levels.begin(prices)
        for px, qty in zip(prices, quantities, strict=True):
            if best is None or levels.is_behind(px, best):
                levels.name(px, qty)
        levels.widen(levels.best())
