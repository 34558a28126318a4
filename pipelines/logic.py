"""The contract every pipeline fulfils: pure decisions over one epoch of merged inputs.

`decide` and `evolve` are the specification; `step` is the fused columnar twin that runs live. Tests
prove both equal.
Nothing here reads a clock, a file, the network or a random source: time arrives as data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from schemas.errors import TapeError

if TYPE_CHECKING:
    import polars as pl


class Position(NamedTuple):
    """Where a record lies on the log; `topic` is logical (without an environment's prefix)."""

    topic: str
    partition: int
    offset: int


class Input(NamedTuple):
    """One decoded record, in the merged order of its epoch."""

    position: Position
    timestamp_ms: int  # log time: wall time of the edge that first wrote its cause
    key: bytes
    event: Any  # an event class of `schemas.events`


class Output(NamedTuple):
    """One event decided, with the input that caused it.

    `timestamp_ms` is copied from the cause. `detail` is free text for a person, sent as a header
    (dead letters only).
    """

    position: Position  # the cause
    timestamp_ms: int
    topic: str
    key: str
    event: Any
    detail: str = ""


ROWS_MAX = 400  # a batch of fewer records costs less row by row


class Batch(Protocol):
    """One epoch's inputs, decoded. Row order everywhere is the epoch's merged order.

    `tables` maps an event name (`TradePrinted`) to a frame with that event's columns
    (decimal(28,10) as pl.Decimal(28, 10),
    enums as pl.String) and, first, these: `_index` (place in the merged order, u32), `_topic`
    (str), `_partition` (i32),
    `_offset` (i64), `_timestamp_ms` (i64).
    `rows` gives the same records one by one as `Input`, for `decide`/`evolve`.
    `errors` are dead letters found while decoding, as outputs ready to send.
    """

    @property
    def count(self) -> int: ...
    @property
    def tables(self) -> Mapping[str, pl.DataFrame]: ...
    @property
    def errors(self) -> Sequence[Output]: ...
    def rows(self) -> Iterator[Input]: ...


class InputTopic(NamedTuple):
    """`broadcast` inputs are read whole by every shard; the others are split by partition. Where
    nothing waits but inputs that are not `urgent`, an epoch may wait for more of them.
    """

    topic: str
    broadcast: bool = False
    urgent: bool = True


S = TypeVar("S")


class Logic(Protocol[S]):
    """A pipeline's decisions. `S` is the state of one shard: a value with one canonical
    serialisation.
    """

    name: str
    state_version: int

    @property
    def inputs(self) -> tuple[InputTopic, ...]:
        """What it reads; the declared order is the tie-break of the merge."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Logical topics it may write."""
        ...

    def initial(self) -> S: ...

    def decide(self, state: S, item: Input) -> list[Output]:
        """What one input leads to. Does not change `state`."""
        ...

    def evolve(self, state: S, fact: Input | Output) -> S:
        """The state after an input, or after one of the pipeline's own outputs. May reuse and
        change `state`.
        """
        ...

    def step(self, state: S, batch: Batch) -> tuple[S, list[Output]]:
        """The fold of `decide` and `evolve` over a whole batch, fused. May reuse and change
        `state`.
        """
        ...

    def dump(self, state: S) -> bytes:
        """The canonical bytes of a state: equal states give equal bytes, in every process."""
        ...

    def load(self, body: bytes, version: int) -> S:
        """The state from its canonical bytes; an older `version` is migrated. Raises
        `StateVersionError` if it cannot.
        """
        ...


class StateVersionError(Exception):
    """A snapshot's form is one this code cannot read."""


def fold(logic: Logic[S], state: S, rows: Iterator[Input]) -> tuple[S, list[Output]]:
    """The specification of `Logic.step`: for each input its decisions, then the state after the
    input and after each.
    """
    outputs: list[Output] = []
    for item in rows:
        decided = logic.decide(state, item)
        state = logic.evolve(state, item)
        for output in decided:
            state = logic.evolve(state, output)
        outputs.extend(decided)
    return state, outputs


class PoisonRecord(TapeError):
    """A record that makes the logic raise: a bug, to be fixed, or to be skipped by name with a
    reason.
    """

    def __init__(self, position: Position, cause: Exception) -> None:
        self.position = position
        name = f"{position.topic}/{position.partition}/{position.offset}"
        frames = extract_tb(cause.__traceback__)
        place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
        super().__init__(
            f"record {name} makes the logic raise {type(cause).__name__}: {cause}{place}; "
            f"fix the code, or run again with --skip {name} --reason WHY"
        )
