"""Registering schemas and creating topics on the real registry and the real broker."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from ops import topics
from ops.stack import StackInfo
from schemas.catalog import Catalog, EventType, load_catalog, schema_version
from schemas.codec import Codec, SchemaIds
from schemas.errors import (
    IncompatibleSchemaError,
    RegistryError,
    TopicError,
    UnknownSchemaError,
)
from schemas.events import ClockTick, TradePrinted
from schemas.numbers import exact
from schemas.registry import Refusal, Registry, register, subject_of

CATALOG = load_catalog()
TRADE = TradePrinted("V", "I.V", "1", "BUY", exact("1.5"), exact("2"), None, 1, "A")


def with_version(event: str, number: int, change: Any) -> Catalog:
    """The catalog with one more version of an event; `change` edits its schema."""
    schema = json.loads(CATALOG.events[event].newest.text)
    change(schema)
    added = schema_version(event, number, json.dumps(schema), f"{event}.v{number}")
    versions = {**CATALOG.events[event].versions, number: added}
    return Catalog({**CATALOG.events, event: EventType(event, versions)}, CATALOG.topics)


def add_field(schema: Any) -> None:
    schema["fields"].append({"name": "is_block", "type": ["null", "boolean"], "default": None})


def add_field_without_default(schema: Any) -> None:
    schema["fields"].append({"name": "is_block", "type": "boolean"})


def test_every_event_is_registered_once_and_found_by_id(
    stack: StackInfo, topic_prefix: str
) -> None:
    registry = Registry(stack.registry_url)
    first = list(register(registry, CATALOG, topic_prefix))
    assert {(r.subject, r.version) for r in first} == {
        (subject_of(name, CATALOG.events[event].fullname, topic_prefix), number)
        for name, topic in CATALOG.topics.items()
        for event in topic.events
        for number in CATALOG.events[event].versions
    }
    second = list(register(registry, CATALOG, topic_prefix))
    assert [r._replace(is_new=False) for r in first] == second
    for registration in first:
        held = registry.request("GET", f"/config/{registration.subject}")
        assert held["compatibilityLevel"] == "FULL_TRANSITIVE"

    ids = SchemaIds.from_registry(stack.registry_url, CATALOG, prefix=topic_prefix)
    codec, reader = (
        Codec(CATALOG, ids),
        Codec(CATALOG, SchemaIds.from_registry(stack.registry_url, CATALOG)),
    )
    value = codec.encode(TRADE)
    assert int.from_bytes(value[1:5], "big") in {r.id for r in first}
    assert reader.decode(value) == TRADE
    assert reader.fingerprint_of(value) == CATALOG.events["TradePrinted"].fingerprint
    assert reader.tables([value] * 3).frames["TradePrinted"][0]["last_px"].to_list() == [1.5] * 3


def test_an_incompatible_version_is_refused_with_its_field(
    stack: StackInfo, topic_prefix: str
) -> None:
    registry = Registry(stack.registry_url)
    list(register(registry, CATALOG, topic_prefix))
    wrong = with_version("TradePrinted", 2, add_field_without_default)
    with pytest.raises(IncompatibleSchemaError, match="is_block has no default"):
        list(register(registry, wrong, topic_prefix))
    subject = subject_of("md.trade.v1", "tape.md.TradePrinted", topic_prefix)
    assert len(registry.versions(subject)) == 1
    with pytest.raises(Refusal) as refused:  # and so does the registry itself
        registry.add(subject, wrong.events["TradePrinted"].versions[2].text)
    assert refused.value.status == 409


def test_an_older_process_reads_a_newer_writers_records(
    stack: StackInfo, topic_prefix: str
) -> None:
    registry = Registry(stack.registry_url)
    newer = with_version("TradePrinted", 2, add_field)
    new = [r for r in register(registry, newer, topic_prefix) if r.version == 2]
    ids = SchemaIds.from_registry(stack.registry_url, CATALOG, prefix=topic_prefix)
    codec = Codec(CATALOG, ids)
    body = codec.encode(TRADE)[5:] + b"\2\1"
    value = b"\0" + new[0].id.to_bytes(4, "big") + body
    assert codec.decode(value) == TRADE
    assert codec.fingerprint_of(value) == newer.events["TradePrinted"].fingerprint
    assert not codec.tables([value, codec.encode(TRADE)]).errors


def test_what_the_registry_does_not_have_is_an_error(stack: StackInfo, topic_prefix: str) -> None:
    codec = Codec(
        CATALOG, SchemaIds.from_registry(stack.registry_url, CATALOG, prefix=topic_prefix)
    )
    with pytest.raises(RegistryError, match=r"ClockTick.v1 is not .*: run `tape schemas register`"):
        codec.encode(ClockTick(1))
    with pytest.raises(UnknownSchemaError, match="schema id 2147483000 is unknown to http"):
        codec.decode(b"\0" + (2147483000).to_bytes(4, "big") + b"\2")
    foreign = Registry(stack.registry_url).add(
        f"{topic_prefix}foreign", '{"type":"record","name":"Foreign","fields":[]}'
    )
    with pytest.raises(UnknownSchemaError, match="Foreign is not an event"):
        codec.decode(b"\0" + foreign.to_bytes(4, "big") + b"\2")


def edited(catalog: Catalog, topic: str, **changes: Any) -> Catalog:
    return Catalog(
        catalog.events,
        {**catalog.topics, topic: replace(catalog.topics[topic], **changes)},
    )


@pytest.fixture(scope="module")
def applied_prefix(stack: StackInfo) -> str:
    """The prefix of topics as the files have them; no test changes these."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    topics.apply({"bootstrap.servers": stack.bootstrap_servers}, CATALOG, prefix)
    return prefix


