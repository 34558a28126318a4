"""What the Kafka client does against a real broker that the design depends on."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from connectors.log.kafka_writer import RULE, UNSURE_S
from ops.stack import StackInfo
from tests.connectors.log.contract import TOPICS, record
from tests.faults import cluster
from tests.faults.proxy import Proxy


@pytest.fixture
def topic(stack: StackInfo, topic_prefix: str) -> str:
    cluster.create(stack.bootstrap_servers, topic_prefix, TOPICS).close()
    return topic_prefix + "one"


def transactional(servers: str, identifier: str, **options: object) -> Producer:
    wanted = {"bootstrap.servers": servers, "transactional.id": identifier, "log_level": 0}
    producer = Producer({**wanted, **options})
    producer.init_transactions(30)
    return producer


def test_consume_waits_for_the_whole_number_or_the_whole_time(
    stack: StackInfo, topic: str, topic_prefix: str
) -> None:
    """Hence one message with waiting, then what is there without."""
    cluster.write(stack.bootstrap_servers, topic_prefix, [record(b"1")])
    consumer = Consumer({"bootstrap.servers": stack.bootstrap_servers, "group.id": "pin"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    begun = time.monotonic()
    assert len(consumer.consume(2, 1.5)) == 1
    assert time.monotonic() - begun >= 1.4
    consumer.close()


def test_a_lost_offset_is_an_error_where_none_is_to_be_chosen(stack: StackInfo, topic: str) -> None:
    options = {"auto.offset.reset": "error", "log_level": 0}
    consumer = Consumer(
        {"bootstrap.servers": stack.bootstrap_servers, "group.id": "pin", **options}
    )
    consumer.assign([TopicPartition(topic, 0, 1_000)])
    [message] = consumer.consume(1, 20)
    error = message.error()
    assert error is not None
    assert error.code() == KafkaError._AUTO_OFFSET_RESET
    consumer.close()


def test_a_commit_whose_answer_is_lost_is_repeated_in_silence(stack: StackInfo, topic: str) -> None:
    """It reports success, but not before 0.8 of the retry back-off: the exit rule's measure."""
    proxy = Proxy(int(stack.bootstrap_servers.rpartition(":")[2]), "lost answer", target=1)
    producer = transactional(proxy.address, f"{topic}-silent", **RULE)
    took = []
    for _ in range(3):
        producer.begin_transaction()
        producer.produce(topic, b"")
        producer.flush()
        begun = time.monotonic()
        producer.commit_transaction()
        took.append(time.monotonic() - begun)
    assert proxy.end_txns == 4
    assert took[0] < UNSURE_S < took[1]
    proxy.close()


def test_a_transaction_that_timed_out_looks_like_a_fenced_or_failed_one(
    stack: StackInfo, topic: str
) -> None:
    """Hence the newest ShardOpened, not the code, tells a time-out from a successor."""
    options = {"transaction.timeout.ms": 1_000}
    producer = transactional(stack.bootstrap_servers, f"{topic}-late", **options)
    producer.begin_transaction()
    producer.produce(topic, b"")
    producer.flush()
    time.sleep(3)
    with pytest.raises(KafkaException) as caught:
        producer.commit_transaction()
    error = caught.value.args[0]
    assert error.code() in {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH}


def test_a_successor_fences(stack: StackInfo, topic: str) -> None:
    first = transactional(stack.bootstrap_servers, f"{topic}-twin")
    first.begin_transaction()
    first.produce(topic, b"")
    first.flush()
    second = transactional(stack.bootstrap_servers, f"{topic}-twin")
    with pytest.raises(KafkaException) as caught:
        first.commit_transaction()
    assert caught.value.args[0].code() == KafkaError._FENCED
    assert caught.value.args[0].fatal()
    second.begin_transaction()
    second.produce(topic, b"")
    second.commit_transaction()


def test_a_producer_that_begins_again_at_once_may_wait_20_ms(stack: StackInfo, topic: str) -> None:
    """The broker still completes the transaction before. Hence the writer pauses."""
    producer = transactional(stack.bootstrap_servers, f"{topic}-haste")
    took_ms = []
    for _ in range(200):
        begun = time.monotonic()
        producer.begin_transaction()
        producer.produce(topic, b"")
        producer.flush()
        took_ms.append((time.monotonic() - begun) * 1_000)
        producer.commit_transaction()
    assert max(took_ms) >= 20
