"""Any table of trades or of quotes with a header: its columns by name, as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from replay.history.files import Parse, digest_of
from replay.history.rows import (
    QUOTES,
    TRADES,
    BadHistory,
    BadRow,
    Quote,
    Row,
    Source,
    Trade,
    amount,
    known_ns,
    quote,
    time_ns,
    whole,
)
from schemas.events import Side


class Names(NamedTuple):
    """What a table's columns may be called by."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]


SIDES: Final = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")
KNOWN: Final = {
    TRADES: Names(("time", "price", "quantity"), ("side", "id")),
    QUOTES: Names(("time", *SIDES), ("id",)),
}
_SIDES: Final[dict[str, Side]] = {
    **dict.fromkeys(("buy", "b", "bid"), "BUY"),
    **dict.fromkeys(("sell", "s", "ask"), "SELL"),
    **dict.fromkeys(("", "unknown"), "UNKNOWN"),
}
_INSTRUMENT: Final = re.compile(r"[A-Za-z0-9_/-]+\.[A-Z][A-Z0-9_-]*").fullmatch
BACK_NS_MAX: Final = 1_000_000_000
"""How much older than a row above it a row may be: a venue's parts tell the time a little apart.
More is a table in another order, such as the newest first."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPLIT: Final = re.compile(r"([^.,]+?)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:\d\d)?")


def columns_of(text: str) -> dict[str, str]:
    """`time=ts,price=px,...` as a mapping; see `KNOWN`. Raises `BadHistory`."""
    pairs = [one.partition("=")[::2] for one in text.split(",")]
    found = {name.strip(): column.strip() for name, column in pairs}
    known = KNOWN[topic_of(found)]
    names = (*known.needed, *known.optional)
    if len(found) != len(pairs) or not all(found.values()) or not set(found) <= set(names):
        raise BadHistory(f"--columns is NAME=COLUMN,... of {', '.join(names)}, each once: {text!r}")
    if missing := [name for name in known.needed if name not in found]:
        raise BadHistory(f"--columns names no {missing[0]}")
    return found


def topic_of(columns: Mapping[str, str]) -> str:
    """Quotes where any side of the book is named, else trades."""
    return TRADES if columns.keys().isdisjoint(SIDES) else QUOTES


def source_of(path: Path, instrument: str, columns: Mapping[str, str]) -> Source:
    """What the archive keeps of a file. Raises `BadHistory`."""
    if not _INSTRUMENT(instrument):
        raise BadHistory(f"instrument {instrument!r} is not like BTCUSDT.BINANCE")
    return Source(path.name, digest_of(path), "csv", instrument, topic_of(columns))


def parser(source: Source, columns: Mapping[str, str]) -> Parse:
    """Rows to trades or quotes. Without a column of ids a trade's is the file's digest and its row:
    equal whenever the same file is read. Rows come in the order of their times.
    """
    places: dict[str, int] = {}
    made = _quote if source.topic == QUOTES else _trade
    count = newest_ns = 0

    def parse(row: list[str]) -> Row | None:
        nonlocal count, newest_ns
        if not places:
            places.update(_places(row, columns))
            return None
        count += 1
        if len(row) <= max(places.values()):
            raise BadRow(f"{len(row)} columns are too few")
        told = {name: row[place].strip() for name, place in places.items()}
        found = made(told, f"{source.sha256[:12]}-{count}")
        if found.ts_ns < newest_ns - BACK_NS_MAX:
            raise BadRow(f"time {told['time']!r} is older than a row above: sort the table by time")
        newest_ns = max(newest_ns, found.ts_ns)
        return found

    return parse


def _trade(told: Mapping[str, str], place: str) -> Trade:
    side = _SIDES.get(told.get("side", "").lower())
    if side is None:
        raise BadRow(f"side {told['side']!r} is neither buy nor sell")
    px, qty = amount(told["price"], "price"), amount(told["quantity"], "quantity")
    return Trade(told.get("id") or place, side, px, qty, _time(told["time"]))


def _quote(told: Mapping[str, str], _: str) -> Quote:
    sequence = whole(told["id"], "id") if told.get("id") else None
    return quote(sequence, [told[name] for name in SIDES], _time(told["time"]))


def _places(header: list[str], columns: Mapping[str, str]) -> dict[str, int]:
    names = [name.strip() for name in header]
    for column in columns.values():
        if names.count(column) != 1:
            raise BadRow(f"column {column!r} is there {names.count(column)} times: {names}")
    return {name: names.index(column) for name, column in columns.items()}


def _time(text: str) -> int:
    """Nanoseconds since 1970 of a whole number, or of an RFC 3339 time (UTC where it does not
    say), up to nanoseconds exactly.
    """
    if text.isdigit():
        return time_ns(text)
    found = _SPLIT.fullmatch(text)
    whole, fraction, zone = found.groups(default="") if found else ("", "", "")
    try:
        moment = datetime.fromisoformat(whole + zone)
    except ValueError:
        raise BadRow(f"time {text!r} is neither RFC 3339 nor a number since 1970") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return known_ns(seconds * 1_000_000_000 + int(f"{fraction:0<9}"), text)
