"""A refusal of risk: its reason, and the numbers it looked at."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from pipelines.exact import plain
from schemas.events import DenialReason, Fact


class Denial(NamedTuple):
    """Why not, and what was looked at."""

    reason: DenialReason
    facts: tuple[Fact, ...]


def deny(reason: DenialReason, **facts: object) -> Denial:
    return Denial(reason, tuple(Fact(name, _text(value)) for name, value in facts.items()))


def _text(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
