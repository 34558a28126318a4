"""A clock that is set while the gateway runs: its requests are stamped anew at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from connectors.gateway.gateway import Gateway
from connectors.simulated.server import VenueServer
from tests.connectors.gateway.rig import Records
from tests.connectors.gateway.test_gateway import play, reaches


@pytest.mark.parametrize("step_s", [3, -3])
def test_a_cancel_does_not_wait_for_the_next_look_at_the_clock(tmp_path: Path, step_s: int) -> None:
    steps_ns = [0]

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        name = records.approve()
        await reaches(gateway, name, "ACCEPTED")
        steps_ns[0] = step_s * 10**9
        records.cancel(name)
        await reaches(gateway, name, "CANCELED")
        assert "CancelRejected" in records.told(name)

    play(tmp_path, act, now_ns=lambda: time.time_ns() + steps_ns[0])
