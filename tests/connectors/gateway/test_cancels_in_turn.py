"""More cancels than may be sent at once, at a venue that answers none: each has its turn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from connectors.gateway.gateway import Gateway
from connectors.gateway.transport import Answer, Failure
from connectors.orderport.interface import Signed
from connectors.simulated.server import VenueServer
from pipelines.gateway.budget import Budget
from tests.connectors.asynchronous import until
from tests.connectors.gateway.rig import Records
from tests.connectors.gateway.test_gateway import play, reaches

ORDERS = 5


def test_no_order_waits_for_ever_behind_those_that_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        names = [records.approve() for _ in range(ORDERS)]
        for name in names:
            await reaches(gateway, name, "ACCEPTED")
        tried, transport = Counter[str](), gateway.desk.transport

        async def unanswered(signed: Signed, at_ns: int) -> Answer | Failure:
            if signed.method == "DELETE":
                tried[dict(parse_qsl(signed.parameters))["origClientOrderId"]] += 1
            return Failure("RESPONSE_TIMED_OUT", True, "ReadTimeout")

        with monkeypatch.context() as patch:
            patch.setattr(transport, "send", unanswered)
            patch.setattr(gateway.sender, "_budget", Budget(2, 1))
            for name in names:
                records.cancel(name)
            await until(lambda: len(tried) == ORDERS, "a cancel of each", limit_s=6)
            assert max(tried.values()) <= 2

    play(tmp_path, act)


def test_what_was_canceled_is_not_remembered_for_ever(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        for _ in range(ORDERS):
            name = records.approve()
            await reaches(gateway, name, "ACCEPTED")
            gateway.desk.want_cancel(name, "STATE_HALTED")
            await reaches(gateway, name, "CANCELED")
        await until(lambda: not gateway.sender._canceled_ns, "what the sender notes", limit_s=2)
        assert not gateway.desk._wanted

    play(tmp_path, act)
