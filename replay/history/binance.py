"""Files of data.binance.vision: trades and aggregated trades.

Rows as the venue documents them (github.com/binance/binance-public-data): without a header for
spot, with one for futures; times in milliseconds, for spot in microseconds since 2025. Candles are
refused: they do not say in which order their prices came, so no honest trade can be made of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from replay.history.files import Parse, digest_of
from replay.history.rows import BadHistory, BadRow, Source, Trade, amount, time_ns
from schemas.events import Side

SPOT: Final = "BINANCE"
_NAME: Final = re.compile(
    r"(?P<symbol>[A-Z0-9]+)-(?P<kind>[A-Za-z0-9]+)(?:-[0-9]+[a-z]+)?"
    r"-(?P<date>\d{4}-\d\d(?:-\d\d)?)\.(?:zip|csv)"
)
# The buyer was the maker: the seller took.
_MAKER: Final[dict[str, Side]] = {"true": "SELL", "false": "BUY"}


class Layout(NamedTuple):
    """Places of the columns; `spot` and `futures`: how many there are."""

    time: int
    maker: int
    spot: int
    futures: int
    prefix: str


LAYOUTS: Final = {
    "trades": Layout(4, 5, 7, 6, ""),
    "aggTrades": Layout(5, 6, 8, 7, "agg-"),  # numbered by themselves
}


class Named(NamedTuple):
    """What a file's name says."""

    symbol: str
    kind: str
    date: str


def named(path: Path) -> Named:
    """Raises `BadHistory` for a file of another name, or of another kind than trades."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise BadHistory(f"{path}: not named like BTCUSDT-trades-2025-03-02.zip")
    name = Named(found["symbol"], found["kind"], found["date"])
    if name.kind not in LAYOUTS:
        raise BadHistory(f"{path}: {name.kind} hold no trades; take {' or '.join(LAYOUTS)}")
    return name


def files_in(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those in folders named, by instrument, date and kind: the order in
    which they can be imported. One that is there both packed and unpacked counts once. Raises
    `BadHistory`.
    """
    found: dict[Named, Path] = {}
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if _wanted(p)) if path.is_dir() else [path]
        if not inside:
            raise BadHistory(f"{path}: no files of trades in there")
        for one in inside:
            name = named(one)
            if name not in found or one.suffix == ".zip":
                found[name] = one
    return [found[name] for name in sorted(found, key=lambda n: (n.symbol, n.date, n.kind))]


def _wanted(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    return match is not None and match["kind"] in LAYOUTS


def source_of(path: Path, venue: str = SPOT) -> Source:
    """What the archive keeps of a file. Raises `BadHistory`."""
    name = named(path)
    form = f"binance-vision {name.kind}"
    return Source(path.name, digest_of(path), form, f"{name.symbol}.{venue}")


def parser(path: Path, venue: str = SPOT) -> Parse:
    """Rows of a file to trades. Only spot files are of the spot venue: contracts have the same
    symbols.
    """
    layout, newest = LAYOUTS[named(path).kind], -1

    def parse(row: list[str]) -> Trade | None:
        nonlocal newest
        if newest < 0 and row and not row[0].isdigit() and len(row) in layout[2:4]:
            return None  # its header
        if len(row) != layout.spot:
            _require_futures(len(row), layout, venue)
        if not (row[0].isascii() and row[0].isdigit()) or int(row[0]) <= newest:
            raise BadRow(f"trade id {row[0]!r} does not rise")
        newest = int(row[0])
        side = _MAKER.get(row[layout.maker].lower())
        if side is None:
            raise BadRow(f"is buyer maker: {row[layout.maker]!r} is neither true nor false")
        px, qty = amount(row[1], "price"), amount(row[2], "quantity")
        number = f"{layout.prefix}{newest}"
        return Trade(number, side, px, qty, time_ns(row[layout.time]))

    return parse


def _require_futures(count: int, layout: Layout, venue: str) -> None:
    if count != layout.futures:
        raise BadRow(f"{count} columns, not {layout.spot}")
    if venue == SPOT:
        raise BadRow(
            f"{count} columns are those of futures: name their venue with --venue, for they are "
            f"not what {SPOT} means"
        )
