"""What must hold after a round of chaos, whatever happened in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from connectors.gateway.past import read_past
from connectors.log.kafka import KafkaLog
from connectors.orderport import order_port
from connectors.simulated.admin import FOREIGN
from connectors.simulated.server import INSTRUMENTS
from connectors.simulated.venue import Venue, remembered
from ops.demo.again import venue_again as whole_again
from ops.demo.books import Books, books, read_all
from ops.demo.trading import compared
from ops.desk.plan import account_of
from ops.settings import Settings
from ops.stack.progress import silent
from ops.supervisor.supervisor import Supervisor
from pipelines.matching.model import Order
from replay.backtest.recorded import recorded_story
from schemas.codec import Codec
from schemas.events import OrderApproved

REPLAYED = ("market", "strategy", "risk", "reconciliation", "orders")


def check(settings: Settings, log: KafkaLog, codec: Codec, supervisor: Supervisor) -> Counter[str]:
    """Counts. The venue must have stopped. Raises `AssertionError`."""
    there = remembered(settings.simulated_folder / "state", INSTRUMENTS)
    found = books(log, codec, INSTRUMENTS)
    account = account_of(settings)
    approvals = approved(log, codec)
    ours = one_to_one(approvals, there)
    equal(found, there, account)
    all_final(settings, log, codec, account)
    replays(supervisor)
    again = venue_again(settings, log, codec)
    told_again(log, codec, found)
    return Counter(
        {
            "venue decisions again": again["venue decisions"],
            "execution reports again": again["execution reports"],
            "orders at the venue": len(ours),
            "fills": len(found.fills),
            "fills booked by reconciliation": sum(fill.reconciled for fill in found.fills),
            "approved": found.approved,
            "denied": sum(found.denied.values()),
            "breaks": sum(found.breaks.values()),
            "orders in doubt": found.events["OrderOutcomeUnknown"],
        }
    )


def approved(log: KafkaLog, codec: Codec) -> dict[str, OrderApproved]:
    """By client order id; approved once each."""
    events = [e for e in read_all(log, codec, "risk.decision.v1") if isinstance(e, OrderApproved)]
    found = {event.cl_ord_id: event for event in events}
    assert len(found) == len(events), "an order was approved twice"
    return found


def one_to_one(approvals: dict[str, OrderApproved], there: Venue) -> list[Order]:
    """The orders at the venue that no stranger sent: each from one approval, none twice, with its
    terms.
    """
    orders = there.exchange.orders.values()
    ours = [order for order in orders if not order.cl_ord_id.startswith(FOREIGN)]
    twice = [name for name, n in Counter(o.cl_ord_id for o in ours).items() if n > 1]
    assert not twice, f"sent twice: {twice}"
    for order in ours:
        approval = approvals.get(order.cl_ord_id)
        assert approval is not None, f"nobody approved {order}"
        wanted = (approval.side, approval.order_qty, approval.price, approval.account)
        sent = (order.side, order.order_qty, order.price, order.account)
        assert sent == wanted, f"{order} differs from {approval}"
    return ours


def equal(found: Books, there: Venue, account: str) -> None:
    """Every balance to the last digit; no break is open."""
    positions = compared(found, there, account)
    different = {asset: both for asset, both in positions.items() if both["log"] != both["venue"]}
    assert not different, f"balances differ: {different}"
    assert not found.open_breaks, f"breaks are open: {found.open_breaks}"


def all_final(settings: Settings, log: KafkaLog, codec: Codec, account: str) -> None:
    """Every approved order has ended on the log."""
    past = read_past(log, codec, account, order_port(settings.gateway.venue))
    assert not past.fold.book.live, f"orders without an end: {list(past.fold.book.live)}"
    assert not past.pending, f"decisions that nobody acted on: {list(past.pending)}"


def told_again(log: KafkaLog, codec: Codec, found: Books) -> None:
    """A report of what was traded counts as the books do."""
    story = recorded_story(log, codec)
    held = {asset: qty for asset, qty in story.account.balances.items() if qty}
    assert held == {asset: qty for asset, qty in found.balances.items() if qty}
    assert len(story.fills) == len(found.fills)


def venue_again(settings: Settings, log: KafkaLog, codec: Codec) -> dict[str, int]:
    """Every decision and report of the venue comes out of its arrivals again, killed or not."""
    again = whole_again(log, codec, settings, silent)
    different = {one["name"]: one["finding"] for one in again["venue_again"] if not one["clean"]}
    assert not different, f"the venue's arrivals give something else: {different}"
    assert "<svg" in Path(again["report"]).read_text()
    return {one["name"]: one["compared"] for one in again["venue_again"]}


def replays(supervisor: Supervisor) -> None:
    """Every recorded epoch again, all digests equal."""
    running = {name: supervisor.spawn(f"replay-{name}", "replay", name) for name in REPLAYED}
    for name, process in running.items():
        code = process.wait()
        assert code == 0, supervisor.log_of(f"replay-{name}").read_text()
