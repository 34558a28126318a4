"""The second shell: runs recorded epochs again and compares, keeps the log as files, and shows what
it holds.

`rerun` re-runs one shard, `compare` shows the first difference, `tail` decodes a topic for people
and pipes, `archive` keeps it, `sql`, `explain` and `scan` answer questions about it.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def scan(
    topic: str,
    start: str | date | None = None,
    end: str | date | None = None,
    root: str | None = None,
) -> pl.LazyFrame:
    """A topic of the archive as a Polars LazyFrame: see `replay.frames.scan`."""
    from replay import frames  # polars is loaded only by whoever asks for it

    return frames.scan(topic, start, end, root)
