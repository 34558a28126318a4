"""The canonical bytes of the gateway's state: sorted JSON, numbers as plain text, nothing derived.

Equal states give equal bytes. Orders that ended two days ago are left out, as the fold forgets them
with the next full hour.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from pipelines.exact import plain
from pipelines.gateway.book import SECOND_MS, Entry, Today
from pipelines.gateway.fold import Asked, OrderFold
from pipelines.gateway.holdings import Holdings
from pipelines.gateway.reports import Reader
from pipelines.gateway.resolution import Inquiry
from pipelines.logic import StateVersionError
from pipelines.saving import as_json
from schemas.events import OrderApproved

VERSION: Final = 3
_FORM: Final = [list(Entry._fields), list(OrderApproved._fields)]


def dump(fold: OrderFold) -> bytes:
    """The state of a fold."""
    return text(values(fold))


def text(body: Any) -> bytes:
    """Canonical JSON."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def values(fold: OrderFold) -> dict[str, Any]:
    """The same as JSON's values, which share nothing with the fold."""
    fold.forget()
    book = fold.book
    newest_ms = max(book.stamps_ms, default=0)
    return {
        "form": _FORM,
        "entries": {name: as_json(entry) for name, entry in book.entries.items()},
        "live": list(book.live),  # in the order of their sending
        "positions": _amounts(book.positions),
        "parents": _amounts(book.parents),
        "stamps_ms": [ms for ms in book.stamps_ms if ms > newest_ms - SECOND_MS],
        "today": as_json(book.today),
        "recv_window_ms_max": book.recv_window_ms_max,
        "last_trade_ns": book.last_trade_ns,
        "holdings": as_json(book.holdings),
        "inquiries": list(map(as_json, fold.inquiries.values())),
        "requests": {name: as_json(asked) for name, asked in fold.requests.items()},
        "gapped": fold.gapped,
        "clock_ns": fold.clock_ns,
    }


def restored(found: Mapping[str, Any], version: int, reader: Reader) -> OrderFold:
    """The fold again, from its values. Raises `StateVersionError` for another form."""
    if version != VERSION or found.get("form") != _FORM:
        raise StateVersionError(f"gateway state version {version} of another form")
    fold = OrderFold(reader)
    for name, qty in found["positions"].items():
        fold.book.positions[name] = Decimal(qty)
    for name, qty in found["parents"].items():
        fold.book.parents[name] = Decimal(qty)
    fold.book.restore(msgspec.convert(found["entries"], dict[str, Entry]), found["live"])
    fold.book.stamps_ms.extend(found["stamps_ms"])
    fold.book.recv_window_ms_max = found["recv_window_ms_max"]
    fold.book.last_trade_ns = found["last_trade_ns"]
    fold.book.today = msgspec.convert(found["today"], Today)
    fold.book.holdings = msgspec.convert(found["holdings"], Holdings)
    inquiries = msgspec.convert(found["inquiries"], list[Inquiry])
    fold.inquiries = {one.cl_ord_id: one for one in inquiries}
    fold.requests = msgspec.convert(found["requests"], dict[str, Asked])
    fold.gapped, fold.clock_ns = found["gapped"], found["clock_ns"]
    return fold


def _amounts(found: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: plain(qty) for name, qty in found.items() if qty}
