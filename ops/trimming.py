"""Tells the broker to forget the beginning of partitions."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaException, TopicPartition

from connectors.log.interface import Tp
from ops.settings import Settings
from ops.topics import TIMEOUT_S, connect
from schemas.errors import TopicError


def delete_before(settings: Settings, offsets: Mapping[Tp, int]) -> None:
    """Everything below these offsets goes, for good. Raises `TopicError`."""
    if not offsets:
        return
    prefix = settings.topic_prefix
    places = [TopicPartition(prefix + tp.topic, tp.partition, at) for tp, at in offsets.items()]
    admin = connect(settings.kafka_options())
    for place, done in admin.delete_records(places, request_timeout=TIMEOUT_S).items():
        try:
            done.result()
        except KafkaException as error:
            what = f"{place.topic}/{place.partition} before offset {place.offset}"
            raise TopicError(f"deleting {what}: {error.args[0].str()}") from None
