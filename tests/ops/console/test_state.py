"""The fold: what holds, whatever order the partitions were read in, and how much is kept.

1. Trading states latch: the strictest of a scope, until exactly that scope is resumed.
2. Of one partition the later decision holds, whatever its writer's clock said.
3. An order's topics may be read in any order.
4. A log that cannot be read, or of which nothing is heard, is said, until it can be again; topics
   that are made later are read as well.
5. However much comes in, what is kept is bounded, and one message tells a browser all of it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from itertools import permutations
from threading import Event
from typing import Any

import pytest

from connectors.log.errors import LogUnreachable
from connectors.log.interface import Log, Message, OutRecord, Tp
from connectors.log.memory import MemoryLog, MemoryMessage
from connectors.log.places import WRITTEN_HEADER
from ops.console.desk import DECISIONS
from ops.console.document import page, section
from ops.console.following import Follower
from ops.console.newest import Place
from ops.console.reading import Telling, apply, places, until
from ops.console.rendered import Rendered, View, change, now_ms
from ops.console.state import State
from ops.stack.processes import wait_for
from pipelines.batches import local_codec
from schemas.codec import Codec
from schemas.events import (
    GatewayReady,
    QuoteChanged,
    TradePrinted,
    TradingHalted,
    TradingPaused,
    TradingReduced,
    TradingResumed,
)
from tests.ops.console.rig import newest_ms, trade

CODEC = local_codec()
CONTROL = "ops.control.v1"
ETH = "ETHUSDT.BINANCE"
PAUSED, REDUCED, HALTED, RESUMED = "PAUSED", "REDUCED", "HALTED", "RESUMED"
KINDS: dict[str, Any] = {PAUSED: TradingPaused, REDUCED: TradingReduced, RESUMED: TradingResumed}


def decision(word: str, at: int) -> Any:
    """As written `HALTED sim-1` or `PAUSED`: the state, and the account where it has one."""
    kind, _, account = word.partition(" ")
    if kind == HALTED:
        return TradingHalted(account or None, None, None, True, "OPERATOR", "ada", word, None, at)
    return KINDS[kind](account or None, None, None, "OPERATOR", "ada", word, None, at)


@pytest.mark.parametrize(
    ("words", "holds", "latched"),
    [
        pytest.param([], [("desk", "ACTIVE")], False, id="nothing"),
        pytest.param([PAUSED], [("desk", "PAUSED")], False, id="paused is no kill"),
        pytest.param([HALTED, PAUSED], [("desk", "HALTED")], True, id="the stricter stays"),
        pytest.param([PAUSED, RESUMED, REDUCED], [("desk", "REDUCING")], False, id="after it"),
        pytest.param(
            ["HALTED a", RESUMED], [("a/*/*", "HALTED")], True, id="another scope's resumption"
        ),
        pytest.param(["HALTED a", "RESUMED a"], [("desk", "ACTIVE")], False, id="its own"),
    ],
)
def test_states_latch_in_whatever_order_they_are_read(
    words: list[str], holds: list[tuple[str, str]], latched: bool
) -> None:
    events = [(Place(at, "ops.control.v1", 0, at), decision(w, at)) for at, w in enumerate(words)]
    for order in permutations(events):
        state = State()
        for place, event in order:
            state.apply(place, event)
        rows = section(state, "trading", ETH, 0)
        assert [(row["scope"], row["state"]) for row in rows] == holds
        assert section(state, "kill", ETH, 0)["latched"] is latched


@pytest.mark.parametrize("words", [(RESUMED, HALTED), (HALTED, RESUMED)], ids="-".join)
def test_of_decisions_of_one_partition_the_later_holds(words: tuple[str, str]) -> None:
    """Whatever its writer's clock said."""
    state = State()
    for offset, word in enumerate(words):
        event, at_ms = decision(word, offset), 10_000 - offset * 1_000
        record = OutRecord("ops.control.v1", 0, b"desk", CODEC.encode(event), at_ms)
        apply(state, CODEC, [MemoryMessage(record, offset)])
    assert section(state, "kill", ETH, 20_000)["latched"] is (words[-1] == HALTED)


