"""No signal may look ahead: what it wants must not change when what comes after is taken away.

A columnar signal sees a whole batch at once, so one that reads a later row would earn what nobody
can earn. So batches are decided again as they looked at the moment of a decision: the first, the
middle and the last of each, and with nothing after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest

import polars as pl

from pipelines.logic import ROWS_MAX, Batch, Input, Output, Position
from pipelines.strategy.logic import StrategyLogic
from pipelines.strategy.state import StrategyState
from replay.backtest.columns import POSITION, caused, rows_of
from schemas.errors import TapeError


class LooksAhead(TapeError):
    """A signal's wanted positions depend on records that come after them."""


class Prefix:
    """The first records of a batch, as a batch."""

    errors: Sequence[Output] = ()

    def __init__(self, batch: Batch, count: int) -> None:
        self._batch, self.count = batch, count

    @cached_property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        """Their rows are in order: slices of what is there."""
        return {
            name: frame[: int(frame["_index"].search_sorted(self.count))]
            for name, frame in self._batch.tables.items()
        }

    def rows(self) -> Iterator[Input]:
        """Of the tables: what is decoded already is not decoded again."""
        return rows_of(self.tables)


def check_no_peeking(
    logic: StrategyLogic, state: StrategyState, batch: Batch, whole: Sequence[Output]
) -> None:
    """To be called before the state follows the batch; `whole` are its targets. Raises
    `LooksAhead`.
    """
    if batch.count < ROWS_MAX:
        return  # so few are decided row by row, and no row shows what comes after it
    known = [one.position for one in whole]
    looked_at = {known[number] for number in (0, len(known) // 2, -1)} if known else set()
    for place, last in sorted(_places(batch, looked_at)):
        count = len(known) - known[::-1].index(last)
        early = logic.wanted(state, Prefix(batch, place + 1))
        _compare(early, whole[:count])


def _compare(early: Sequence[Output], seen: Sequence[Output]) -> None:
    for alone, whole in zip_longest(early, seen):
        if alone != whole:
            said = alone or whole
            raise LooksAhead(
                f"signal {said.event.strategy} looks ahead: what it wants at "
                f"{'/'.join(map(str, said.position))} changes when the records after it are taken "
                "away"
            )


def _places(batch: Batch, positions: Collection[Position]) -> Iterator[tuple[int, Position]]:
    """Where records stand in the batch."""
    for frame in batch.tables.values():
        for place, *position in caused(frame, positions).select("_index", *POSITION).iter_rows():
            yield place, Position(*position)
