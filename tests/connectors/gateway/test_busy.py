"""A gateway that writes without a pause is no gateway in trouble."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.gateway import Gateway
from connectors.gateway.ledger import EVENTS
from connectors.simulated.server import VenueServer
from schemas import events
from tests.connectors.asynchronous import repeated, until
from tests.connectors.gateway.rig import ACCOUNT, Records
from tests.connectors.gateway.test_gateway import play

SILENT_S = 1.0
COMMIT_S = 0.02
FRAME_S = COMMIT_S / 4
QUIET = b'{"event":{"e":"outboundAccountPosition"}}'


def never_idle(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Commits take longer from here on than the frames that are told are apart."""
    ledger, numbers = gateway.desk.ledger, itertools.count(time.time_ns())
    transact = ledger._transact

    def slowly(made: Sequence[Any]) -> None:
        time.sleep(COMMIT_S)
        transact(list(made))

    monkeypatch.setattr(ledger, "_transact", slowly)
    frame = (ACCOUNT, "BINANCE", "another", QUIET)
    return lambda: gateway.desk.tell(events.VenueFrameReceived(*frame, next(numbers)))


def announced(records: Records) -> int:
    return sum(isinstance(event, events.GatewayReady) for event in records.all(EVENTS))


def test_a_busy_gateway_says_that_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        async with repeated(never_idle(gateway, monkeypatch), FRAME_S):
            await until(lambda: gateway.desk.ledger.busy)
            said = announced(records)
            await until(lambda: announced(records) > said + 5, "said again and again")

    play(tmp_path, act, ready_every_s=0.01)


def test_a_log_that_takes_all_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though something waits to be committed for longer than it may hang."""

    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        async with repeated(never_idle(gateway, monkeypatch), FRAME_S):
            begun = time.monotonic()
            await until(lambda: time.monotonic() > begun + 2 * SILENT_S or gateway.desk.cancel_only)
            assert not gateway.desk.cancel_only

    play(tmp_path, act, silent_s=SILENT_S)
