"""Files of data.binance.vision: trades, aggregated trades, best bids and asks (`bookTicker`).

Candles are refused: they do not say in which order their prices came, so no honest trade can be
made of one. So is `bookDepth`: it sums up the book by percent of the price.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from replay.history.binance_rows import LAYOUTS, SPOT, quotes, trades
from replay.history.files import CHECKSUM, Parse, digest_of
from replay.history.rows import QUOTES, TRADES, BadHistory, Source

_NAME: Final = re.compile(
    r"(?P<symbol>[A-Z0-9]+)-(?P<kind>[A-Za-z0-9]+)(?:-[0-9]+[a-z]+)?"
    r"-(?P<date>\d{4}-\d\d(?:-\d\d)?)\.(?:zip|csv)"
)
QUOTED: Final = "bookTicker"
KINDS: Final = (*LAYOUTS, QUOTED)
_REFUSED: Final = {
    "bookDepth": "bookDepth files tell how much lies within so many percent of the price, not at "
    "which prices: no book and no quote can be made of that",
}


class Named(NamedTuple):
    """What a file's name says."""

    symbol: str
    kind: str
    date: str


def named(path: Path) -> Named:
    """Raises `BadHistory` for a file of another name, or of a kind that nothing is made of."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise BadHistory(f"{path}: not named like BTCUSDT-trades-2025-03-02.zip")
    name = Named(found["symbol"], found["kind"], found["date"])
    if name.kind not in KINDS:
        why = _REFUSED.get(name.kind, f"{name.kind} hold neither trades nor quotes")
        raise BadHistory(f"{path}: {why}; take {', '.join(KINDS)}")
    return name


def files_in(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those in folders named, by instrument, date and kind: the order in
    which they can be imported. One that is there both packed and unpacked counts once. Raises
    `BadHistory`.
    """
    found: dict[Named, Path] = {}
    for path in paths:
        inside = [p for p in _inside(path) if _wanted(p)] if path.is_dir() else [path]
        if not inside:
            raise BadHistory(f"{path}: no files of trades or quotes in there")
        for one in inside:
            name = named(one)
            if name not in found or one.suffix == ".zip":
                found[name] = one
    return [found[name] for name in sorted(found, key=lambda n: (n.symbol, n.date, n.kind))]


def left_out(paths: Iterable[Path]) -> list[Path]:
    """What folders named hold besides: by its name nothing that `files_in` gives."""
    inside = (one for path in paths if path.is_dir() for one in _inside(path))
    return [p for p in inside if not _wanted(p) and p.suffix != CHECKSUM and p.name[0] != "."]


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _wanted(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    return match is not None and match["kind"] in KINDS


def source_of(path: Path, venue: str = SPOT) -> Source:
    """What the archive keeps of a file. Raises `BadHistory`."""
    name = named(path)
    if name.kind == QUOTED and venue == SPOT:
        raise BadHistory(
            f"{path}: {QUOTED} files are of futures: name their venue with --venue, for they are "
            f"not what {SPOT} means"
        )
    form, topic = f"binance-vision {name.kind}", QUOTES if name.kind == QUOTED else TRADES
    return Source(path.name, digest_of(path), form, f"{name.symbol}.{venue}", topic)


def parser(path: Path, venue: str = SPOT) -> Parse:
    """Rows of a file to trades or quotes."""
    kind = named(path).kind
    return quotes() if kind == QUOTED else trades(LAYOUTS[kind], venue)
