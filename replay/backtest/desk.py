"""The desk of a backtest: strategy, risk, gateway and venue, each record handed to its readers.

A record of the market is heard by the venue first: what was displayed then is what an order meets.
Records that the desk itself writes are read in the order written, at the moment they are written;
all the time that passes lies on the wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from connectors.control import TOPIC as CONTROL
from connectors.gateway.ledger import EVENTS
from pipelines.dead_letters import refuse_unreadable
from pipelines.execution.requests import REQUESTS
from pipelines.logic import ROWS_MAX, Batch, Input, Output, Position
from pipelines.risk.decisions import DECISIONS
from pipelines.risk.logic import RiskLogic
from replay.backtest.agenda import Agenda
from replay.backtest.columns import Columns
from replay.backtest.exchange import SimulatedVenue
from replay.backtest.gateway import Gateway
from replay.backtest.implied import Implied
from replay.backtest.peeking import check_no_peeking
from replay.backtest.records import Records
from replay.backtest.setting import Setting
from replay.backtest.wire import Wire
from schemas.events import (
    BookChanged,
    ClockTick,
    MarkPublished,
    QuoteChanged,
    TradePrinted,
)

NS_PER_MS: Final = 1_000_000
LETTERS_OF: Final = ("md.book.v1", "md.trade.v1", "md.quote.v1")
"""Topics of which some records may be refused; one of another that cannot be read ends the run."""

DISPLAYED: Final = (TradePrinted, QuoteChanged, BookChanged)
WATCHED: Final = (MarkPublished, ClockTick)
"""What the venue hears, and what risk does."""

See = Callable[[Input], None]
Targets = Mapping[Position, Sequence[Output]]


class Desk:
    """`now_ns`: the moment the simulation has reached. `see` is told of every record."""

    def __init__(
        self, setting: Setting, records: Records, see: See, implied: Implied | None = None
    ) -> None:
        """`implied`: of a market that has trades alone."""
        self._setting, self._records, self._see = setting, records, see
        self._implied = implied
        self.now_ns, self.agenda = 0, Agenda()
        self._strategy, self._risk = setting.strategy, RiskLogic()
        self._held, self._risk_state = self._strategy.initial(), self._risk.initial()
        clock = self._clock
        wire = Wire(setting.model.latency, self.agenda, clock)
        terms = (setting.instruments, setting.model.fees)
        self.venue = SimulatedVenue(setting.caps.account, *terms, clock, self._frame)
        self._gateway = Gateway(
            setting.caps, setting.port, self.venue, wire, clock, self._gateway_writes
        )
        self._waiting: deque[Input] = deque()
        self._readers: Mapping[str, tuple[See, ...]] = {
            REQUESTS: (self._ask_risk,),
            DECISIONS: (self._ask_strategy, self._gateway.hear),
            EVENTS: (self._ask_risk, self._ask_strategy),
            CONTROL: (self._ask_risk, self._ask_strategy, self._gateway.hear),
        }

    def open(self, at_ms: int) -> None:
        """The control records of a first start, at the first moment of the market."""
        self.now_ns = at_ms * NS_PER_MS
        self.venue.deposit(self._setting.balances)
        place = Position("backtest", 0, 0)
        said = self._setting.control(self.now_ns)
        self._write("control", [Output(place, at_ms, CONTROL, key, e) for key, e in said])
        self._gateway.open()
        self._settle()

    def follow(self, batch: Batch) -> None:
        """A batch of the market, in order; what is due between its records happens there."""
        refuse_unreadable([e for e in batch.errors if e.position.topic not in LETTERS_OF])
        check = partial(check_no_peeking, self._strategy, self._held, batch)
        targets: dict[Position, list[Output]] = {}
        for target in self._strategy.advance(self._held, batch, check):
            targets.setdefault(target.position, []).append(target)
        if self._implied is None and batch.count >= ROWS_MAX and not batch.errors:
            self._skim(Columns(batch, targets), targets)
            return
        for item in batch.rows():
            self._take(item, targets)

    def _skim(self, market: Columns, targets: Targets) -> None:
        """Only what may do something is looked at by itself, and what is due."""
        at = 0
        while at < market.count:
            due = market.due(at, self.agenda.next_ns)
            loud = market.loud(at, due, self.venue.books)
            at = min(loud + 1, due)
            item = market.item(loud) if loud < due else None
            if item is not None and isinstance(item.event, MarkPublished):
                self._mark(item)
                continue
            self._pass_over(market, loud)
            if item is not None:
                self.venue.catch_up()
                market.heard(loud)
                self._take(item, targets)
            elif due < market.count:
                self._pass_time(market.ns(due))  # what is loud may be another then
        self._pass_over(market, market.count)  # a mark at the end leaves what came before it
        self.venue.catch_up()

    def _mark(self, mark: Input) -> None:
        """Risk alone reads marks, and only notes them: what is displayed can wait."""
        self._pass_time(mark.timestamp_ms * NS_PER_MS)
        self._hear(mark)
        assert not self._waiting, "a mark made somebody write while the display waits"

    def _pass_over(self, market: Columns, until: int) -> None:
        """The records before a place that do nothing by themselves."""
        self.venue.behind = partial(self._display, market, until)
        for last in market.latest(until):
            self._ask_strategy(last)
        if until:
            self.now_ns = max(self.now_ns, market.reached_ns(until - 1))

    def _display(self, market: Columns, until: int) -> None:
        for instrument, last_px in market.trades(until):
            self.venue.skim(instrument, last_px)
        for instrument, quotes in market.quotes(until):
            self.venue.skim(instrument, None, quotes)

    def _take(self, item: Input, targets: Targets) -> None:
        """One record of the market, and what is due before it."""
        self._pass_time(item.timestamp_ms * NS_PER_MS)
        self._hear(item, targets.get(item.position, ()))
        for implied in self._implied.after(item) if self._implied else ():
            self._imply(implied)
        if self._waiting:
            self._settle()

    def finish(self) -> None:
        """What is still on the wire arrives; nobody asks for anything more."""
        self._pass_time(1 << 62)

    # ---- time ------------------------------------------------------------------------------------

    def _clock(self) -> int:
        return self.now_ns

    def _pass_time(self, until_ns: int) -> None:
        while (found := self.agenda.due(until_ns)) is not None:
            self.now_ns, act = max(self.now_ns, found[0]), found[1]
            act()
            self._settle()
        if until_ns < 1 << 62:
            self.now_ns = max(self.now_ns, until_ns)

    # ---- records ---------------------------------------------------------------------------------

    def _hear(self, item: Input, targets: Sequence[Output] = ()) -> None:
        """One record of the market."""
        event = item.event
        if isinstance(event, DISPLAYED):
            self.venue.hear(event)
        if not isinstance(event, BookChanged):
            self._tell(item, targets)

    def _imply(self, item: Input) -> None:
        """What a record of the market implies."""
        if isinstance(item.event, QuoteChanged):
            self.venue.assume(item.event)
        self._tell(item)

    def _tell(self, item: Input, targets: Sequence[Output] = ()) -> None:
        """What the desk makes of it, once the venue has heard."""
        event = item.event
        if isinstance(event, WATCHED):
            self._see(item)
            self._ask_risk(item)
        if isinstance(event, ClockTick):
            self._gateway.hear(item)
            self._settle()
        if not isinstance(event, MarkPublished):
            self._ask_strategy(item, targets)

    def _ask_strategy(self, item: Input, targets: Sequence[Output] = ()) -> None:
        outputs = [*targets, *self._strategy.execute(self._held, item, targets)]
        if outputs:
            self._write("strategy", outputs)

    def _ask_risk(self, item: Input) -> None:
        outputs = self._risk.follow(self._risk_state, item)
        if outputs:
            self._write("risk", outputs)

    def _gateway_writes(self, outputs: Sequence[Output]) -> None:
        self._write("gateway", outputs)

    def _frame(self, payload: bytes) -> None:
        self._gateway.frame(payload)

    def _write(self, writer: str, outputs: Sequence[Output]) -> None:
        for written in self._records.write(writer, outputs):
            self._see(written)
            if written.position.topic in self._readers:
                self._waiting.append(written)

    def _settle(self) -> None:
        """Every record that waits reaches its readers."""
        while self._waiting:
            item = self._waiting.popleft()
            for reader in self._readers[item.position.topic]:
                reader(item)
