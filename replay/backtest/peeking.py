"""No signal may look ahead: what it wants must not change when what comes after is taken away.

A columnar signal sees a whole batch at once, so one that reads a later row would earn what nobody
can earn. So each batch is decided again in pieces, all at once: a piece ends where a decision was
made, or at a row that a hash of its offset draws, and sees nothing of what comes after it.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pipelines.logic import Batch
from pipelines.strategy.columnar import CHANGED, GROUP, LAST, ROW
from pipelines.strategy.logic import InColumns, StrategyLogic
from pipelines.strategy.state import StrategyState
from replay.backtest.columns import POSITION
from schemas.errors import TapeError

CUTS_MAX: Final = 1_000
"""Of a signal and batch: decisions that end a piece, and as many of any rows. A piece costs some
3 microseconds; the example's batches of 20,000 records hold some hundred decisions.
"""


class LooksAhead(TapeError):
    """A signal's wanted positions depend on records that come after them."""


class DependsOnBatches(TapeError):
    """A signal's columns look back at rows that another batch would not show them."""


def check_no_peeking(logic: StrategyLogic, state: StrategyState, batch: Batch) -> None:
    """To be called before the state follows the batch. Raises `LooksAhead` or
    `DependsOnBatches`. What runs row by row is not looked at: no row shows what comes after it.
    """
    for one in logic.in_columns(state, batch):
        _check(one)


def _check(one: InColumns) -> None:
    frame = one.grouped.frame
    drawn = frame[ROW].gather(frame["_offset"].hash().arg_sort())
    whole = one.plan.states(one.grouped, one.held, drawn.head(CUTS_MAX))
    pieces = one.plan.cut(one.grouped, one.held, whole.filter(_ends(whole, drawn)))
    apart = _first_apart(whole, pieces)
    if apart is not None:
        raise _refusal(one, whole, apart)


def _refusal(one: InColumns, whole: pl.DataFrame, apart: int) -> TapeError:
    """By what it makes of the batch up to that row, begun where it begins."""
    frame, at = one.grouped.frame, pl.col(ROW) == apart
    place = "/".join(str(frame[name][apart]) for name in POSITION)
    until = one.grouped._replace(frame=frame.head(apart + 1))
    early = one.plan.states(until, one.held, frame[ROW].head(0))
    if _first_apart(whole.filter(at), early.filter(at)) is None:
        return DependsOnBatches(
            f"signal {one.name} depends on where a batch begins: what it wants or keeps at {place} "
            "is another in a batch that begins later; columns() may look back at the state alone"
        )
    return LooksAhead(
        f"signal {one.name} looks ahead: what it wants or keeps at {place} changes when the "
        "records after it are taken away"
    )


def _ends(whole: pl.DataFrame, drawn: pl.Series) -> pl.Expr:
    """Where a piece ends: at decisions, at rows drawn, and at the last of each instrument."""
    decided = drawn.is_in(whole.filter(CHANGED)[ROW].implode())
    ends = pl.concat([drawn.filter(decided).head(CUTS_MAX), drawn.head(CUTS_MAX)])
    return pl.col(LAST) | pl.col(ROW).is_in(ends.implode())


def _first_apart(whole: pl.DataFrame, pieces: pl.DataFrame) -> int | None:
    """The first row after which target or state are not the same."""
    both = pl.concat([one.drop(GROUP, CHANGED, LAST) for one in (whole, pieces)])
    apart = both.filter(pl.struct(pl.all()).is_unique())[ROW].to_list()
    return min(apart, default=None)
