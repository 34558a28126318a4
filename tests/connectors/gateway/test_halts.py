"""What stops a gateway beside the log: the latch file and the local socket.

1. Halted by either: what rests is canceled, nothing is sent, also after a restart, until resumed.
2. Halted between the commit and the first byte: the order does not leave.
3. What people and reconciliation decide: as it was written, by a running gateway as by one that
   starts.
4. The socket: its mode, its answers, what it refuses.
"""

from __future__ import annotations

import asyncio
import socket
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.epochs.encode import Encoder
from connectors.epochs.model import Shard
from connectors.gateway.gateway import Gateway
from connectors.gateway.halts import Halts
from connectors.gateway.inputs import in_turn
from connectors.gateway.latch import NAME, Halt, hold, release
from connectors.gateway.ledger import EVENTS
from connectors.gateway.local_socket import Ask, NotTold, Told, ask_gateway, socket_path
from connectors.gateway.past import CONTROL, RECON_CONTROL, read_past
from connectors.orderport import order_port
from connectors.simulated.server import VenueServer
from ops.processes.control import latched
from pipelines.gateway import scopes
from pipelines.gateway.scopes import Scope, States
from pipelines.logic import Output, Position
from schemas import events
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import (
    ACCOUNT,
    BTC,
    CODEC,
    TOPICS,
    Records,
    approval,
    memory,
    running,
)
from tests.connectors.gateway.test_gateway import dropped, play, reaches
from tests.connectors.simulated.rig import options, quote

ASK_S = 5.0
WHO = ("ada", "test")
ALL: Scope = (None, None, None)
Act = Callable[[Records, VenueServer, Gateway], Awaitable[None]]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def halt(scope: Scope = ALL) -> Halt:
    return Halt(*scope, *WHO, 1)


async def asked(folder: Path, verb: Any, scope: Scope = ALL) -> Told:
    path = socket_path(folder, ACCOUNT)
    ask = Ask(verb, *scope, *WHO)
    return await asyncio.to_thread(ask_gateway, path, ask, ASK_S)


def canceled(records: Records) -> list[str]:
    return [e.reason for e in records.all(EVENTS) if isinstance(e, events.OrderCanceled)]


