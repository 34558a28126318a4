"""Why a frame cannot be used, told from what went wrong while reading it."""

from __future__ import annotations

import re

import msgspec

from pipelines.market.parsed import Refused
from schemas.errors import NotExact

UNREADABLE = (ValueError, NotExact, RecursionError)
"""What reading a frame may raise: msgspec's errors and bad UTF-8 are ValueErrors."""

DETAIL_CHARS_MAX = 200
_NUMBER = re.compile(r"'-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?'")


def refused(error: Exception) -> Refused:
    """The reason behind an error, one of `UNREADABLE`."""
    text = str(error)[:DETAIL_CHARS_MAX]
    if isinstance(error, NotExact):
        not_a_number = text.endswith("is not a decimal number")
        return Refused("WRONG_TYPE" if not_a_number else "TOO_PRECISE", text)
    if isinstance(error, msgspec.ValidationError):
        missing = text.startswith("Object missing required field")
        return Refused("MISSING_FIELD" if missing else "WRONG_TYPE", text)
    return Refused("MALFORMED_JSON", text)


class BadFrame(ValueError):
    """A frame that reads well and makes no sense."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
