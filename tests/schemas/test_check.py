"""`tape schemas check`: each rule is shown failing, on a copy of the real vocabulary."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas import generate
from schemas.catalog import ROOT, load_catalog
from schemas.check import check
from schemas.errors import SchemaError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the vocabulary's files."""
    for name in ("avro", "topics", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "events.py", tmp_path)
    return tmp_path


def edit(path: Path, change: Callable[[Any], None], to: Path | None = None) -> None:
    """Changes a JSON or YAML file, or writes the changed one to `to`."""
    is_yaml = path.suffix == ".yaml"
    contents = yaml.safe_load(path.read_text()) if is_yaml else json.loads(path.read_text())
    change(contents)
    (to or path).write_text(yaml.safe_dump(contents) if is_yaml else json.dumps(contents))


def field(schema: Any, name: str) -> Any:
    return next(field for field in schema["fields"] if field["name"] == name)


def second_version(root: Path, change: Callable[[Any], None]) -> None:
    """TradePrinted.v2 with its example, and `events.py` made anew."""
    avro, examples = root / "avro", root / "examples"
    edit(avro / "TradePrinted.v1.avsc", change, to=avro / "TradePrinted.v2.avsc")
    shutil.copytree(examples / "TradePrinted.v1", examples / "TradePrinted.v2")
    (root / "events.py").write_text(generate.source(load_catalog(root)))


def test_the_vocabulary_is_sound() -> None:
    assert check() == []


def test_the_event_classes_are_current() -> None:
    assert generate.PATH.read_text("utf-8") == generate.source(load_catalog())


def add_optional(schema: Any) -> None:
    schema["fields"].append({"name": "block", "type": ["null", "boolean"], "default": None})


def test_a_compatible_second_version_is_sound(root: Path) -> None:
    second_version(root, add_optional)
    for path in (root / "examples" / "TradePrinted.v2").iterdir():
        edit(path, lambda example: example.update(block=True))
    assert check(root) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        pytest.param(
            lambda s: s["fields"].append({"name": "block", "type": "boolean"}),
            "TradePrinted v2 cannot read v1: block has no default",
            id="new field without default",
        ),
        pytest.param(
            lambda s: s["fields"].remove(field(s, "line")),
            "TradePrinted v1 cannot read v2: line has no default",
            id="field without default removed",
        ),
        pytest.param(
            lambda s: field(s, "ts_recv_ns").update(name="ts_received_ns"),
            "TradePrinted v2 cannot read v1: ts_received_ns has no default",
            id="field renamed",
        ),
        pytest.param(
            lambda s: field(s, "ts_recv_ns").update(type="string"),
            "TradePrinted v2 cannot read v1: ts_recv_ns changed from long to string",
            id="type changed",
        ),
        pytest.param(
            lambda s: field(s, "last_px")["type"].update(scale=8),
            "TradePrinted v2 cannot read v1: last_px changed from decimal(28,10) to decimal(28,8)",
            id="scale changed",
        ),
        pytest.param(
            lambda s: field(s, "last_px").update(type="bytes"),
            "TradePrinted v2 cannot read v1: last_px changed from decimal(28,10) to bytes",
            id="decimal dropped",
        ),
        pytest.param(
            lambda s: field(s, "line").update(type=["null", "string"]),
            "TradePrinted v1 cannot read v2: line may be null where it must not be",
            id="made optional",
        ),
        pytest.param(
            lambda s: field(s, "aggressor_side")["type"].update(name="Aggressor"),
            "aggressor_side changed its type's name from tape.md.Side to tape.md.Aggressor",
            id="enum renamed",
        ),
        pytest.param(
            lambda s: s.update(namespace="tape.trade"),
            "record changed its type's name from tape.md.TradePrinted to tape.trade.TradePrinted",
            id="record renamed",
        ),
        pytest.param(
            lambda s: s.update(doc="Another text."),
            "TradePrinted.v2: its bytes equal those of v1; change that file instead",
            id="nothing changed",
        ),
        pytest.param(
            lambda s: s["fields"].append({"name": "n", "type": ["null", "long"], "default": 0}),
            "TradePrinted.v2: n: its default 0 is not of its type",
            id="default of another type",
        ),
    ],
)
def test_an_incompatible_version_is_found_with_its_field(
    root: Path, change: Callable[[Any], None], finding: str
) -> None:
    second_version(root, change)
    assert any(finding in found for found in check(root))


