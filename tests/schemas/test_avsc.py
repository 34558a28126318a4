"""Fingerprints: part of every recorded digest, so they never change for a schema once used."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import fastavro
import pytest

from schemas import avsc
from schemas.catalog import load_catalog
from schemas.errors import SchemaError

CATALOG = load_catalog()
SIDE = {"type": "enum", "name": "Side", "symbols": ["NONE", "BUY"], "default": "NONE"}
TWICE = {
    "type": "record",
    "name": "Pair",
    "namespace": "tape.test",
    "fields": [{"name": "one", "type": SIDE}, {"name": "two", "type": ["null", "Side"]}],
}


def fingerprint(schema: Any) -> bytes:
    return avsc.fingerprint(avsc.parse(json.dumps(schema), "test"))


def test_the_canonical_form_is_avros_where_there_is_no_decimal() -> None:
    for text in [*(e.newest.text for e in CATALOG.events.values()), json.dumps(TWICE)]:
        parsed = avsc.parse(text, "test")
        canonical = avsc.canonical(parsed)
        plain = avsc.without_decimals(parsed)
        assert fastavro.schema.to_parsing_canonical_form(plain) == canonical.replace(
            '{"type":"bytes","logicalType":"decimal","precision":28,"scale":10}', '"bytes"'
        ).replace('{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}', '"bytes"')


def test_fingerprints_do_not_change() -> None:
    fingerprints = {name: e.fingerprint.hex()[:16] for name, e in CATALOG.events.items()}
    assert fingerprints["ClockTick"] == "300f936617b082b1"
    assert fingerprints["TradePrinted"] == "1da9bfb3a56824d4"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param(lambda s: s.update(doc="other"), True, id="doc"),
        pytest.param(lambda s: s["fields"][6].pop("default"), True, id="default"),
        pytest.param(lambda s: s["fields"][4]["type"].update(scale=8), False, id="scale"),
        pytest.param(lambda s: s["fields"][4]["type"].update(precision=27), False, id="precision"),
        pytest.param(lambda s: s["fields"][4].update(type="bytes"), False, id="no decimal"),
        pytest.param(lambda s: s["fields"].reverse(), False, id="order"),
        pytest.param(lambda s: s["fields"][0].update(name="v"), False, id="field name"),
        pytest.param(
            lambda s: s["fields"][3]["type"]["symbols"].reverse(), False, id="order of symbols"
        ),
    ],
)
def test_a_fingerprint_follows_what_the_bytes_mean(
    change: Callable[[Any], None], same: bool
) -> None:
    schema = json.loads(CATALOG.events["TradePrinted"].newest.text)
    before = fingerprint(schema)
    change(schema)
    assert (fingerprint(schema) == before) == same


def test_a_type_used_twice_is_written_out_twice_and_named_once() -> None:
    parsed = avsc.parse(json.dumps(TWICE), "test")
    assert parsed["fields"][1]["type"][1]["symbols"] == ["NONE", "BUY"]
    assert avsc.canonical(parsed).count("symbols") == 1
    assert [d["name"] for d in avsc.definitions(parsed)] == [
        "tape.test.Side",
        "tape.test.Side",
        "tape.test.Pair",
    ]


def test_a_record_inside_itself_is_refused() -> None:
    node = {
        "type": "record",
        "name": "Node",
        "fields": [{"name": "next", "type": ["null", "Node"], "default": None}],
    }
    with pytest.raises(SchemaError, match="next: type Node is not used here"):
        avsc.parse(json.dumps(node), "test")
