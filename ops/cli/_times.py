"""Time ranges as every command takes them: `--date D`, or `--from` and `--to` (RFC 3339). Log
time, UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from replay.times import Span

From = Annotated[str | None, typer.Option("--from", help="RFC 3339, inclusive")]
To = Annotated[str | None, typer.Option("--to", help="RFC 3339, exclusive")]
Date = Annotated[str | None, typer.Option("--date", help="a UTC day, YYYY-MM-DD")]


def span_of(start: str | None, end: str | None, day: str | None) -> Span:
    """The range that the three options name; unbounded where they say nothing. Raises
    `BadTime`.
    """
    from replay.times import BadTime, Span, day_span, milliseconds

    if day is not None:
        if start or end:
            raise BadTime("give either --date or --from and --to")
        return day_span(day)
    span = Span(*(None if one is None else milliseconds(one) for one in (start, end)))
    if span.from_ms is not None and span.to_ms is not None and span.from_ms >= span.to_ms:
        raise BadTime(f"--from {start} is not before --to {end}")
    return span


def start_of(text: str | None) -> str | int | None:
    """Where a first start begins: earliest, latest, or a time in milliseconds."""
    from replay.times import milliseconds

    return text if text in (None, "earliest", "latest") else milliseconds(text)
