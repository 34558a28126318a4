"""A time line as Markdown, for a review to be written around, and as JSON. Times are UTC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replay.timeline.run import Timeline
from replay.times import text_of


def as_json(found: Timeline) -> dict[str, Any]:
    """Everything; times in milliseconds and as text."""
    return {
        "from": stamp(found.span.from_ms),
        "to": stamp(found.span.to_ms),
        "moments": [{"time": stamp(one.at_ms), **one._asdict()} for one in found.moments],
        "counts": [one._asdict() for one in found.counts],
        "notes": found.notes,
    }


def as_markdown(found: Timeline) -> str:
    """Two tables: what happened, and what is counted."""
    moments = [
        (stamp(one.at_ms) or "", one.what, one.whom, one.how, f"`{one.place}`")
        for one in found.moments
    ]
    counts = [
        (one.what, one.of, f"{one.times:,}", stamp(one.first_ms) or "", stamp(one.last_ms) or "")
        for one in found.counts
    ]
    first, last = stamp(found.span.from_ms), stamp(found.span.to_ms)
    parts = [
        f"{first or 'The beginning'} to {last or 'the end'}, UTC.",
        table(("time", "what", "whom", "how", "where"), moments),
        table(("counted", "of", "times", "first", "last"), counts),
        *(f"Note: {note}." for note in found.notes),
    ]
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown; what people wrote stays in its cell."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def stamp(at_ms: int | None) -> str | None:
    """RFC 3339 to the millisecond; None of None."""
    return None if at_ms is None else text_of(at_ms)
