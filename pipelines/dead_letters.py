"""How many records a pipeline may refuse before it stops.

Refused records are counted per window of input offsets (`[k * records, (k + 1) * records)` of one
partition), so the count depends on nothing but the positions of the refused records: not on where
epochs are cut, on the number of shards, or on the order in which a batch lists its errors. A share
over "the last 10,000" would depend on all three. The counts are part of a pipeline's state; they
change only by its own dead letters, so good records cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from pipelines.logic import Output, Position
from schemas.errors import TapeError

DLQ_SUFFIX = ".dlq"
DETAIL_MAX = 200  # characters of what a parser says
_position = attrgetter("position")


class DeadLetterShareExceeded(TapeError):
    """More records of one window were refused than allowed: the input, or the parser, is broken."""


class UnreadableRecord(TapeError):
    """A record that may not be left out cannot be decoded."""


class DeadLetterLimit(NamedTuple):
    """At most `share` of `records` consecutive offsets of a partition may be refused.

    A share of 0 stops at the first.
    """

    share: Decimal = Decimal("0.01")
    records: int = 10_000

    @property
    def allowed(self) -> int:
        return int(self.share * self.records)


class WindowCount(NamedTuple):
    """Dead letters in the newest window of one partition that had any."""

    window: int
    dead: int


Counts = dict[str, WindowCount]  # by "<topic>/<partition>"; JSON-ready


def count(counts: Counts, position: Position, limit: DeadLetterLimit) -> Counts:
    """Counts one dead letter, caused by the record at `position`. Changes and returns `counts`."""
    place = f"{position.topic}/{position.partition}"
    window = position.offset // limit.records
    before = counts.get(place)
    dead = before.dead + 1 if before and before.window == window else 1
    counts[place] = WindowCount(window, dead)
    return counts


def count_all(counts: Counts, refused: Iterable[Output], limit: DeadLetterLimit) -> Counts:
    """Counts the dead letters of one batch, by offset within a partition. Raises
    `DeadLetterShareExceeded` at the first that is one too many for its window.
    """
    for output in sorted(refused, key=_position):
        count(counts, output.position, limit)
        place = f"{output.position.topic}/{output.position.partition}"
        if counts[place].dead > limit.allowed:
            raise DeadLetterShareExceeded(_line(place, counts[place], limit, output))
    return counts


def _line(place: str, found: WindowCount, limit: DeadLetterLimit, last: Output) -> str:
    """The last of them with its reason: an epoch that has too many is not written, so the topic of
    dead letters may hold none.
    """
    start, why = found.window * limit.records, " ".join(last.detail.split())[:DETAIL_MAX]
    return (
        f"{found.dead} of the {limit.records} records from {place}/{start} were refused, "
        f"{limit.allowed} are allowed; the last is {place}/{last.position.offset}, "
        f"{last.event.reason}: {why}: mend what reads it, or raise dead_letters.share"
    )


def refuse_unreadable(errors: Sequence[Output]) -> None:
    """For the trading path, where nothing is left out but by a person's word."""
    for error in errors:
        place = "/".join(map(str, error.position))
        raise UnreadableRecord(
            f"record {place} cannot be decoded ({error.detail}): on the trading path none is left "
            f"out silently; see what wrote it, or run again with --skip {place} --reason WHY"
        )
