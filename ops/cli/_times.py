"""Time ranges as every command takes them: `--date D`, or `--from` and `--to` (RFC 3339). Log
time, UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import TapeError

if TYPE_CHECKING:
    from replay.rerun import Span

From = Annotated[str | None, typer.Option("--from", help="RFC 3339, inclusive")]
To = Annotated[str | None, typer.Option("--to", help="RFC 3339, exclusive")]
Date = Annotated[str | None, typer.Option("--date", help="a UTC day, YYYY-MM-DD")]


class BadTime(TapeError):
    """A time or a range that cannot be understood."""


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time; without an offset it is UTC. Raises
    `BadTime`.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadTime(f"{text!r} is not an RFC 3339 time like 2026-03-02T14:03:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def span_of(start: str | None, end: str | None, day: str | None) -> Span:
    """The range that the three options name; unbounded where they say nothing."""
    from replay.rerun import Span

    if day is not None:
        if start or end:
            raise BadTime("give either --date or --from and --to")
        try:
            first = date.fromisoformat(day)
        except ValueError:
            raise BadTime(f"{day!r} is not a day like 2026-03-02") from None
        return Span(milliseconds(f"{first}"), milliseconds(f"{first + timedelta(days=1)}"))
    return Span(start and milliseconds(start), end and milliseconds(end))  # type: ignore[arg-type]


def start_of(text: str | None) -> str | int | None:
    """Where a first start begins: earliest, latest, or a time in milliseconds."""
    return text if text in (None, "earliest", "latest") else milliseconds(text)