@pytest.mark.parametrize("written_ms", [9_000, 11_000])
def test_a_halt_that_is_written_after_a_resumption_holds(written_ms: int) -> None:
    """Whatever time it took over from its cause."""
    state, stamp = State(), [(WRITTEN_HEADER, str(written_ms).encode())]
    told = [("ops.control.v1", RESUMED, 10_000, []), ("recon.control.v1", HALTED, 5_000, stamp)]
    for topic, word, at_ms, headers in told:
        value = CODEC.encode(decision(word, 0))
        apply(state, CODEC, [MemoryMessage(OutRecord(topic, 0, b"", value, at_ms, headers), 0)])
    assert section(state, "kill", ETH, 20_000)["latched"] is (written_ms > 10_000)


def test_a_kill_may_be_for_any_account_that_has_a_gateway() -> None:
    state = State()
    for at, name in enumerate(("b", "a", "b")):
        ready = GatewayReady(name, "V", "v-1", False, "caps", 0, 0, "", at)
        state.apply(Place(at, "oms.order-event.v1", at % 2, at), ready)
    assert section(state, "accounts", ETH, 9) == ["a", "b"]


def test_a_halt_after_many_pauses_holds() -> None:
    state = State()
    for at in range(DECISIONS + 5):
        word = HALTED if at == DECISIONS + 4 else PAUSED
        state.apply(Place(at, "ops.control.v1", 0, at), decision(word, at))
    assert section(state, "kill", ETH, 0)["latched"]
    assert len(next(iter(state.desk.decisions.values()))) <= DECISIONS


def test_topics_may_be_read_in_any_order(traded_log: MemoryLog) -> None:
    at_ms = newest_ms(traded_log)
    starts = places(traded_log, at_ms)
    ends = {tp: traded_log.bounds(tp)[1] for tp in starts}
    read: dict[Tp, list[Message]] = {tp: [] for tp in starts}
    for tp, messages in until(traded_log, starts, ends):
        read[tp] += messages
    pages = []
    for order in (sorted(read), sorted(read, reverse=True)):
        state, telling = State(), Telling(CODEC)
        for tp in order:
            apply(state, CODEC, telling.of(tp, read[tp]))
        pages.append(page(state, ETH, at_ms, live=True))
    assert pages[0] == pages[1]
    assert {one["state"] for one in pages[0]["orders"]} > {"FILLED", "DENIED", "CANCELED"}


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(LogUnreachable("no answer\nfrom it"), "no answer from it", id="told"),
        pytest.param(RuntimeError("bug"), "internal error: RuntimeError", id="never thought of"),
    ],
)
def test_a_log_that_cannot_be_read_is_said_and_tried_again(error: Exception, says: str) -> None:
    told: list[str] = []
    log = MemoryLog({name: one.partitions for name, one in CODEC.catalog.topics.items()})

    def opened() -> tuple[Log, Codec]:
        if not told:
            told.append(says)
            raise error
        told.append(follower.why)
        return log, CODEC

    follower = Follower(opened, again_s=0.0)
    follower.start()
    assert follower.ready.wait(30)
    follower.stop()
    assert told[1].startswith(says)
    assert follower.why == ""


