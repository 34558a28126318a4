"""A snapshot and what came after it give the state that the whole log gives.

1. All kinds of orders, with a lost stream and a restart, a snapshot after every few events.
2. From each snapshot and from the beginning: the same bytes; they are also the live state's.
3. A snapshot of another form is passed over.
"""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.gateway import past, snapshots
from connectors.gateway.gateway import Gateway
from connectors.gateway.past import BREAKS, CONTROL
from connectors.gateway.snapshots import SNAPSHOTS, Saved, cut, decode, encode, joined
from connectors.log.interface import Log, Tp
from connectors.orderport import order_port
from connectors.partitioner import murmur2_partition
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from pipelines.gateway import saved
from pipelines.gateway.fold import OrderFold
from pipelines.gateway.reports import Report
from schemas.events import TransferAnnounced
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import (
    ACCOUNT,
    CODEC,
    TOPICS,
    Line,
    Records,
    memory,
    running,
)
from tests.connectors.simulated.rig import options, quote
from tests.pipelines.orders.events import event

READER = order_port("BINANCE")
_ABOUT: Any = {
    "account": ACCOUNT,
    "break_id": "b",
    "asset": None,
    "cl_ord_id": None,
    "trade_id": None,
}
FOUND = event("BreakFound", **_ABOUT, kind="FILL_FOREIGN", log_qty=None, venue_qty=None)
CLEARED = event("BreakCleared", **_ABOUT, kind="FILL_FOREIGN")


async def trade_a_lot(records: Records, gateway: Gateway, server: VenueServer, line: Line) -> None:
    """Filled, refused by the venue, by us, in doubt, canceled, and one that stays; a break that is
    found and not cleared.
    """
    for _ in range(3):
        filled, resting = records.approve(price=Decimal(101)), records.approve()
        refused = records.approve(price=Decimal("100.001"))
        dropped = records.approve(price=Decimal(120))
        await reached(gateway, {filled: "FILLED", refused: "REJECTED", dropped: "DROPPED"})
        await reached(gateway, {resting: "ACCEPTED"})
        server.faults.arm(Fault("lost_response", count=1, verb="POST"))
        doubted = records.approve()
        await reached(gateway, {doubted: "ACCEPTED"})
        records.cancel(doubted)
        await reached(gateway, {doubted: "CANCELED"})
    records.write(CONTROL, moved(f"transfer-{gateway.desk.instance}"))
    line.cut()
    await until(lambda: not gateway.desk.gate.ready, "the loss")
    await until(lambda: gateway.desk.gate.ready, "ready again")
    records.write(BREAKS, FOUND)  # not before: no gateway opens its gate with one
    await until(lambda: gateway.desk.broken, "the break")


def moved(transfer_id: str, account: str = ACCOUNT, qty: str = "0.5") -> TransferAnnounced:
    return TransferAnnounced(
        transfer_id, account, "BINANCE", "BTC", Decimal(qty), "ada", "", "", time.time_ns()
    )


async def reached(gateway: Gateway, wanted: dict[str, str]) -> None:
    entries = gateway.desk.fold.book.entries
    for name, state in wanted.items():
        await until(lambda name=name, state=state: (  # type: ignore[misc]
            name in entries and entries[name].order.state == state), f"{name} {state}")  # fmt: skip


def traded(folder: Path) -> tuple[Records, bytes]:
    """Two runs over one log, and the last one's state in the end."""
    records, states = memory(), list[bytes]()

    async def main() -> None:
        async with VenueServer(options(folder)) as server, Line(server.socket_url) as line:
            quote(server, "99", "50", "101", "50")
            for _ in range(2):
                records.write(BREAKS, CLEARED)
                changes: Any = {
                    "socket_url": line.url,
                    "snapshot_every": 7,
                    "recv_window_ms": 2_000,
                    "requests_per_second": 500,
                }
                async with running(records, server, folder, **changes) as gateway:
                    await trade_a_lot(records, gateway, server, line)
                states.append(saved.dump(gateway.desk.fold))

    run(main())
    return records, states[-1]


def taken(log: Log) -> list[Any]:
    tp = Tp(SNAPSHOTS, murmur2_partition(ACCOUNT.encode(), TOPICS[SNAPSHOTS]))
    return list(snapshots.whole(CODEC, log.read(tp, *log.bounds(tp), 5.0)))


def test_a_snapshot_and_its_tail_are_the_whole_log(tmp_path: Path) -> None:
    records, live = traded(tmp_path)
    whole = past.read_since(Saved(OrderFold(READER)), records.log, CODEC, ACCOUNT)
    assert saved.dump(whole.fold) == live
    found = taken(records.log)
    assert len(found) > 2, "each run's last one, and some on the way: how many is a matter of time"
    assert whole.breaks == {FOUND.break_id}
    for chunks in found:
        base = decode(joined(chunks), chunks[0].state_version, READER)
        tail = past.read_since(base, records.log, CODEC, ACCOUNT)
        assert saved.dump(tail.fold) == live, chunks[0].sequence
        assert tail._replace(fold=whole.fold) == whole


def test_the_newest_one_is_taken_and_another_form_passed_over(tmp_path: Path) -> None:
    records, live = traded(tmp_path)
    last = taken(records.log)[-1]
    state = snapshots.newest(records.log, CODEC, ACCOUNT, READER)
    assert state is not None
    assert encode(state) == joined(last)
    [stranger] = cut(joined(last).replace(b'"form":[', b'"form":[[],'), last[0].sequence + 1)
    records.write(SNAPSHOTS, stranger)
    again = snapshots.newest(records.log, CODEC, ACCOUNT, READER)
    assert again is not None
    assert encode(again) == joined(last)
    assert saved.dump(past.read_past(records.log, CODEC, ACCOUNT, READER).fold) == live


def test_a_log_without_any_is_read_from_the_beginning() -> None:
    assert snapshots.newest(memory().log, CODEC, ACCOUNT, READER) is None


class Deaf:
    """Another version, to which the venue says nothing at all."""

    kind, stamp = READER.kind, READER.stamp

    def read_response(self, *_: object) -> list[Report]:
        return []

    def read_frame(self, _: bytes) -> list[Report]:
        return []


def test_another_version_follows_what_was_recorded(tmp_path: Path) -> None:
    """Forward or back: orders and positions are what the log says of them."""
    log = traded(tmp_path)[0].log
    ours = past.read_since(Saved(OrderFold(READER)), log, CODEC, ACCOUNT).fold.book
    deaf = past.read_since(Saved(OrderFold(Deaf())), log, CODEC, ACCOUNT).fold.book
    assert {n: e.order for n, e in deaf.entries.items()} == {
        n: e.order for n, e in ours.entries.items()
    }
    assert (deaf.positions, deaf.live, deaf.by_order_id) == (
        ours.positions,
        ours.live,
        ours.by_order_id,
    )
    assert len(ours.positions) == 1
