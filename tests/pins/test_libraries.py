"""What other libraries do that the design depends on: numbers, encodings, clients' queues."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from decimal import Context, Decimal, getcontext

import fastavro
import pytest
from confluent_kafka import KafkaError, Producer

from connectors.epochs.history import CHAIN_BYTES
from connectors.http_client import httpx
from connectors.log.kafka_writer import RULE, UNSURE_S, writer_error
from schemas.catalog import load_catalog
from schemas.events import EpochCommitted


def test_decimals_round_in_silence_at_28_digits() -> None:
    """Hence one explicit context with traps."""
    big = Decimal("12345678901234567890.1234567890")
    with_default: list[Decimal] = []
    thread = threading.Thread(target=lambda: with_default.append(big + Decimal("0.0000000001")))
    thread.start()
    thread.join()
    assert with_default == [Decimal("12345678901234567890.12345679")]
    assert Context(prec=76).add(big, Decimal("0.0000000001")) != with_default[0]
    assert getcontext().prec == 28


def test_fastavro_knows_no_nanoseconds() -> None:
    """Hence plain longs with the unit in their names."""
    kind = fastavro.parse_schema({"type": "long", "logicalType": "timestamp-nanos"})
    body = io.BytesIO()
    fastavro.schemaless_writer(body, kind, 1_700_000_000_123_456_789)
    body.seek(0)
    assert fastavro.schemaless_reader(body, kind, None) == 1_700_000_000_123_456_789


def test_the_clients_queue_refuses_rather_than_waits() -> None:
    options = {"bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.messages": 5}
    producer = Producer({**options, "log_level": 0})
    for _ in range(5):
        producer.produce("topic", b"")
    with pytest.raises(BufferError):
        producer.produce("topic", b"")
    producer.purge()


def test_requests_that_wait_in_the_http_client_cost_the_square_of_their_number() -> None:
    """Hence no more are handed to it than it has connections: at 800 the loop stands for seconds.
    Counted in calls, for these do not depend on the machine.
    """
    few, many = (asyncio.run(_calls_for(waiting)) for waiting in (50, 200))
    assert many > 6 * few


async def _calls_for(waiting: int) -> int:
    """Calls while so many requests wait for one of ten connections, all in vain."""
    calls = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    async def unanswered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(unanswered, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    limits = httpx.Limits(max_connections=10)
    async with httpx.AsyncClient(timeout=0.3, trust_env=False, limits=limits) as client:
        asked = [client.get(url) for _ in range(10 + waiting)]
        sys.setprofile(count)
        await asyncio.gather(*asked, return_exceptions=True)
        sys.setprofile(None)
    server.close()
    return calls


def test_chain_is_the_last_field_of_an_epoch_on_the_wire() -> None:
    """The hash chain covers everything before it."""
    versions = load_catalog().events["EpochCommitted"].versions
    newest = versions[max(versions)]
    assert EpochCommitted._fields[-1] == "chain"
    assert newest.schema["fields"][-1]["name"] == "chain"
    assert CHAIN_BYTES == 1 + 32


@pytest.mark.parametrize(
    ("code", "doing", "exit_code"),
    [
        (KafkaError._FENCED, "commit", 70),
        (KafkaError.INVALID_PRODUCER_EPOCH, "produce", 70),
        (KafkaError._STATE, "produce", 71),
        (KafkaError._TIMED_OUT, "flush", 71),
        (KafkaError._TIMED_OUT, "commit", 72),
        (KafkaError._TRANSPORT, "commit", 72),
    ],
)
def test_exit_codes(code: int, doing: str, exit_code: int) -> None:
    assert writer_error(KafkaError(code), doing).exit_code == exit_code


def test_a_repeated_end_txn_takes_longer_than_a_sure_commit() -> None:
    jitter = 0.8
    assert jitter * RULE["retry.backoff.ms"] / 1_000 > UNSURE_S
    assert RULE["retry.backoff.max.ms"] == RULE["retry.backoff.ms"]
