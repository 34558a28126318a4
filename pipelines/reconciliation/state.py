"""What reconciliation knows, account by account: orders, fills, positions, sums, breaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from pipelines.exact import ZERO
from pipelines.orders.order import Order
from schemas.events import AccountTrade, BreakKind, Side

TradeId = tuple[str, str, str]  # instrument, the venue's ids of order and trade


class Known(NamedTuple):
    """An order of ours. `order_id` is None until the venue named it; `changed_ns` is the receive
    time of its newest event."""

    strategy: str
    instrument: str
    side: Side
    correlation_id: str
    order: Order
    order_id: str | None = None
    changed_ns: int = 0


class Fill(NamedTuple):
    """A trade as the log has it."""

    side: Side
    last_px: Decimal
    last_qty: Decimal
    commission: Decimal
    comm_currency: str
    reconciled: bool = False
    ts_event_ns: int | None = None  # by the venue's clock


class Holding(NamedTuple):
    """A strategy's position; `cost` is what was paid for it, quote currency."""

    qty: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO


class Finding(NamedTuple):
    """A difference; `break_id` is its kind and what it is about, so the same one is found once."""

    break_id: str
    kind: BreakKind
    venue: str
    detail: str
    snapshot_id: str
    instrument: str | None = None
    asset: str | None = None
    cl_ord_id: str | None = None
    order_id: str | None = None
    trade_id: str | None = None
    log_qty: Decimal | None = None
    venue_qty: Decimal | None = None


class Suspicion(NamedTuple):
    """A difference that may yet explain itself. `trade`: the fill to book if it does not."""

    finding: Finding
    since_ns: int
    trade: AccountTrade | None = None


class Recent(NamedTuple):
    """A fill that a snapshot may have missed."""

    ts_recv_ns: int
    instrument: str
    qty: Decimal  # signed


class Balances(NamedTuple):
    """The newest balances seen, free and locked together."""

    snapshot_id: str
    venue: str
    totals: dict[str, Decimal]
    ts_sent_ns: int
    ts_recv_ns: int


class Asset(NamedTuple):
    """What an instrument trades, and its lot."""

    base: str
    quote: str
    lot_size: Decimal


@dataclass
class Account:
    """`owned`: this shard reads the account's own topics, so it speaks for it.

    `moved` sums the log's fills by instrument (base, quote), `other` transfers less fees by asset.
    Orders and their fills leave together once a round has confirmed them: `agreed_ns` is when the
    newest round that agreed with the log was asked for, `settled_ns` the newest forgotten fill, by
    the venue's clock.
    """

    owned: bool = False
    venue: str = ""
    orders: dict[str, Known] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)  # instrument, order_id: ours
    fills: dict[TradeId, Fill] = field(default_factory=dict)
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)  # strategy, instrument
    moved: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    other: dict[str, Decimal] = field(default_factory=dict)
    recent: list[Recent] = field(default_factory=list)
    balances: Balances | None = None
    applied: set[str] = field(default_factory=set)  # ids of transfers and adjustments
    suspected: dict[str, Suspicion] = field(default_factory=dict)
    broken: dict[str, Finding] = field(default_factory=dict)
    day: int = 0  # UTC day of log time on which orders were last forgotten
    agreed_ns: int = 0
    settled_ns: int = 0
    seen_ns: int = 0  # receive time of the newest snapshot; of the first input before it


@dataclass
class ReconciliationState:
    """`assets` by instrument, from the limits in force."""

    accounts: dict[str, Account] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)

    def of(self, account: str) -> Account:
        return self.accounts.setdefault(account, Account())
