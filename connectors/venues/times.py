"""Venue time stamps to nanoseconds, exactly."""

from __future__ import annotations

from datetime import datetime

SECONDS_MAX = 4096
NANOSECONDS_MAX = (1 << 63) - 1_000_000_000


class _Seconds(dict[str, int]):
    """Nanoseconds at the start of a second, by its text; emptied when full."""

    def __missing__(self, text: str) -> int:
        at = int(datetime.fromisoformat(f"{text}+00:00").timestamp()) * 1_000_000_000
        if not 0 <= at <= NANOSECONDS_MAX:
            raise ValueError(f"{text} does not fit 64 bits of nanoseconds")
        if len(self) >= SECONDS_MAX:
            self.clear()
        self[text] = at
        return at


_seconds = _Seconds()


def nanoseconds(text: str) -> int:
    """`2026-08-09T21:05:48.228568804Z` (nought to nine decimals) as nanoseconds UTC.

    Raises ValueError for anything else.
    """
    fraction = text[20:-1]
    if text[-1:] != "Z" or len(fraction) > 9 or (len(text) > 20 and text[19] != "."):
        raise ValueError(f"{text!r} is not a UTC time")
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        raise ValueError(f"{text!r} is not a UTC time")
    return _seconds[text[:19]] + int(fraction.ljust(9, "0"))
