"""The ids that a pipeline foretells are those that its outputs are written with."""

from __future__ import annotations

from connectors.epochs.encode import ID_HEADER, Encoder
from connectors.epochs.model import Shard
from pipelines.ids import OutputIds, cl_ord_id
from pipelines.logic import Output, Position
from schemas.events import ClockTick
from tests.pipelines.batches import local_codec

CAUSE = Position("md.trade.v1", 2, 41)
ROUTES = [("a.v1", "x"), ("b.v1", "x"), ("a.v1", "x"), ("a.v1", "y/1"), ("b.v1", "x")]


def test_foretold_ids_are_those_written() -> None:
    encode = Encoder(Shard("strategy", 0, 1, (), ""), local_codec(), lambda topic: 4)
    outputs = [Output(CAUSE, 0, topic, key, ClockTick(0)) for topic, key in ROUTES]
    written = [dict(record.headers)[ID_HEADER].decode() for record in encode.records(outputs)]
    ids = OutputIds("strategy", CAUSE)
    assert [ids.next(*route) for route in ROUTES] == written


def test_an_order_id_depends_on_each_part_and_where_it_ends() -> None:
    parts = [
        ("l", "a", "r"),
        ("la", "", "r"),
        ("l", "a", "r", ""),
        ("l", "b", "r"),
        ("m", "a", "r"),
    ]
    assert len({cl_ord_id(*each) for each in parts}) == len(parts)
