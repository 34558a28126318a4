"""The one shape of a dataflow: source, decode, reduce, encode, sink. Live, replay and tests differ
only in the arguments.

Between source and reduce the stream is linear: a mark would overtake its data through a branch,
merge or redistribute.
Native stateful operators and windows are never used: they copy their state every epoch or follow
the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink

from pipelines.following import followed
from pipelines.items import Decided, Encoded, Epoch, Failed, Item, Mark, Restore, StateBody
from pipelines.logic import Logic, Output, PoisonRecord
from schemas.errors import TapeError

T = TypeVar("T", Epoch, Decided)
LINEAR = frozenset({"input", "map", "flat_map", "filter_map", "flat_map_batch", "key_on"})


class NotLinear(Exception):
    """A dataflow has an operator before `reduce` that could let a mark overtake its data."""


class Reduce(StatefulBatchLogic[Item, Item, None]):
    """The shard's whole state in one operator; its `snapshot` is None because snapshots travel
    as items.
    """

    def __init__(self, logic: Logic[Any]) -> None:
        self._logic = logic
        self._state: Any = None

    def on_batch(self, values: list[Item]) -> tuple[Iterable[Item], bool]:
        return [out for item in values for out in self._caught(item)], StatefulBatchLogic.RETAIN

    def _caught(self, item: Item) -> list[Item]:
        try:
            return self._on_item(item)
        except Exception as error:
            return [Failed(error)]

    def _on_item(self, item: Item) -> list[Item]:
        if isinstance(item, Epoch):
            return [Decided(self._step(item))]
        if isinstance(item, Restore):
            loaded = item.body is not None
            self._state = (
                self._logic.load(item.body or b"", item.version)
                if loaded
                else self._logic.initial()
            )
            return []
        if isinstance(item, Mark) and item.snapshot_due:
            return [StateBody(self._logic.dump(self._state), self._logic.state_version), item]
        return [item]

    def _step(self, epoch: Epoch) -> list[Output]:
        assert epoch.batch is not None, "decode runs before reduce"
        try:
            if epoch.carried is not None:
                recorded = epoch.carried.outputs
                self._state, outputs = followed(self._logic, self._state, epoch.batch, recorded)
            else:
                self._state, outputs = self._logic.step(self._state, epoch.batch)
        except TapeError:
            raise  # the logic stops on purpose
        except Exception as error:
            self._name_poison(epoch, error)
            raise
        return outputs

    def _name_poison(self, epoch: Epoch, error: Exception) -> None:
        """Finds the record that makes the logic raise, so that the operator can be told the way
        out.
        """
        assert epoch.batch is not None
        for item in epoch.batch.rows():
            try:
                decided = self._logic.decide(self._state, item)
                self._state = self._logic.evolve(self._state, item)
                for output in decided:
                    self._state = self._logic.evolve(self._state, output)
            except Exception as cause:
                raise PoisonRecord(item.position, cause) from error

    def snapshot(self) -> None:
        return None


def build_flow(
    source: FixedPartitionedSource[Item, None],
    sink: FixedPartitionedSink[Item, None],
    logic: Logic[Any],
    decode: Callable[[Epoch], Epoch],
    encode: Callable[[Decided], Encoded],
) -> Dataflow:
    """The dataflow of one shard. Nothing connects here: `source` and `sink` belong to an opened
    session.
    """
    flow = Dataflow(logic.name)
    items = op.input("source", flow, source)
    decoded = op.map("decode", items, caught(Epoch, decode))
    keyed = op.map("shard", decoded, lambda item: ("0", item))
    reduced = op.stateful_batch("reduce", keyed, lambda _: Reduce(logic))
    encoded = op.map_value("encode", reduced, caught(Decided, encode))
    op.output("sink", encoded, sink)
    check_linear(flow)
    return flow


def caught(kind: type[T], step: Callable[[T], Item]) -> Callable[[Item], Item]:
    """A step for items of one kind; others pass."""

    def of_item(item: Item) -> Item:
        try:
            return step(item) if isinstance(item, kind) else item
        except Exception as error:
            return Failed(error)

    return of_item


def check_linear(flow: Dataflow) -> None:
    """Raises `NotLinear` unless everything before `reduce` is one straight line of stateless
    operators.
    """
    for step in flow.substeps:
        if step.step_name == "reduce":
            return
        if type(step).__name__ not in LINEAR:
            raise NotLinear(
                f"{step.step_id}: {type(step).__name__} before reduce would let a mark overtake "
                "its data"
            )
    raise NotLinear(f"{flow.flow_id}: no step named reduce")
