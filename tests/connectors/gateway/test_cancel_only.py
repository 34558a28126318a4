"""Without the log: cancels alone, from a journal on disk that the next gateway hands over."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.gateway import open_gateway
from connectors.gateway.journal import Journal, JournalBroken
from connectors.gateway.ledger import EVENTS, RAW
from connectors.log.errors import Aborted
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from pipelines.gateway.fold import raw_id
from schemas import events
from schemas.catalog import SchemaVersion
from schemas.codec import Codec, SchemaIds
from schemas.errors import EncodeError, RegistryError
from tests.connectors.asynchronous import LIMIT_S, run, until
from tests.connectors.cluster import local_codec
from tests.connectors.gateway.rig import (
    ACCOUNT,
    CODEC,
    heartbeats,
    memory,
    parts,
    running,
)
from tests.connectors.simulated.rig import options, quote


def broken_writer(log: Any) -> None:
    """From here on every transaction of the log in memory fails, as with a broker that is away."""

    def begin(self: Any) -> None:
        raise Aborted("the broker is away")

    for writer in log.writers.values():
        writer.begin = begin.__get__(writer)


def test_without_the_log_orders_are_canceled_and_the_journal_is_handed_over(
    tmp_path: Path,
) -> None:
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, heartbeats(records):
            quote(server, "99", "5", "101", "5")
            made = parts(records.log, server.url, server.socket_url, tmp_path)
            first = open_gateway(made)
            venue, task = server.venue.exchange, asyncio.create_task(first.run())
            await until(lambda: first.desk.gate.ready and first.desk.quotes, "ready")
            name = records.approve()
            await until(lambda: "Accepted" in records.told(name), "accepted")
            await first.desk.ledger.idle()
            broken_writer(records.log)
            late = records.approve()
            await until(lambda: not venue.open_orders(ACCOUNT, "BTCUSDT"), "canceled")
            assert first.desk.cancel_only
            with pytest.raises(Aborted, match="log is back"):
                await task
            assert [o.cl_ord_id for o in venue.orders.values()] == [name]
            assert records.told(name) == ["Submitting", "Accepted"]
            kept = Journal(tmp_path / "journal", CODEC).read()
            assert "VenueRequestSent" in {type(e).__name__ for e in kept}
            async with running(records, server, tmp_path):
                assert records.told(name)[2:] == ["PendingCancel", "Canceled"]
                # Whether the late order's own write was the one that failed is a matter of time.
                assert records.told(late)[-1] == "DecisionExpired"
                assert set(records.told(late)) <= {"Submitting", "DecisionExpired"}
                assert Journal(tmp_path / "journal", CODEC).read() == []

    run(main())
    ids = [e.request_id for e in records.all(RAW) if isinstance(e, events.VenueRequestSent)]
    assert len(ids) == len({*ids})
    reasons = [e.reason for e in records.all(EVENTS) if isinstance(e, events.DecisionExpired)]
    assert reasons == ["GATEWAY_CANCEL_ONLY"]


def test_a_question_that_cannot_be_written_ends_no_gateway(tmp_path: Path) -> None:
    """Asked for an order in doubt: what rests beside it must still be canceled."""
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, heartbeats(records):
            quote(server, "99", "5", "101", "5")
            made = parts(records.log, server.url, server.socket_url, tmp_path)
            first = open_gateway(made._replace(ready_every_s=LIMIT_S))
            venue, task = server.venue.exchange, asyncio.create_task(first.run())
            await until(lambda: first.desk.gate.ready and first.desk.quotes, "ready")
            resting = records.approve()
            await until(lambda: "Accepted" in records.told(resting), "accepted")
            server.faults.arm(Fault("lost_request", count=1, verb="POST"))
            doubted = records.approve()
            await until(lambda: doubted in first.desk.fold.inquiries, "a doubt")
            await first.desk.ledger.idle()
            broken_writer(records.log)
            with pytest.raises(Aborted, match="log is back"):
                await asyncio.wait_for(task, LIMIT_S)
            assert not venue.open_orders(ACCOUNT, "BTCUSDT")
            async with running(records, server, tmp_path):
                assert records.told(resting)[-1] == "Canceled"
                assert records.told(doubted)[-1] == "Resolved"

    run(main())


def test_what_cannot_be_encoded_is_taken_for_a_lost_log(tmp_path: Path) -> None:
    """It happened, and the fold knows it: a log without it would tell another story."""
    records = memory()

    def refuses(event: Any) -> bytes:
        raise EncodeError(type(event).__name__, "detail", "does not fit")

    async def main() -> None:
        codec = local_codec()
        async with VenueServer(options(tmp_path)) as server, heartbeats(records):
            quote(server, "99", "5", "101", "5")
            made = parts(records.log, server.url, server.socket_url, tmp_path)
            first = open_gateway(made._replace(codec=codec))
            venue, task = server.venue.exchange, asyncio.create_task(first.run())
            await until(lambda: first.desk.gate.ready and first.desk.quotes, "ready")
            codec._encoders[events.OrderAccepted] = refuses
            name = records.approve()
            with pytest.raises(Aborted, match="log is back"):
                await asyncio.wait_for(task, LIMIT_S)
            assert not venue.open_orders(ACCOUNT, "BTCUSDT")
            assert records.told(name) == ["Submitting"]
            async with running(records, server, tmp_path):
                assert records.told(name)[-1] == "Canceled"

    run(main())


def test_a_gateway_asks_for_every_schema_before_it_may_trade(tmp_path: Path) -> None:
    """No registry is needed by one that has to cancel."""
    asked: list[str] = []

    def gone(schema: SchemaVersion) -> int:
        asked.append(schema.event)
        raise RegistryError("no answer from the registry")

    made = parts(memory().log, "http://127.0.0.1:1", "ws://127.0.0.1:1", tmp_path)
    codec = Codec(CODEC.catalog, SchemaIds({}, find_id=gone))
    with pytest.raises(RegistryError):
        open_gateway(made._replace(codec=codec))
    assert asked
    assert not made.log.writers, "its predecessor was fenced"  # type: ignore[attr-defined]


def test_an_order_whose_write_ahead_hangs_is_never_sent(tmp_path: Path) -> None:
    records, hung = memory(), threading.Event()

    def hanging(self: Any) -> None:
        assert hung.wait(LIMIT_S)
        type(self).begin(self)

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, heartbeats(records):
            quote(server, "99", "5", "101", "5")
            made = parts(records.log, server.url, server.socket_url, tmp_path)
            first = open_gateway(made._replace(silent_s=0.5))
            venue, task = server.venue.exchange, asyncio.create_task(first.run())
            await until(lambda: first.desk.gate.ready and first.desk.quotes, "ready")
            await first.desk.ledger.idle()
            for writer in records.log.writers.values():  # type: ignore[attr-defined]
                writer.begin = hanging.__get__(writer)
            late = records.approve()
            await until(lambda: first.desk.cancel_only, "the log given up")
            hung.set()
            with pytest.raises(Aborted, match="log is back"):
                await task
            assert not venue.orders
            async with running(records, server, tmp_path):
                assert records.told(late) == ["Submitting", "DecisionExpired"]

    try:
        run(main())
    finally:
        hung.set()


def test_cancels_do_not_wait_for_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither log nor journal takes anything: the next gateway asks what became of every order."""
    records = memory()

    def full(self: Journal, events: Sequence[Any]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server, heartbeats(records):
            quote(server, "99", "5", "101", "5")
            made = parts(records.log, server.url, server.socket_url, tmp_path)
            first = open_gateway(made)
            venue, task = server.venue.exchange, asyncio.create_task(first.run())
            await until(lambda: first.desk.gate.ready and first.desk.quotes, "ready")
            name = records.approve()
            await until(lambda: "Accepted" in records.told(name), "accepted")
            await first.desk.ledger.idle()
            broken_writer(records.log)
            with monkeypatch.context() as patch:
                patch.setattr(Journal, "append", full)
                with pytest.raises(Aborted, match="log is back"):
                    await asyncio.wait_for(task, LIMIT_S)
            assert not venue.open_orders(ACCOUNT, "BTCUSDT")
            async with running(records, server, tmp_path):
                assert records.told(name)[2:] == ["OutcomeUnknown", "Resolved"]

    run(main())


def test_a_journal_without_room_keeps_whole_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal", CODEC)
    journal.append([frame(1)])

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.append([frame(2)])
    journal.append([frame(3)])
    assert journal.read() == [frame(1), frame(3)]


def test_what_the_log_has_already_is_not_handed_over_again(tmp_path: Path) -> None:
    """As after a commit whose outcome was unknown, or a crash before the journal was cleared."""
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path):
                name = records.approve(price=Decimal(101))
                await until(lambda: "Filled" in records.told(name), "the fill")
            told, raw = records.told(name), records.all(RAW)
            Journal(tmp_path / "journal", CODEC).append(raw)
            async with running(records, server, tmp_path):
                assert records.told(name) == told
            ids = [raw_id(event) for event in records.all(RAW)]
            assert len(ids) == len({*ids}) > len(raw)

    run(main())