def test_the_third_version_is_checked_against_the_first(root: Path) -> None:
    """v2 drops an optional field, v3 brings it back with another type: each step alone is fine."""
    avro = root / "avro"

    def retype(schema: Any) -> None:
        field(schema, "ts_event_ns").update(type=["null", "string"])

    second_version(root, lambda s: s["fields"].remove(field(s, "ts_event_ns")))
    edit(avro / "TradePrinted.v1.avsc", retype, to=avro / "TradePrinted.v3.avsc")
    found = check(root)
    assert "TradePrinted v3 cannot read v1: ts_event_ns changed from long to string" in found
    assert not any("v3 cannot read v2" in finding for finding in found)


@pytest.mark.parametrize(
    ("name", "change", "finding"),
    [
        pytest.param(
            "TradePrinted",
            lambda s: field(s, "aggressor_side")["type"].pop("default"),
            "aggressor_side: enum tape.md.Side has no default symbol",
            id="enum without default",
        ),
        pytest.param(
            "TradePrinted",
            lambda s: field(s, "last_px").update(type="double"),
            "last_px: type double is not used here",
            id="float",
        ),
        pytest.param(
            "TradePrinted",
            lambda s: field(s, "ts_recv_ns").update(
                type={"type": "long", "logicalType": "timestamp-micros"}
            ),
            "ts_recv_ns: logical type timestamp-micros on long is not used here",
            id="timestamp",
        ),
        pytest.param(
            "TradePrinted",
            lambda s: field(s, "last_px")["type"].update(precision=40),
            "last_px: a decimal has 0 <= scale <= precision <= 38",
            id="too precise",
        ),
        pytest.param(
            "TradePrinted",
            lambda s: field(s, "line").update(type=["string", "long"]),
            "line: a union is [null, X]",
            id="union",
        ),
        pytest.param(
            "TradePrinted",
            lambda s: field(s, "line").update(aliases=["connection_line"]),
            "aliases are not used here",
            id="alias",
        ),
        pytest.param(
            "TradePrinted",
            lambda s: s.update(name="TradeDone"),
            "the record is named tape.md.TradeDone, not TradePrinted",
            id="name unlike the file",
        ),
        pytest.param(
            "ShardOpened",
            lambda s: field(s, "start").update(type="tape.epochs.Nothing"),
            "not an Avro schema",
            id="unknown type",
        ),
        pytest.param(
            "TradePrinted",
            lambda s: s["fields"].append({"type": "long"}),
            "not an Avro schema",
            id="field without name",
        ),
    ],
)
def test_a_schema_of_other_types_is_found(
    root: Path, name: str, change: Callable[[Any], None], finding: str
) -> None:
    edit(root / "avro" / f"{name}.v1.avsc", change)
    (found,) = check(root)
    assert found.startswith(f"{name}.v1.avsc: ")
    assert finding in found


def test_a_file_that_is_no_schema_is_found(root: Path) -> None:
    (root / "avro" / "ClockTick.v1.avsc").write_text("{")
    (root / "avro" / "notes.txt").touch()
    found = check(root)
    assert found[0].startswith("ClockTick.v1.avsc: not an Avro schema")
    assert found[1] == "notes.txt: a schema file is named <Event>.v<N>.avsc"


def test_one_name_with_two_definitions_is_found(root: Path) -> None:
    def other_side(schema: Any) -> None:
        side = {"type": "enum", "name": "Side", "symbols": ["NONE"], "default": "NONE"}
        field(schema, "line").update(type=side)

    edit(root / "avro" / "QuoteChanged.v1.avsc", other_side)
    assert "Side is defined twice, differently" in check(root)


def test_a_gap_between_versions_is_found(root: Path) -> None:
    second_version(root, add_optional)
    (root / "avro" / "TradePrinted.v2.avsc").rename(root / "avro" / "TradePrinted.v3.avsc")
    assert "TradePrinted: v3 exists, v2 does not" in check(root)


