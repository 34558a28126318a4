"""What was booked by hand, by its id: a second booking under an id counts for nobody who reads the
log, so it is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.control import CONTROL, Decided, decided
from connectors.log.interface import Log
from pipelines.exact import plain
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import PositionAdjusted, TransferAnnounced


class BadTransfer(TapeError):
    """A transfer or an adjustment that cannot be booked."""


def booked(log: Log, codec: Codec) -> dict[str, Decided]:
    """Transfers and adjustments by id; of several with one id the first counts."""
    known = dict[str, Decided]()
    for found in decided(log, codec):
        if isinstance(found.event, (TransferAnnounced, PositionAdjusted)):
            known.setdefault(found.event[0], found)
    return known


def known_as(known: Mapping[str, Decided], event: Any) -> Decided | None:
    """The same, booked before under that id: it need not be said again. Raises `BadTransfer` where
    the id is that of another booking.
    """
    found = known.get(event[0])
    if found is None or _about(found.event) == _about(event):
        return found
    before = ", ".join(map(_told, filter(None, _about(found.event)[1:])))
    place = f"{CONTROL.topic}/{CONTROL.partition}/{found.offset}"
    raise BadTransfer(f"id {event[0]} is that of another booking, {place}: {before}")


def _about(event: Any) -> tuple[Any, ...]:
    """What is booked: without the id before it, and who said it, why and when, behind it."""
    return (type(event), *event[1:-4])


def _told(part: Any) -> str:
    return plain(part) if isinstance(part, Decimal) else str(part)
