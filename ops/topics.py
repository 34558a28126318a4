"""Brings the topics of a broker in line with `schemas/topics`, as far as nothing is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from schemas.catalog import Catalog
from schemas.errors import TopicError
from schemas.secret import revealed
from schemas.topic_diff import Difference, Existing, differences
from schemas.topics import Topic

CONNECT_S: Final = 10.0
TIMEOUT_S: Final = 30.0


def diff(options: Mapping[str, Any], catalog: Catalog, prefix: str = "") -> list[Difference]:
    """What differs on the broker that `options` (librdkafka's) name; topics by physical name."""
    return _diff(connect(options), catalog, prefix)


def apply(options: Mapping[str, Any], catalog: Catalog, prefix: str = "") -> list[Difference]:
    """Creates and changes what differs, and returns that. A second call finds nothing to do.

    Raises `TopicError` before anything is changed where a difference must not be removed.
    """
    admin = connect(options)
    found = _diff(admin, catalog, prefix)
    refused = [str(difference) for difference in found if difference.refusal]
    if refused:
        raise TopicError(f"nothing was changed. {' | '.join(refused)}")
    topics = {prefix + topic.topic: topic for topic in catalog.topics.values()}
    _create(admin, {d.topic: topics[d.topic] for d in found if d.what == "topic"})
    _widen(admin, {d.topic: topics[d.topic] for d in found if d.what == "partitions"})
    _configure(admin, [d for d in found if d.what not in {"topic", "partitions"}])
    if found:
        _wait_for(admin, catalog, prefix)
    return found


def connect(options: Mapping[str, Any]) -> AdminClient:
    """A client that is known to reach the broker; librdkafka's own lines stay off the terminal."""
    admin = AdminClient(revealed(options), logger=logging.getLogger("tape.kafka"))
    try:
        admin.list_topics(timeout=CONNECT_S)
    except KafkaException as error:
        address = options.get("bootstrap.servers")
        reason = error.args[0].str()
        raise TopicError(f"no answer from the broker at {address}: {reason}") from None
    return admin


def _diff(admin: AdminClient, catalog: Catalog, prefix: str) -> list[Difference]:
    names = [prefix + name for name in catalog.topics]
    existing = _existing(admin, names)
    return [
        difference._replace(topic=prefix + difference.topic)
        for topic in catalog.topics.values()
        for difference in differences(topic, existing.get(prefix + topic.topic))
    ]


def _existing(admin: AdminClient, names: Iterable[str]) -> dict[str, Existing]:
    counts = {name: count for name, count in _partitions(admin).items() if name in set(names)}
    if not counts:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in counts]
    found = {}
    for resource, future in admin.describe_configs(resources, request_timeout=TIMEOUT_S).items():
        entries = _result(future, f"the settings of {resource.name}")
        config = {entry.name: entry.value for entry in entries.values() if entry.value is not None}
        found[resource.name] = Existing(counts[resource.name], config)
    return found


def _partitions(admin: AdminClient) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=TIMEOUT_S)
    except KafkaException as error:
        raise TopicError(f"the broker does not answer: {error.args[0].str()}") from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _create(admin: AdminClient, topics: Mapping[str, Topic]) -> None:
    if not topics:
        return
    wanted = [NewTopic(name, t.partitions, config=t.config()) for name, t in topics.items()]
    for name, future in admin.create_topics(wanted, request_timeout=TIMEOUT_S).items():
        _result(future, f"creating {name}", also_fine=KafkaError.TOPIC_ALREADY_EXISTS)


def _widen(admin: AdminClient, topics: Mapping[str, Topic]) -> None:
    if not topics:
        return
    wanted = [NewPartitions(name, topic.partitions) for name, topic in topics.items()]
    for name, future in admin.create_partitions(wanted, request_timeout=TIMEOUT_S).items():
        _result(future, f"adding partitions to {name}")


def _configure(admin: AdminClient, wanted: list[Difference]) -> None:
    changes: dict[str, list[ConfigEntry]] = {}
    for difference in wanted:
        entry = ConfigEntry(
            difference.what, difference.file, incremental_operation=AlterConfigOpType.SET
        )
        changes.setdefault(difference.topic, []).append(entry)
    resources = [
        ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        for name, entries in changes.items()
    ]
    if resources:
        futures = admin.incremental_alter_configs(resources, request_timeout=TIMEOUT_S)
        for resource, future in futures.items():
            _result(future, f"changing the settings of {resource.name}")


def _wait_for(admin: AdminClient, catalog: Catalog, prefix: str) -> None:
    """Until the broker shows all of it: a change is answered a little before."""
    deadline = time.monotonic() + TIMEOUT_S
    while late := _diff(admin, catalog, prefix):
        if time.monotonic() > deadline:
            names = ", ".join(sorted({difference.topic for difference in late}))
            raise TopicError(f"the broker does not show {names} after {TIMEOUT_S:.0f} s")
        time.sleep(0.05)


def _result(future: Future[Any], doing: str, also_fine: int | None = None) -> Any:
    try:
        return future.result()
    except KafkaException as error:
        if error.args[0].code() == also_fine:
            return None
        raise TopicError(f"{doing}: {error.args[0].str()}") from None
