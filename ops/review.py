"""A review of an incident, begun: the template in `ops/runbooks` with its time line filled in."""

from __future__ import annotations

from typing import Final

from ops.settings import ROOT
from replay.timeline.run import Timeline
from replay.timeline.text import as_markdown, stamp

TEMPLATE: Final = ROOT / "ops" / "runbooks" / "review.md"


def review_of(found: Timeline) -> str:
    """The template; what people must find out stays open in it."""
    named = {
        "FROM": stamp(found.span.from_ms) or "the beginning",
        "TO": stamp(found.span.to_ms) or "the end",
        "TIMELINE": as_markdown(found),
    }
    text = TEMPLATE.read_text()
    for name, value in named.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text.rstrip()
