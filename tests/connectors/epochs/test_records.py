"""The record of an epoch: one encoding gives its chain and its value."""

from __future__ import annotations

import struct
from hashlib import sha256

from connectors.epochs.digest import outputs_digest
from connectors.epochs.records import seal
from connectors.log.memory import MemoryLog
from schemas.events import EpochCommitted
from tests.connectors.epochs.crash import epochs
from tests.connectors.epochs.toy import CODEC, TOPICS, live, tick_record, trade_record


def recorded() -> EpochCommitted:
    log = MemoryLog(TOPICS)
    log.append(trade_record(1, 1_000))
    live(log)
    return epochs(log)[0]


def test_a_sealed_value_is_its_epoch() -> None:
    epoch, value = seal(CODEC, b"before", recorded())
    assert value == CODEC.encode(epoch)
    assert CODEC.decode(value) == epoch


def test_the_chain_covers_all_but_itself() -> None:
    unsealed = recorded()
    epoch, value = seal(CODEC, b"before", unsealed)
    covered = value[5 : -len(epoch.chain) - 1]
    assert epoch.chain == sha256(b"before" + covered).digest()
    other, _ = seal(CODEC, b"before", unsealed._replace(instance="other"))
    assert other.chain != epoch.chain
    assert seal(CODEC, b"another", unsealed)[0].chain != epoch.chain


def test_an_outputs_digest_is_that_of_what_the_log_keeps() -> None:
    records = [trade_record(number, 1_000) for number in range(40)]
    digest = outputs_digest(records, CODEC.fingerprint_of)
    as_on_the_log = sorted(records, key=lambda record: record.partition)
    assert as_on_the_log != records
    assert outputs_digest(as_on_the_log, CODEC.fingerprint_of) == digest
    swapped = [*as_on_the_log[1::-1], *as_on_the_log[2:]]
    assert swapped[0].partition == swapped[1].partition
    assert outputs_digest(swapped, CODEC.fingerprint_of) != digest


def test_an_outputs_digest_is_what_its_docstring_says() -> None:
    """Two topics, and two kinds of event in one partition."""
    mixed = [trade_record(n, 1_000) for n in range(9)]
    mixed[3] = mixed[3]._replace(value=tick_record(1_000).value)
    mixed[5] = mixed[5]._replace(topic="aaa")
    ordered = sorted(mixed, key=lambda record: record[:2])
    kinds = [(record.topic, record.value[:5]) for record in ordered]
    different = list(dict.fromkeys(kinds))
    heads = [(topic.encode() + b"\0" + CODEC.fingerprint_of(frame)) for topic, frame in different]
    numbers = [len(different), len(mixed)]
    columns = [sha256(head).digest() for head in heads]
    columns += [struct.pack("<i", different.index(kind)) for kind in kinds]
    columns += [struct.pack("<i", record.partition) for record in ordered]
    for column in ([record.key for record in ordered], [record.value[5:] for record in ordered]):
        columns += [*(struct.pack("<i", len(one)) for one in column), *column]
    wanted = sha256(struct.pack("<2i", *numbers) + b"".join(columns)).digest()
    assert outputs_digest(mixed, CODEC.fingerprint_of) == wanted