def test_old_event_classes_are_found(root: Path) -> None:
    with (root / "events.py").open("a") as file:
        file.write("# edited by hand\n")
    assert check(root) == [
        "events.py is not what the schemas say: run `python -m schemas.generate`"
    ]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        pytest.param(lambda e: e.pop("line"), "line differ", id="field missing"),
        pytest.param(lambda e: e.update(x=1), "x differ", id="unknown field"),
        pytest.param(lambda e: e.update(last_px=1.5), "last_px: 1.5 is not a decimal", id="float"),
        pytest.param(lambda e: e.update(last_px="x"), "last_px: 'x' is not a decimal", id="text"),
        pytest.param(lambda e: e.update(last_px="0.00000000001"), "cannot read it", id="digits"),
        pytest.param(lambda e: e.update(aggressor_side="buy"), "'buy' is no symbol", id="symbol"),
        pytest.param(lambda e: e.update(ts_recv_ns="1"), "'1' is not of type long", id="long"),
        pytest.param(lambda e: e.update(ts_recv_ns=2**63), "cannot read it", id="too large"),
        pytest.param(lambda e: e.update(ts_recv_ns=True), "True is not of type long", id="bool"),
    ],
)
def test_a_wrong_example_is_found(root: Path, change: Callable[[Any], None], finding: str) -> None:
    edit(root / "examples" / "TradePrinted.v1" / "binance_usdm.json", change)
    (found,) = check(root)
    assert found.startswith("examples/TradePrinted.v1/binance_usdm.json: ")
    assert finding in found


def test_missing_and_foreign_examples_are_found(root: Path) -> None:
    (root / "examples" / "ClockTick.v1").rename(root / "examples" / "ClockTick.v7")
    assert check(root) == [
        "examples/ClockTick.v7: no such event version",
        "ClockTick.v1: no example in examples/ClockTick.v1/*.json",
    ]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        pytest.param(lambda t: t.update(colour="red"), "unknown key colour", id="unknown key"),
        pytest.param(lambda t: t.pop("owner"), "owner is missing", id="owner missing"),
        pytest.param(lambda t: t.update(owner=" "), "owner is ' ', not a name", id="owner empty"),
        pytest.param(lambda t: t.update(owner=7), "owner is not of type text", id="owner a number"),
        pytest.param(
            lambda t: t.update(partitions="4"), "partitions is not of type integer", id="text"
        ),
        pytest.param(lambda t: t.update(partitions=True), "partitions is not of type", id="bool"),
        pytest.param(lambda t: t.update(partitions=0), "partitions is 0, not 1", id="none"),
        pytest.param(lambda t: t.update(retention="7 days"), "retention is '7 days'", id="time"),
        pytest.param(
            lambda t: t.update(cleanup_policy="compact"), "replay needs every record", id="compact"
        ),
        pytest.param(
            lambda t: t.update(compatibility="BACKWARD"), "not FULL_TRANSITIVE", id="compatibility"
        ),
        pytest.param(lambda t: t.update(key="price"), "key is 'price', not one of", id="key"),
        pytest.param(lambda t: t.update(events=[]), "events is [], not at least", id="no event"),
        pytest.param(lambda t: t.update(events="A"), "events is not of type list", id="no list"),
        pytest.param(lambda t: t.update(producers=[1]), "producers is not of type", id="numbers"),
        pytest.param(
            lambda t: t.update(topic="md.trades.v1"), "unlike the file's name", id="other name"
        ),
        pytest.param(
            lambda t: t.update(events=["TradePrinted", "TradeBusted"]),
            "event TradeBusted has no schema",
            id="event without schema",
        ),
        pytest.param(
            lambda t: t.update(events=["QuoteChanged"]),
            "TradePrinted: no topic carries it",
            id="schema without topic",
        ),
        pytest.param(
            lambda t: t.update(partitions=8), "of the same key has", id="not co-partitioned"
        ),
    ],
)
def test_a_wrong_topic_is_found(root: Path, change: Callable[[Any], None], finding: str) -> None:
    edit(root / "topics" / "md.trade.v1.yaml", change)
    assert any(finding in found for found in check(root))


def test_a_topic_file_that_is_none_is_found(root: Path) -> None:
    (root / "topics" / "md.trade.v1.yaml").write_text("a: [")
    (root / "topics" / "md.quote.v1.yaml").write_text("- a")
    (root / "topics" / "Trades.yaml").write_text("topic: Trades")
    found = check(root)
    assert any(f.startswith("md.trade.v1.yaml: not YAML") for f in found)
    assert "md.quote.v1.yaml: not a mapping" in found
    assert any("topic is 'Trades', not <domain>.<entity>.v<N>" in f for f in found)
    with pytest.raises(SchemaError, match=r"Trades.yaml: owner is missing; description is miss"):
        load_catalog(root)


def test_a_dead_letter_topic_without_its_topic_is_found(root: Path) -> None:
    topics = root / "topics"
    edit(topics / "md.raw.v1.dlq.yaml", lambda t: t.update(topic="md.none.v1.dlq"))
    (topics / "md.raw.v1.dlq.yaml").rename(topics / "md.none.v1.dlq.yaml")
    assert check(root) == ["md.none.v1.dlq: there is no md.none.v1"]
