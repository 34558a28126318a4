"""The probe of whether the desk could flatten: a real gateway, a real venue, no order.

1. All well: the venue answers the key. Nothing is written to the log and nothing reaches the book.
2. Each thing that would stand against a flatten is its own outcome.
3. Outcomes are counted again and again, all of them shown from zero on.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.gateway.gateway import Gateway
from connectors.gateway.keys import parse_key
from connectors.gateway.ledger import RAW
from connectors.gateway.probe import ANSWERED, OUTCOMES, FlattenProbe
from connectors.metrics import declared
from connectors.simulated import rest
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from schemas.secret import Secret
from tests.connectors.asynchronous import until
from tests.connectors.gateway.rig import Records, key_text
from tests.connectors.gateway.test_gateway import play
from tests.connectors.simulated.rig import READ_KEY

KEY_ASKED = "/sapi/v1/account/apiRestrictions"


def test_each_thing_that_stands_against_a_flatten_is_named(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        desk, probe = gateway.desk, FlattenProbe(gateway.desk)
        before = len(records.all(RAW))
        assert await probe.outcome() == ANSWERED
        assert not server.venue.exchange.orders
        assert len(records.all(RAW)) == before, "a question about a key is not recorded"

        server.faults.arm(Fault("server_error", count=1, path=KEY_ASKED))
        assert await probe.outcome() == "VENUE_SILENT"
        trading = desk.key
        desk.use(parse_key(Secret(key_text(READ_KEY))))
        assert await probe.outcome() == "KEY_REFUSED"
        desk.use(trading)
        desk.silent = "RISK_SILENT"
        assert await probe.outcome() == "GATEWAY_NOT_READY"
        desk.silent, desk.cancel_only = None, True
        assert await probe.outcome() == "GATEWAY_CANCEL_ONLY"
        desk.cancel_only = False
        server.faults.arm(Fault("ban", count=1, path=KEY_ASKED))
        assert await probe.outcome() == "VENUE_SILENT"
        assert await probe.outcome() == "VENUE_HELD"

    play(tmp_path, act)


def test_what_nobody_can_read_says_nothing_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        place = ("GET", KEY_ASKED)
        method = rest._ROUTES[place]

        async def listed(*_: object) -> list[None]:
            return []

        monkeypatch.setitem(rest._ROUTES, place, method._replace(run=listed))
        assert await FlattenProbe(gateway.desk).outcome() == "VENUE_SILENT"

    play(tmp_path, act)


def counted(outcome: str) -> float:
    [family] = declared.FLATTEN_PROBES.collect()
    found = [s.value for s in family.samples if s.labels.get("outcome") == outcome]
    return sum(found)


def test_outcomes_are_counted_from_zero_on(tmp_path: Path) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        [family] = declared.FLATTEN_PROBES.collect()
        assert {sample.labels["outcome"] for sample in family.samples} == {*OUTCOMES}
        before = counted(ANSWERED)
        await until(lambda: counted(ANSWERED) >= before + 3, "three probes")

    play(tmp_path, act, probe_every_s=0.01)


def test_a_probe_that_fails_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act(records: Records, server: VenueServer, gateway: Gateway) -> None:
        server.faults.arm(Fault("server_error", count=1, path=KEY_ASKED))
        await until(lambda: "could not flatten now: VENUE_SILENT" in caplog.text, "said")

    play(tmp_path, act, probe_every_s=0.01)
