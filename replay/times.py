"""Times as people write them, in log time: milliseconds UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from schemas.errors import TapeError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


class Span(NamedTuple):
    """Log time, in milliseconds UTC: from inclusive, to exclusive; None is unbounded."""

    from_ms: int | None = None
    to_ms: int | None = None


EVERYTHING = Span()


class BadTime(TapeError):
    """A time or a range that cannot be understood."""


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time; without an offset it is UTC. Raises
    `BadTime`; so does a time before 1970, where no log can have begun, and one after 9999.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadTime(f"{text!r} is not an RFC 3339 time like 2026-03-02T14:03:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment < _EPOCH:
        raise BadTime(f"{text} lies before 1970-01-01")
    if moment > _LAST:
        raise BadTime(f"{text} lies after 9999-12-31 UTC")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def text_of(at_ms: int) -> str:
    """RFC 3339, UTC, to the millisecond."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{moment.replace(tzinfo=None).isoformat('T', 'milliseconds')}Z"


def day_span(text: str) -> Span:
    """A whole UTC day. Raises `BadTime`."""
    try:
        first = date.fromisoformat(text)
        after = first + timedelta(days=1)
    except (ValueError, OverflowError):
        raise BadTime(f"{text!r} is not a day like 2026-03-02") from None
    return Span(milliseconds(f"{first}"), milliseconds(f"{after}"))
