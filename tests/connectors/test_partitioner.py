"""Partitions equal to Java's and librdkafka's: keys must meet wherever they were written."""

from __future__ import annotations

import pytest
from confluent_kafka import Message, Producer

from connectors.partitioner import murmur2, murmur2_partition

KEYS = [b"BINANCE:BTCUSDT", b"COINBASE", b"a", b"ab", b"abc", b"\xff\xfe\xfd\xfc\xfb", b"z" * 1000]


# The values of Kafka's own UtilsTest.testMurmur2, signed as in Java.
@pytest.mark.parametrize(
    ("text", "java_int"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_hash_equals_java(text: bytes, java_int: int) -> None:
    assert murmur2(text) == java_int & 0xFFFFFFFF


def test_partition_drops_the_sign_bit_as_java_does() -> None:
    assert murmur2_partition(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000


def test_partition_equals_librdkafka_murmur2_random() -> None:
    """librdkafka's in-memory mock cluster reports where its own partitioner sent each key."""
    found: dict[bytes, int | None] = {}

    def delivered(error: object, message: Message) -> None:
        assert error is None
        key = message.key()
        assert key is not None
        found[key] = message.partition()

    producer = Producer(
        {
            "bootstrap.servers": "mock",
            "test.mock.num.brokers": 1,
            "topic.metadata.refresh.interval.ms": 100,
            "partitioner": "murmur2_random",
            "log_level": 0,
        }
    )
    count = len(producer.list_topics("keys", timeout=10).topics["keys"].partitions)
    for key in KEYS:
        producer.produce("keys", b"", key, on_delivery=delivered)
    assert producer.flush(10) == 0
    assert count > 1
    assert found == {key: murmur2_partition(key, count) for key in KEYS}
