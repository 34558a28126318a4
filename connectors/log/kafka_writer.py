"""The transactional producer of one shard. Crash-only: the first error ends it, and its process
(see `errors`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from connectors.log.errors import (
    ASK,
    Aborted,
    Fenced,
    LogUnreachable,
    NotAllowed,
    OutcomeUnknown,
    WriteForbidden,
    WriterError,
)
from connectors.log.interface import OutRecord, Tp
from schemas.secret import revealed

# commit_transaction flushes whatever linger.ms holds back, so a long linger only makes full
# batches.
DEFAULTS = {
    "transaction.timeout.ms": 5_000,
    "linger.ms": 50,
    "batch.size": 1_000_000,
    "compression.type": "lz4",
    "message.max.bytes": 16_777_216,
    "queue.buffering.max.messages": 1_000_000,
    "enable.gapless.guarantee": True,
}
# librdkafka sends EndTxn again by itself when its connection breaks, and reports success. The first
# one may still be on its way; arriving in the next transaction it would commit half of that. The
# client waits at least 0.8 * retry.backoff.ms before it sends again, so a commit that took longer
# than UNSURE_S may have sent two, and a shorter one has not. No setting of the user's changes that.
RULE = {"retry.backoff.ms": 2_000, "retry.backoff.max.ms": 2_000}
UNSURE_S = 1.5
FENCE_TIMEOUT_S = 60.0
COMMIT = "commit"
_RAISED = (KafkaException, SystemError)
_tp_of = itemgetter(0, 1)
T = TypeVar("T")
FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_FENCED = {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}
# A transaction begun while the broker still completes the one before is asked for again by the
# client 20 ms later. A first record accepted earlier, however late, was slow for another reason (a
# busy machine), and a longer pause would not make it quicker.
_GAP_MIN_S, _GAP_MAX_S, _CLIENT_WAITED_S = 0.002, 0.020, 0.020


def writer_error(error: KafkaError, doing: str) -> WriterError:
    """The typed end of a writer for librdkafka's error. Only a commit can leave the outcome open:
    before it no EndTxn is sent.
    """
    text = f"{doing}: {error.name()}: {error.str()}"
    if error.code() in _FENCED:
        return Fenced(text)
    if error.code() in FORBIDDEN:
        return WriteForbidden(f"{text}; {ASK}")
    if doing != COMMIT or error.txn_requires_abort() or error.fatal():
        return Aborted(text)
    return OutcomeUnknown(text)


def undelivered(error: KafkaError, first: KafkaError) -> str:
    """For a commit that the client refused, not having delivered everything: it says how many, and
    only the `first` delivery that failed says why.
    """
    count = error.str().partition(" ")[0]
    return f"the broker did not take {count} records: {first.name()}: {first.str()}"


def kafka_error(raised: BaseException | None) -> KafkaError | None:
    """A fatal error is raised by whatever call serves callbacks; amid a callback it becomes the
    cause of a SystemError, or is lost.
    """
    found = raised if isinstance(raised, KafkaException) else getattr(raised, "__cause__", None)
    return found.args[0] if isinstance(found, KafkaException) else None


def raised_by(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except _RAISED as error:
        return error
    return None


def gap_after(gap_s: float, first_ack_s: float) -> float:
    """The pause before the next transaction: longer after one whose first record was accepted so
    late that the client must have waited, else shorter.
    """
    if first_ack_s > _CLIENT_WAITED_S:
        return min(gap_s * 1.5, _GAP_MAX_S)
    return max(gap_s * 0.9, _GAP_MIN_S)


class KafkaWriter:
    """See `connectors.log.interface.Writer`."""

    def __init__(self, options: Mapping[str, Any], prefix: str, transactional_id: str) -> None:
        self._prefix = prefix
        self._names: dict[str, str] = {}
        self._ends: dict[Tp, int] = {}
        self._failure: KafkaError | None = None  # of the first delivery that failed
        self._unconfirmed = 0
        self._ready_at = 0.0
        self._begun_at = 0.0
        self._acked = True
        self._gap_s = _GAP_MIN_S
        own = {"transactional.id": prefix + transactional_id}
        self._producer = Producer(revealed({**DEFAULTS, **options, **RULE, **own}))

    def fence(self) -> None:
        try:
            self._producer.init_transactions(FENCE_TIMEOUT_S)
        except KafkaException as error:
            text = f"cannot open the transactional producer: {error.args[0].str()}"
            if error.args[0].code() in FORBIDDEN:
                raise NotAllowed(f"{text}; {ASK}") from None
            raise LogUnreachable(text) from None

    def begin(self) -> None:
        time.sleep(max(0.0, self._ready_at - time.monotonic()))
        self._begun_at, self._acked = time.monotonic(), False
        self._guard(self._producer.begin_transaction, "begin")

    def send(self, records: Sequence[OutRecord]) -> None:
        """Only the last record of each partition reports its delivery to Python, which costs as
        much as sending it. That of the others is the client's own contract: a flush leaves none
        waiting, and a transaction of which one has failed cannot be committed.
        """
        produce, delivered = self._producer.produce, self._delivered
        last = set(dict(zip(map(_tp_of, records), range(len(records)), strict=True)).values())
        self._unconfirmed += len(last)
        for at, (topic, partition, key, value, timestamp_ms, headers) in enumerate(records):
            name = self._names.get(topic) or self._names.setdefault(topic, self._prefix + topic)
            while True:
                try:
                    report = delivered if at in last else None
                    plain = headers if headers.__class__ is list else list(headers)
                    # By position: keywords cost a third of the call.
                    produce(name, value, key, partition, report, None, timestamp_ms, plain)
                    break
                except BufferError:
                    self._poll(0.05)  # the local queue is full: let deliveries make room
                except _RAISED as error:
                    raise self._typed(error, "produce") from None
        self._poll(0)

    def _poll(self, timeout_s: float) -> None:
        self._guard(partial(self._producer.poll, timeout_s), "poll")

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        self._unconfirmed -= 1
        if error is not None:
            self._failure = self._failure or error
            return
        if not self._acked:
            self._acked = True
            self._gap_s = gap_after(self._gap_s, time.monotonic() - self._begun_at)
        self._ends[Tp(message.topic(), message.partition())] = message.offset() + 1

    def commit(self) -> Mapping[Tp, int]:
        self._flush()  # so that EndTxn alone is timed
        asked = time.monotonic()
        self._guard(self._producer.commit_transaction, COMMIT)
        took_s = time.monotonic() - asked
        if self._failure is not None:
            raise writer_error(self._failure, "deliver")  # the client aborts rather than commits
        if self._unconfirmed:
            raise OutcomeUnknown(
                f"{self._unconfirmed} records without a delivery report after commit"
            )
        self._check_sure(took_s)
        self._ready_at = time.monotonic() + self._gap_s
        ends, self._ends = self._ends, {}
        return {
            Tp(tp.topic.removeprefix(self._prefix), tp.partition): end for tp, end in ends.items()
        }

    def _flush(self) -> None:
        waiting = self._guard(self._producer.flush, "flush")
        if waiting:
            raise OutcomeUnknown(f"{waiting} records wait for delivery after a flush")

    def _check_sure(self, took_s: float) -> None:
        """Raises `OutcomeUnknown` where EndTxn may have been sent twice (see RULE)."""
        if took_s > UNSURE_S:
            raise OutcomeUnknown(
                f"the commit took {took_s:.1f} s: EndTxn may be under way twice, and a late one "
                "would tear the next transaction"
            )

    def _guard(self, call: Callable[[], T], doing: str) -> T:
        try:
            return call()
        except _RAISED as error:
            raise self._typed(error, doing) from None

    def _typed(self, raised: Exception, doing: str) -> WriterError:
        """A producer that failed earlier answers every call with its state alone: what its polling
        raises, or the first delivery that failed, says why. Where the client lost the error, an
        abort gives it again: nothing follows on this producer.
        """
        error = kafka_error(raised_by(partial(self._producer.poll, 0))) or kafka_error(raised)
        error = error or kafka_error(raised_by(partial(self._producer.abort_transaction, 1.0)))
        telling = _FENCED | FORBIDDEN
        if self._failure is not None and (error is None or self._failure.code() in telling):
            error = self._failure
        if error is not None and error.code() == KafkaError._INCONSISTENT and self._failure:
            return Aborted(undelivered(error, self._failure))
        return writer_error(error, doing) if error else Aborted(f"{doing}: {raised}")

    def close(self) -> None:
        """Nothing to do: a producer without an open transaction holds nothing, one with an open
        one must die.
        """
