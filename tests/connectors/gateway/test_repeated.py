"""A decision whose order is known: nothing is sent, and nothing is said of the order."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.gateway import Gateway
from connectors.gateway.past import DECISIONS
from connectors.gateway.transport import Answer, Failure
from connectors.orderport.interface import Signed
from connectors.signing import Signer
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from tests.connectors.gateway.rig import RISK, SCOPE, Records, approval
from tests.connectors.gateway.test_gateway import play, reaches


def test_a_decision_is_used_once(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        name = records.approve(price=Decimal(101))
        await reaches(gateway, name, "FILLED")  # the venue would take its id again
        records.approve(name, price=Decimal(101))
        next_one = records.approve()
        await reaches(gateway, next_one, "ACCEPTED")
        venues = [order.cl_ord_id for order in server.venue.exchange.orders.values()]
        assert venues == [name, next_one]
        assert records.told(name) == ["Submitting", "Accepted", "Filled"]

    play(tmp_path, act)


@pytest.mark.parametrize("signer", [Signer(RISK, SCOPE), None], ids=["signed", "unsigned"])
def test_a_repeated_decision_leaves_an_order_on_its_way_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: Signer | None
) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        send, repeated = gateway.desk.transport.send, asyncio.Event()

        async def answered_late(signed: Signed, *more: Any) -> Answer | Failure:
            outcome = await send(signed, *more)
            if signed.method == "POST":
                await repeated.wait()
            return outcome

        monkeypatch.setattr(gateway.desk.transport, "send", answered_late)
        server.faults.arm(Fault("stream_silent"))
        name = records.approve()
        await reaches(gateway, name, "SUBMITTING")
        records.write(DECISIONS, approval(name)._replace(order_qty=Decimal(9)), signer)
        other = records.approve(instrument="ETHUSDT.BINANCE")
        await reaches(gateway, other, "DROPPED")  # read after the repeated one
        assert list(gateway.desk.fold.book.live) == [name]
        repeated.set()
        await reaches(gateway, name, "ACCEPTED")
        assert records.told(name) == ["Submitting", "Accepted"]

    play(tmp_path, act)
