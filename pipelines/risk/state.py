"""What risk knows: positions, working orders, money, marks, limits, trading states.

Sums are kept running, at three levels (desk, account, strategy), so that a decision costs the same
with one open order or ten thousand. What is marked derived follows from the rest and is rebuilt on
loading. All Decimal arithmetic runs under `pipelines.exact.EXACTLY`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from pipelines.exact import ZERO
from pipelines.orders.order import Order
from pipelines.risk.asked import Request
from pipelines.risk.limits import ENDLESS, NO_BOUNDS, NO_RULES, Bounds, LimitTable, Rules, Scope
from pipelines.risk.resting import Resting
from schemas.events import LimitsChanged

TradingState = Literal["ACTIVE", "PAUSED", "REDUCING", "HALTED"]
STRICTNESS: Final[tuple[TradingState, ...]] = ("ACTIVE", "PAUSED", "REDUCING", "HALTED")
DAY_NS: Final = 86_400 * 10**9


@dataclass(slots=True)
class Mark:
    """`px`: the newest mark, None before the first. `value_px`: what positions are valued at: the
    newest mark, or the first fill's price before there is one."""

    px: Decimal | None = None
    ts_recv_ns: int = 0
    value_px: Decimal | None = None
    cells: list[Cell] = field(default_factory=list, repr=False, compare=False)  # derived


@dataclass(slots=True)
class Level:
    """Sums over a desk, an account or a strategy, in the limits' currency.

    `pnl` is realised and unrealised since the beginning, fees taken off, transfers never in it.
    `approved_ns`: log times of the approvals of the last minute.
    """

    scope: Scope
    pnl: Decimal = ZERO
    day_pnl: Decimal = ZERO  # at 00:00 UTC
    peak_pnl: Decimal = ZERO
    approved_ns: deque[int] = field(default_factory=deque)
    open_orders: int = 0  # derived, as all below
    exposure: Decimal = ZERO  # positions at `Mark.value_px`, open buys at the prices reserved
    bounds: Bounds = NO_BOUNDS
    floor_pnl: Decimal = -ENDLESS  # below it, a loss limit is reached

    def gain(self, amount: Decimal) -> None:
        self.pnl += amount
        self.peaked()

    def peaked(self) -> None:
        """To be called when `pnl` has grown."""
        if self.pnl > self.peak_pnl:
            self.peak_pnl = self.pnl
            self.refloor()

    def refloor(self) -> None:
        """To be called when a bound changed, or what it is counted from."""
        daily = self.day_pnl - self.bounds.loss_max
        self.floor_pnl = max(daily, self.peak_pnl - self.bounds.drawdown_max)


@dataclass(slots=True)
class Net:
    """One level's position in one instrument with all open buys filled, and its limit. Derived."""

    long_qty: Decimal = ZERO
    max_qty: Decimal | None = None


@dataclass(slots=True)
class Fund:
    """One asset of an account; `reserved` (derived) is what open orders may take of it."""

    total: Decimal = ZERO
    reserved: Decimal = ZERO


@dataclass(slots=True)
class Cell:
    """One strategy in one instrument on one account, and everything that a decision there needs.

    `executions_ns`: when orders of it were first filled, as far back as the throttle looks.
    """

    account: str
    strategy: str
    instrument: str
    position: Decimal = ZERO
    executions_ns: deque[int] = field(default_factory=deque)
    open_buy: Decimal = ZERO  # derived, as all below
    open_sell: Decimal = ZERO
    state: TradingState = "ACTIVE"
    rules: Rules = NO_RULES
    mark: Mark = field(default_factory=Mark, repr=False)
    band_mark: Mark | None = None
    levels: tuple[Level, ...] = ()
    nets: tuple[Net, ...] = ()
    limited_levels: tuple[Level, ...] = ()  # those that a limit names
    limited_nets: tuple[tuple[Net, Decimal], ...] = ()  # with the most that is allowed
    sums: tuple[tuple[Level, Net], ...] = ()  # the two together
    base: Fund | None = None
    quote: Fund | None = None
    resting: Resting = field(default_factory=Resting, repr=False)


@dataclass(slots=True)
class Working:
    """An approved order. `px`: the price its value is reserved at; `price` None: a market order.

    `ended_day`: the UTC day of its end, None while it lives; it is remembered a day longer, for
    fills that come late or twice.
    """

    order: Order
    cell: Cell
    is_buy: bool
    px: Decimal
    price: Decimal | None
    venue: str
    correlation_id: str
    ended_day: int | None = None


