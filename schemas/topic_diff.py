"""What differs between a topic's file and the broker, and which differences are never removed.

Records are the truth here: a change that could lose one, or move a key to another partition, is
refused, whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.topics import Topic


class Existing(NamedTuple):
    """A topic as the broker has it."""

    partitions: int
    config: Mapping[str, str]


class Difference(NamedTuple):
    """`what` is `topic`, `partitions` or the name of a setting; `refusal` is empty where the
    broker may be brought in line."""

    topic: str
    what: str
    broker: str
    file: str
    refusal: str = ""

    def __str__(self) -> str:
        text = f"{self.topic}: {self.what} is {self.broker}, the file says {self.file}"
        return f"{text}; refused: {self.refusal}" if self.refusal else text


def differences(topic: Topic, existing: Existing | None) -> list[Difference]:
    """What would have to change; empty where the broker has what the file says."""
    name = topic.topic
    if existing is None:
        return [Difference(name, "topic", "missing", f"{topic.partitions} partitions")]
    found = []
    if existing.partitions != topic.partitions:
        refusal = _partitions_refusal(topic, existing.partitions)
        counts = str(existing.partitions), str(topic.partitions)
        found.append(Difference(name, "partitions", *counts, refusal))
    for key, wanted in topic.config().items():
        held = existing.config.get(key, "unset")
        if held != wanted:
            found.append(Difference(name, key, held, wanted, _config_refusal(key, held, wanted)))
    return found


def _partitions_refusal(topic: Topic, held: int) -> str:
    if topic.partitions < held:
        return "Kafka cannot take partitions away, and their records would be lost"
    if topic.key != "shard":
        return "keys would move to other partitions, away from their history: make a new version"
    return ""


def _config_refusal(key: str, held: str, wanted: str) -> str:
    if key == "cleanup.policy":
        return "replay needs every record as it was written"
    if key == "retention.ms" and _shorter(wanted, held):
        return "records would be deleted"
    return ""


def _shorter(wanted: str, held: str) -> bool:
    """Whether retention `wanted` is below `held`, in milliseconds; -1 is for ever."""
    if wanted == "-1" or not held.lstrip("-").isdigit():
        return False
    return held == "-1" or int(wanted) < int(held)