def test_topics_are_created_from_their_files(stack: StackInfo, topic_prefix: str) -> None:
    options: dict[str, Any] = {"bootstrap.servers": stack.bootstrap_servers}
    created = topics.apply(options, CATALOG, topic_prefix)
    assert {d.topic for d in created} == {topic_prefix + name for name in CATALOG.topics}
    assert topics.diff(options, CATALOG, topic_prefix) == []
    assert topics.apply(options, CATALOG, topic_prefix) == []
    metadata = AdminClient(options).list_topics(timeout=10).topics
    for name, topic in CATALOG.topics.items():
        assert len(metadata[topic_prefix + name].partitions) == topic.partitions


def test_changes_that_lose_nothing_are_applied(stack: StackInfo, topic_prefix: str) -> None:
    options: dict[str, Any] = {"bootstrap.servers": stack.bootstrap_servers}
    topics.apply(options, CATALOG, topic_prefix)
    wider = edited(CATALOG, "md.trade.v1", retention="60d", max_message_bytes=2097152)
    wider = edited(wider, "market.epochs.v1", partitions=6)
    applied = topics.apply(options, wider, topic_prefix)
    assert {difference[:4] for difference in applied} == {
        (f"{topic_prefix}md.trade.v1", "retention.ms", "2592000000", "5184000000"),
        (f"{topic_prefix}md.trade.v1", "max.message.bytes", "1048576", "2097152"),
        (f"{topic_prefix}market.epochs.v1", "partitions", "4", "6"),
    }
    assert topics.diff(options, wider, topic_prefix) == []


@pytest.mark.parametrize(
    ("topic", "changes", "message"),
    [
        pytest.param("md.trade.v1", {"partitions": 2}, "cannot take partitions away", id="fewer"),
        pytest.param("md.trade.v1", {"partitions": 8}, "keys would move", id="more"),
        pytest.param("md.trade.v1", {"retention": "1d"}, "records would be deleted", id="shorter"),
        pytest.param(
            "market.epochs.v1", {"retention": "7d"}, "records would be deleted", id="not for ever"
        ),
        pytest.param(
            "md.trade.v1", {"cleanup_policy": "compact"}, "replay needs every", id="compacted"
        ),
    ],
)
def test_destructive_changes_are_refused(
    stack: StackInfo, applied_prefix: str, topic: str, changes: dict[str, Any], message: str
) -> None:
    options: dict[str, Any] = {"bootstrap.servers": stack.bootstrap_servers}
    # A harmless change beside it is not made either.
    wanted = edited(edited(CATALOG, topic, **changes), "md.quote.v1", retention="90d")
    with pytest.raises(TopicError, match=f"nothing was changed.*{topic}.*{message}"):
        topics.apply(options, wanted, applied_prefix)
    assert topics.diff(options, CATALOG, applied_prefix) == []
