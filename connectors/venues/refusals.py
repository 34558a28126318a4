"""Why a frame cannot be used, told from what went wrong while reading it."""

from __future__ import annotations

import msgspec

from pipelines.market.parsed import Refused
from schemas.errors import NotExact

DETAIL_CHARS_MAX = 200


class BadFrame(ValueError):
    """A frame that reads well and makes no sense."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


UNREADABLE = (ValueError, NotExact, RecursionError)
"""What reading a frame may raise: `BadFrame`, msgspec's errors and bad UTF-8 are ValueErrors."""


def refused(payload: bytes, error: Exception) -> Refused:
    """The reason behind an error, one of `UNREADABLE`. What is no JSON is first of all that."""
    try:
        msgspec.json.decode(payload)
    except (ValueError, RecursionError) as malformed:
        return Refused("MALFORMED_JSON", str(malformed)[:DETAIL_CHARS_MAX])
    return _refused(error)


def _refused(error: Exception) -> Refused:
    text = str(error)
    if isinstance(error, BadFrame):
        return error.refusal
    if isinstance(error, NotExact) and not text.endswith("is not a decimal number"):
        return Refused("TOO_PRECISE", text[:DETAIL_CHARS_MAX])
    missing = text.startswith("Object missing required field")
    return Refused("MISSING_FIELD" if missing else "WRONG_TYPE", text[:DETAIL_CHARS_MAX])