def test_the_latch_cancels_and_lets_nothing_pass_until_it_is_released(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        resting = records.approve()
        await reaches(gateway, resting, "ACCEPTED")
        hold(tmp_path / NAME, halt())
        await reaches(gateway, resting, "CANCELED")
        await reaches(gateway, records.approve(), "DROPPED")
        release(tmp_path / NAME, (None, None, None))
        await reaches(gateway, records.approve(), "ACCEPTED")

    records = play(tmp_path, act)
    assert dropped(records) == ["STATE_HALTED"]
    assert canceled(records)[0] == "STATE_HALTED"


def test_a_latch_that_cannot_be_read_halts_all(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        resting = records.approve()
        await reaches(gateway, resting, "ACCEPTED")
        (tmp_path / NAME).write_bytes(b"")
        await reaches(gateway, resting, "CANCELED")
        await reaches(gateway, records.approve(), "DROPPED")

    records = play(tmp_path, act)
    assert dropped(records) == ["STATE_UNREADABLE"]
    assert canceled(records) == ["STATE_UNREADABLE"]


POSITION = (ACCOUNT, None, BTC)
HALTED = events.TradingHalted(*POSITION, True, "RECONCILIATION", "", "drift", "b", 1)
RESUMED = events.TradingResumed(*POSITION, "OPERATOR", *WHO, None, 1)


def followed(records: Records, folder: Path) -> States:
    """What holds: the same to a gateway that starts, to one that runs, and to `tape resume`."""
    past = read_past(records.log, CODEC, ACCOUNT, order_port("BINANCE"))
    assert bool(latched(records.log, CODEC)) is bool(past.states.latched)
    running_on = Halts(folder)
    found = {tp: records.log.read(tp, *records.log.bounds(tp), ASK_S) for tp in past.positions}
    control = {tp: each for tp, each in found.items() if tp.topic in (CONTROL, RECON_CONTROL)}
    for _, message in in_turn(control):
        running_on.follow(CODEC.decode(message.value()))
    assert running_on.log == past.states
    return past.states


@pytest.mark.parametrize("resumed", [True, False])
def test_a_halt_by_reconciliation_holds_until_it_is_resumed(tmp_path: Path, resumed: bool) -> None:
    records = memory()
    told = [(RECON_CONTROL, HALTED), (CONTROL, RESUMED)]
    for topic, event in told if resumed else reversed(told):
        records.write(topic, event)
        time.sleep(0.002)  # they are apart by the log's clock
    wanted = {} if resumed else {POSITION: scopes.HALTED}
    assert followed(records, tmp_path).latched == wanted


@pytest.mark.parametrize("resumed", [True, False])
def test_a_halt_that_is_written_late_is_ended_by_a_later_resume_alone(
    tmp_path: Path, resumed: bool
) -> None:
    records, shard = memory(), Shard("reconciliation", 0, 1, (), "")
    cause, minute_ago_ms = Position("venue.snapshot.v1", 0, 0), now_ms() - 60_000
    output = Output(cause, minute_ago_ms, RECON_CONTROL, ACCOUNT, HALTED)

    def halt_late() -> None:
        """As a reconciliation that was behind writes it."""
        encode = Encoder(shard, CODEC, TOPICS.__getitem__, now_ms=now_ms)
        [record] = encode.records([output])
        records.log.append(record)  # type: ignore[attr-defined]

    if resumed:
        halt_late()
        time.sleep(0.002)
    records.write(CONTROL, RESUMED)
    time.sleep(0.002)
    if not resumed:
        halt_late()
    wanted = {} if resumed else {POSITION: scopes.HALTED}
    assert followed(records, tmp_path).latched == wanted


def test_another_scope_is_left_alone(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        hold(tmp_path / NAME, halt(("other", None, None)))
        await asked(tmp_path, "halt", (None, "other", None))
        resting = records.approve()
        await reaches(gateway, resting, "ACCEPTED")
        told = await asked(tmp_path, "halt", (ACCOUNT, "s", BTC))
        assert told == Told(ACCOUNT, gateway.desk.instance, (resting,), None, ("s",), (BTC,))
        await reaches(gateway, resting, "CANCELED")

    play(tmp_path, act)


def test_a_latch_outlives_the_gateway(tmp_path: Path) -> None:
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path, recv_window_ms=1_000):
                hold(tmp_path / NAME, halt())
            async with running(records, server, tmp_path, recv_window_ms=1_000) as second:
                await reaches(second, records.approve(), "DROPPED")
            assert not server.venue.exchange.orders

    run(main())
    assert dropped(records) == ["STATE_HALTED"]


def test_what_the_socket_halted_a_resume_on_the_log_ends(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        resting = records.approve()
        await reaches(gateway, resting, "ACCEPTED")
        told = await asked(tmp_path, "halt")
        assert told.open == (resting,)
        await reaches(gateway, resting, "CANCELED")
        await reaches(gateway, records.approve(), "DROPPED")
        assert (await asked(tmp_path, "status")).open == ()
        resumed = events.TradingResumed(None, None, None, "OPERATOR", *WHO, None, 1)
        records.write(CONTROL, resumed)
        await until(lambda: gateway.desk.halts.refusal(order) is None, "resumed")
        await reaches(gateway, records.approve(), "ACCEPTED")
        await asked(tmp_path, "halt")
        await asked(tmp_path, "resume")
        await reaches(gateway, records.approve(), "ACCEPTED")

    order = approval("any")
    assert dropped(play(tmp_path, act)) == ["STATE_HALTED"]


@pytest.mark.parametrize("point", ["after-commit", "before-commit"])
def test_an_order_halted_on_its_way_does_not_leave(tmp_path: Path, point: str) -> None:
    def halt_at(name: str) -> None:
        if name == point:
            hold(tmp_path / NAME, halt())

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        name = records.approve()
        await reaches(gateway, name, "DROPPED")
        assert records.told(name) == ["Submitting", "DecisionExpired"]
        assert not server.venue.exchange.orders

    assert dropped(play(tmp_path, act, point=halt_at)) == ["STATE_HALTED"]


def test_only_its_owner_may_open_the_socket_and_it_goes_with_the_gateway(tmp_path: Path) -> None:
    path = socket_path(tmp_path, ACCOUNT)

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (await asked(tmp_path, "status")).instance == gateway.desk.instance

    play(tmp_path, act)
    assert not path.exists()
    with pytest.raises(NotTold, match="no answer"):
        ask_gateway(path, Ask("status"), ASK_S)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"\n", id="nothing"),
        pytest.param(b"halt\n", id="no JSON"),
        pytest.param(b'{"verb": "sell"}\n', id="no verb"),
        pytest.param(b'{"verb": "halt", "acount": "x"}\n', id="a name misspelt"),
    ],
)
def test_what_it_does_not_understand_it_refuses_and_lives_on(tmp_path: Path, line: bytes) -> None:
    def say(path: Path) -> bytes:
        with socket.socket(socket.AF_UNIX) as near:
            near.settimeout(ASK_S)
            near.connect(str(path))
            near.sendall(line)
            return near.makefile("rb").readline()

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        answer = await asyncio.to_thread(say, socket_path(tmp_path, ACCOUNT))
        assert b'"error":"' in answer
        assert gateway.desk.halts.refusal(approval("any")) is None
        assert (await asked(tmp_path, "status")).error is None

    play(tmp_path, act)