class Deaf(MemoryLog):
    """Its reader waits without a word while `gone` is set; so does who asks it, if it `hangs`."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__({name: one.partitions for name, one in CODEC.catalog.topics.items()})
        self.gone, self.back, self._hangs = Event(), Event(), hangs

    def bounds(self, tp: Tp) -> tuple[int, int]:
        if self.gone.is_set() and self._hangs:
            assert self.back.wait(30)
        elif self.gone.is_set():
            raise LogUnreachable("no answer from the broker")
        return super().bounds(tp)


@pytest.mark.parametrize("hangs", [False, True])
def test_a_broker_that_is_gone_is_said_until_it_is_back(hangs: bool) -> None:
    log = Deaf(hangs=hangs)
    follower = Follower(lambda: (log, CODEC), silent_s=0.3)
    follower.start()
    assert follower.ready.wait(30)
    shown = follower.state
    assert not wait_for(lambda: bool(follower.why), 1.0)  # silent, but it answers
    log.gone.set()
    assert wait_for(lambda: bool(follower.why), 30)
    log.gone.clear()
    log.back.set()
    assert wait_for(lambda: not follower.why, 30)
    assert follower.state is shown
    follower.stop()


def test_topics_may_be_made_after_the_console_began() -> None:
    """At first none are there, then those of the market, then the rest."""
    log, names = MemoryLog({}), {*CODEC.catalog.topics}
    follower = Follower(lambda: (log, CODEC), again_s=0.05)
    follower.start()
    assert follower.ready.wait(30)
    for made in ({"md.trade.v1", "md.quote.v1"}, names):
        log.partitions = MemoryLog(dict.fromkeys(made, 1)).partitions | log.partitions
        name = f"{len(log.partitions)}.BINANCE"
        trade(log, 1, name)
        halt(log)
        assert wait_for(partial(shows, follower, name), 30)
    assert wait_for(lambda: bool(follower.state.desk.latched()), 30)
    assert wait_for(lambda: not follower.why, 30)
    follower.stop()


def shows(follower: Follower, name: str) -> bool:
    return name in follower.state.instruments()


def halt(log: MemoryLog) -> None:
    """Where there is a topic for it."""
    if Tp(CONTROL, 0) in log.partitions:
        log.append(OutRecord(CONTROL, 0, b"", CODEC.encode(decision(HALTED, 5)), 5))


def trades(count: int, at_ms: int) -> list[Message]:
    found: list[Message] = []
    for n in range(count):
        price = Decimal(2_000 + n % 100)
        event = TradePrinted("BINANCE", ETH, f"{n}", "BUY", price, price, None, 5, "A")
        record = OutRecord("md.trade.v1", 0, ETH.encode(), CODEC.encode(event), at_ms + n)
        found.append(MemoryMessage(record, n))
    return found


def test_ten_thousand_updates_are_one_message() -> None:
    follower = Follower(lambda: (MemoryLog({}), CODEC))
    follower.state.market.of(ETH)
    rendered = Rendered(follower)
    before = rendered.sections(View(ETH))
    assert apply(follower.state, CODEC, trades(10_000, now_ms() - 10_000)) == 10_000
    one = follower.state.market.instruments[ETH]
    assert len(one.trades) <= 200
    counts = [len(kept.candles) for kept in one.candles.series]
    assert all(count <= most for count, most in zip(counts, (11, 3, 2), strict=True))
    fresh = rendered.sections(View(ETH))
    message = json.loads(change(fresh, before))
    assert len(message["sections"]["trades"]) == 50
    assert message["sections"]["trades"][0]["price"] == "2099"
    assert len(change(fresh, before)) < 10_000
    assert '"trades"' not in change(rendered.sections(View(ETH)), fresh)


def test_of_quotes_only_the_newest_is_decoded() -> None:
    found: list[Message] = []
    for n in range(10_000):
        one, name = Decimal(n + 1), f"I{n % 3}"
        event = QuoteChanged("V", name, n, one, one, one + 1, one, None, 5, "A")
        record = OutRecord("md.quote.v1", 0, name.encode(), CODEC.encode(event), n)
        found.append(MemoryMessage(record, n))
    told = list(Telling(CODEC).of(Tp("md.quote.v1", 0), found))
    assert [message.offset() for message in told] == [9_997, 9_998, 9_999]
