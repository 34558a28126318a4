"""How a gateway ends that is told to stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.gateway.gateway import Gateway, LeftOpen
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from tests.connectors.gateway.rig import Records
from tests.connectors.gateway.test_gateway import play, reaches


def test_a_stop_that_leaves_orders_open_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.gateway.gateway.STOP_S", 0.5)
    names: list[str] = []

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        names.append(records.approve())
        await reaches(gateway, names[0], "ACCEPTED")
        server.faults.arm(Fault("server_error", status=503, verb="DELETE"))

    with pytest.raises(LeftOpen) as left:
        play(tmp_path, act)
    assert str(left.value) == f"stopped with orders that may be open: {names[0]}"
    assert left.value.exit_code == 1