def test_what_a_failed_handing_over_left_behind_twice_is_handed_over_once(tmp_path: Path) -> None:
    """What could not be written then is in the journal a second time."""
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            Journal(tmp_path / "journal", CODEC).append([frame(1), frame(2)])
            made = parts(records.log, server.url, server.socket_url, tmp_path)
            second = open_gateway(made)
            broken_writer(records.log)
            with pytest.raises(Aborted, match="broker is away"):
                await second.run()
            async with running(records, server, tmp_path):
                assert records.all(RAW)[:2] == [frame(1), frame(2)]
        ids = [raw_id(event) for event in records.all(RAW)]
        assert len(ids) == len({*ids})

    run(main())


def frame(number: int) -> events.VenueFrameReceived:
    return events.VenueFrameReceived(ACCOUNT, "BINANCE", "conn", b"x" * number, number)


def test_a_torn_last_entry_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, CODEC)
    journal.append([frame(1), frame(2)])
    journal.append([frame(3)])
    whole = path.read_bytes()
    assert journal.read() == [frame(1), frame(2), frame(3)]
    for cut in range(1, len(CODEC.encode(frame(3))) + 8):
        path.write_bytes(whole[:-cut])
        assert journal.read() == [frame(1), frame(2)]


def test_what_follows_a_torn_entry_is_read(tmp_path: Path) -> None:
    """The journal of a crash, passed over at a start, and the next time without the log."""
    path = tmp_path / "journal"
    journal = Journal(path, CODEC)
    journal.append([frame(1), frame(2)])
    path.write_bytes(path.read_bytes()[:-1])
    assert journal.read() == [frame(1)]
    journal.append([frame(3)])
    assert journal.read() == [frame(1), frame(3)]


def test_a_damaged_entry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, CODEC).append([frame(1), frame(2)])
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalBroken, match="byte 0"):
        Journal(path, CODEC).read()


def test_no_file_is_an_empty_journal(tmp_path: Path) -> None:
    assert Journal(tmp_path / "journal", CODEC).read() == []
