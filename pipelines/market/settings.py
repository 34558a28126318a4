"""What an operator may choose about the market pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pipelines.dead_letters import DeadLetterLimit

MEGABYTE: Final = 1_000_000
# A whole book comes in one frame: 5 MB for BTC-USD.
COINBASE_FRAME_BYTES_MAX: Final = 15 * MEGABYTE


class MarketSettings(NamedTuple):
    """Mappings by venue code override the value before them.

    `held_max`: messages kept per stream while one before them is missing, or a snapshot.
    `seen_max`: messages per stream remembered until every line has delivered them.
    `original_bytes_max`: of a refused frame, so much is kept.
    """

    frame_bytes_max: int = MEGABYTE
    frame_bytes_max_of: Mapping[str, int] = MappingProxyType({"COINBASE": COINBASE_FRAME_BYTES_MAX})
    stale_ms: int = 10_000
    stale_ms_of: Mapping[str, int] = MappingProxyType({})
    mark_interval_ms: int = 100
    held_max: int = 1_000
    seen_max: int = 4_096
    original_bytes_max: int = 15 * MEGABYTE
    dead_letters: DeadLetterLimit = DeadLetterLimit()


DEFAULTS: Final = MarketSettings()


def stale_ms(settings: MarketSettings, venue: str) -> int:
    """How long a line of the venue may be silent."""
    return settings.stale_ms_of.get(venue, settings.stale_ms)
