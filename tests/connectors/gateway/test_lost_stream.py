"""A private stream that comes and goes: nothing is sent without one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.gateway import Gateway
from connectors.gateway.ledger import EVENTS
from connectors.gateway.transport import Answer, Failure
from connectors.orderport.interface import Request, Signed
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from schemas.events import OrderResolved, VenueStreamOpened
from tests.connectors.asynchronous import until
from tests.connectors.gateway.rig import Records
from tests.connectors.gateway.test_gateway import dropped, play, reaches

OPEN_ORDERS = "/api/v3/openOrders"
TURNS = 20  # of the event loop: more than any task takes to see what changed


def lose(gateway: Gateway) -> None:
    gateway._stream._close("lost", "CONNECTION_LOST", "")


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def test_one_that_was_lost_again_while_the_venue_was_asked_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        desk, ask = gateway.desk, gateway.desk.ask
        asked, answered = list[str](), asyncio.Event()

        async def slowly(request: Request, causation_id: str = "") -> Any:
            asked.append(request.path)
            await answered.wait()
            return await ask(request, causation_id)

        monkeypatch.setattr(desk, "ask", slowly)
        lose(gateway)
        gateway.start.stream_open.set()
        await until(lambda: asked, "the first question")
        lose(gateway)
        gateway.start.stream_open.set()
        lose(gateway)
        answered.set()
        await until(lambda: not desk.fold.requests and not desk.ledger.busy, "the answers")
        await turns()
        assert desk.gate.waits_for == "STREAM_OPEN"
        await reaches(gateway, records.approve(), "DROPPED")
        gateway.start.stream_open.set()
        await until(lambda: desk.gate.ready, "ready again")
        await reaches(gateway, records.approve(), "ACCEPTED")

    assert dropped(play(tmp_path, act)) == ["GATEWAY_NOT_READY"]


def test_one_that_ended_as_it_began_is_none(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        lose(gateway)
        gateway.start.stream_open.set()
        lose(gateway)
        await turns()
        assert gateway.desk.gate.waits_for == "STREAM_OPEN"
        gateway.start.stream_open.set()
        await until(lambda: gateway.desk.gate.ready, "ready again")

    play(tmp_path, act)


def test_a_list_asked_for_before_it_was_lost_ends_no_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is older than the gap does not tell what happened in it."""

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        desk, send, name = gateway.desk, gateway.desk._send, records.approve()
        listed, again = asyncio.Event(), asyncio.Event()
        await reaches(gateway, name, "ACCEPTED")

        async def slowly(question: Request, signed: Signed, at_ns: int) -> Answer | Failure:
            outcome = await send(question, signed, at_ns)
            if question.path == OPEN_ORDERS and not listed.is_set():
                listed.set()
                await again.wait()
            return outcome

        monkeypatch.setattr(desk, "_send", slowly)
        question = asyncio.create_task(desk.ask(desk.parts.port.open_orders(None)))
        await listed.wait()
        lose(gateway)
        about = (desk.account, desk.parts.port.venue, "next")
        desk.tell(VenueStreamOpened(*about, desk.parts.now_ns()))
        again.set()
        request_id, _ = await question
        await reaches(gateway, name, "ACCEPTED")
        [resolved] = [e for e in records.all(EVENTS) if isinstance(e, OrderResolved)]
        assert request_id not in resolved.request_ids
        gateway.start.stream_open.set()
        await until(lambda: desk.gate.ready, "ready again")

    play(tmp_path, act)


def test_a_venue_that_does_not_answer_then_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its orders stay watched: a gateway that ended would leave them alone."""
    monkeypatch.setattr("connectors.gateway.start.SNAPSHOT_AGAIN_S", 0.1)

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        name = records.approve()
        await reaches(gateway, name, "ACCEPTED")
        server.faults.arm(Fault("server_error", status=503, count=2, verb="GET", path=OPEN_ORDERS))
        lose(gateway)
        gateway.start.stream_open.set()
        await until(lambda: server.faults.counts["server_error"], "a question")
        assert gateway.desk.gate.waits_for == "SNAPSHOT_TAKEN"
        await reaches(gateway, records.approve(), "DROPPED")
        await until(lambda: gateway.desk.gate.ready, "ready again")
        await reaches(gateway, name, "ACCEPTED")

    assert dropped(play(tmp_path, act)) == ["GATEWAY_NOT_READY"]


def test_a_venue_that_asked_for_silence_is_not_asked_before(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        desk = gateway.desk
        desk._mind(Answer(429, {"retry-after": "1"}, b"{}", 1), 1)
        asked = server.rest.requests
        lose(gateway)
        gateway.start.stream_open.set()
        await until(lambda: server.rest.requests > asked or not desk.held)
        assert not desk.held
        await until(lambda: desk.gate.ready, "ready again")

    play(tmp_path, act)