class Unpriced(NamedTuple):
    """Whose fees wait for a mark of their asset: taken off once there is one."""

    account: str
    strategy: str
    instrument: str
    asset: str


@dataclass(slots=True)
class RiskState:
    """`now_ns`: running maximum of log time; `clock_ns`: of the clock alone, 0 before the first.
    Both go back where the clock is set back.
    `ready`: when each account's gateway last said that it is, in log time.

    `assets`: base and quote asset of every instrument ever limited. `recent`: newest approvals, for
    the check of duplicates. `applied`: ids of transfers and adjustments.
    """

    now_ns: int = 0
    clock_ns: int = 0
    day: int = -1
    limits: LimitsChanged | None = None
    control: dict[Scope, TradingState] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)
    assets: dict[str, tuple[str, str]] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    levels: dict[Scope, Level] = field(default_factory=dict)
    funds: dict[tuple[str, str], Fund] = field(default_factory=dict)
    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    orders: dict[str, Working] = field(default_factory=dict)
    recent: deque[tuple[int, Request]] = field(default_factory=deque)
    foreign: dict[tuple[str, str, str, str, str], int] = field(default_factory=dict)
    applied: set[str] = field(default_factory=set)
    unpriced: dict[Unpriced, Decimal] = field(default_factory=dict)
    table: LimitTable = field(default_factory=LimitTable)  # derived, as all below
    nets: dict[tuple[Scope, str], Net] = field(default_factory=dict)
    resting: dict[tuple[str, str], Resting] = field(default_factory=dict)
    recent_ns: dict[Request, int] = field(default_factory=dict)


def mark_of(state: RiskState, instrument: str) -> Mark:
    return state.marks.setdefault(instrument, Mark())


def level_of(state: RiskState, scope: Scope) -> Level:
    level = state.levels.get(scope)
    if level is None:
        level = state.levels[scope] = Level(scope, bounds=state.table.bounds(scope))
        level.refloor()
    return level


def fund_of(state: RiskState, account: str, asset: str) -> Fund:
    return state.funds.setdefault((account, asset), Fund())


def cell_of(state: RiskState, account: str, strategy: str, instrument: str) -> Cell:
    """The cell, made where there is none: an empty one is no part of the canonical state."""
    key = (account, strategy, instrument)
    return state.cells.get(key) or _made(state, Cell(*key))


def _made(state: RiskState, cell: Cell) -> Cell:
    account, strategy, instrument = cell.account, cell.strategy, cell.instrument
    state.cells[account, strategy, instrument] = cell
    scopes: tuple[Scope, ...] = ((None,) * 3, (account, None, None), (None, strategy, None))
    cell.levels = tuple(level_of(state, scope) for scope in scopes)
    cell.nets = tuple(_net_of(state, scope, instrument) for scope in scopes)
    cell.sums = tuple(zip(cell.levels, cell.nets, strict=True))
    cell.mark = mark_of(state, instrument)
    cell.mark.cells.append(cell)
    cell.resting = state.resting.setdefault((account, instrument), Resting())
    renew(state, cell)
    return cell


def _net_of(state: RiskState, scope: Scope, instrument: str) -> Net:
    limit = state.table.position_max(scope, instrument)
    return state.nets.setdefault((scope, instrument), Net(max_qty=limit))


def renew(state: RiskState, cell: Cell) -> None:
    """What follows from limits and trading states, after either changed."""
    cell.rules = state.table.rules(cell.account, cell.strategy, cell.instrument)
    cell.state = trading_state(state, cell)
    cell.limited_levels = tuple(level for level in cell.levels if level.bounds != NO_BOUNDS)
    cell.limited_nets = tuple((n, n.max_qty) for n in cell.nets if n.max_qty is not None)
    band = cell.rules.band_instrument
    cell.band_mark = mark_of(state, band) if band else None
    assets = state.assets.get(cell.instrument)
    if assets is not None and cell.base is None:
        cell.base, cell.quote = (fund_of(state, cell.account, asset) for asset in assets)


def trading_state(state: RiskState, cell: Cell) -> TradingState:
    """The strictest of all that is latched for a scope the cell lies in."""
    found = (latched for scope, latched in state.control.items() if within(cell, scope))
    return max(found, key=STRICTNESS.index, default="ACTIVE")


def within(cell: Cell, scope: Scope) -> bool:
    own = (cell.account, cell.strategy, cell.instrument)
    return all(wanted in (None, value) for wanted, value in zip(scope, own, strict=True))
