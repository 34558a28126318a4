"""The kill switch where its scope is less than everything, and where a path does not work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.gateway.latch import Halt, halts, latch_path
from connectors.simulated.server import VenueServer
from ops.processes.kill import Killed, kill
from ops.processes.names import Doubt, scope_doubts
from ops.settings import GatewaySettings, Settings
from pipelines.gateway.scopes import Scope
from schemas.errors import TapeError
from tests.connectors.asynchronous import run
from tests.connectors.gateway.rig import ACCOUNT, BTC, CAPS, key_text, memory, running
from tests.connectors.gateway.test_gateway import reaches
from tests.connectors.simulated.rig import options, quote

WITHIN_S = 10.0
WHO = ("ada", "test", 1)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_KEY", key_text())


def settings(folder: Path, url: str, **changes: str) -> Settings:
    gateway = GatewaySettings.model_validate({"url": url, "key": "env:TRADING_KEY", **changes})
    return Settings(run_dir=folder, gateway=gateway)


def written(_: Settings, halt: Halt) -> str:
    return "written"


def away(_: Settings, halt: Halt) -> str:
    raise TapeError("no broker answers")


async def pulled(
    made: Settings, halt: Halt, write: Callable[[Settings, Halt], str] = written
) -> Killed:
    return await asyncio.to_thread(kill, made, halt, WITHIN_S, write)


def test_one_strategys_orders_the_gateway_cancels_and_others_stay(tmp_path: Path) -> None:
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            folder = tmp_path / "gateway"
            async with running(records, server, folder, recv_window_ms=2_000) as gateway:
                mine, other = records.approve(), records.approve(strategy="t")
                await reaches(gateway, mine, "ACCEPTED")
                await reaches(gateway, other, "ACCEPTED")
                done = await pulled(settings(tmp_path, server.url), Halt(None, "s", None, *WHO))
                assert (done.alarms, done.cleared.cancels) == ((), 0)
                # The latch is pulled at the same time and may be obeyed before the socket asks.
                open_now = {f"{ACCOUNT}: {count} orders may be open" for count in (0, 1)}
                assert done.ways[1].said in open_now
                left = server.venue.exchange.open_orders(ACCOUNT, None)
                assert [order.cl_ord_id for order in left] == [other]

    run(main())


def test_without_the_gateway_nobody_knows_a_strategys_orders(tmp_path: Path) -> None:
    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            halt = Halt(None, "ema-cross", None, *WHO)
            done = await pulled(settings(tmp_path, server.url), halt)
            [alarm] = done.alarms
            assert alarm == "which orders are ema-cross's, only the gateway knows: kill without it"

    run(main())


def test_another_accounts_orders_are_not_called_verified(tmp_path: Path) -> None:
    (tmp_path / "caps.yaml").write_text(
        "\n".join(f"{name}: {value}" for name, value in CAPS.items() if name != "position_max")
        + f"\nposition_max: {{{BTC}: '10'}}\n"
    )

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            made = settings(tmp_path, server.url, caps=str(tmp_path / "caps.yaml"))
            done = await pulled(made, Halt("another", None, None, *WHO))
            verified, known = done.alarms
            assert f"these settings hold the key of {ACCOUNT}" in verified
            assert f"no account another is known, only {ACCOUNT}" in known

    run(main())


def test_where_no_path_works_a_free_venue_is_not_enough(tmp_path: Path) -> None:
    latch_path(tmp_path).parent.touch()  # neither a latch nor a socket can be there

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            done = await pulled(settings(tmp_path, server.url), Halt(None, None, None, *WHO), away)
            assert [way.worked for way in done.ways] == [False] * 3
            assert done.cleared.verified
            assert done.alarms == ("nothing keeps a gateway from sending: no path worked",)

    run(main())


def test_a_latch_that_nobody_may_look_at_is_not_enough(tmp_path: Path) -> None:
    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            done = await pulled(settings(tmp_path, server.url), Halt(None, None, None, *WHO), away)
            assert [way.worked for way in done.ways] == [True, False, False]
            assert done.cleared.verified
            [alarm] = done.alarms
            assert alarm.startswith("only the latch file works: ")

    run(main())


@pytest.mark.parametrize(
    ("gateway", "says"),
    [
        pytest.param({"url": "http://127.0.0.1:99999"}, "gateway.url cannot be asked", id="port"),
        pytest.param({"url": "http://[::1"}, "InvalidURL", id="address"),
        pytest.param({"key": "file:key"}, "gateway.key refers to key: it is no text", id="key"),
        pytest.param({"caps": "caps.yaml"}, "CONNECT_FAILED", id="caps"),
    ],
)
def test_settings_that_lead_nowhere_keep_no_path_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: dict[str, str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text(key_text(), "utf-16")
    (tmp_path / "caps.yaml").write_text("1: a\nb: c")
    made = settings(tmp_path, gateway.pop("url", "http://127.0.0.1:1"), **gateway)

    def slowly(_: Settings, halt: Halt) -> str:
        time.sleep(0.1)
        return "written"

    done = kill(made, Halt(None, None, None, *WHO), 0.5, slowly)
    [alarm] = done.alarms
    assert says in alarm
    assert [way.worked for way in done.ways] == [True, False, True]


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        pytest.param(("desc", None, None), f"no account desc is known, only {ACCOUNT}", id="acct"),
        pytest.param(
            (None, "typo", None),
            "no strategy typo is known, only book-imbalance, ema-cross, s",
            id="strategy",
        ),
        pytest.param(
            (None, None, "BTCUSDT"), f"no instrument BTCUSDT is known, only {BTC}", id="instrument"
        ),
    ],
)
def test_a_misspelt_scope_is_an_alarm_after_all_that_can_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: Scope, says: str
) -> None:
    records = memory()

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path / "gateway", recv_window_ms=2_000) as one:
                await reaches(one, records.approve(), "ACCEPTED")
                left: list[int] = []

                def look(made: Settings, asked: Scope) -> tuple[Doubt, ...]:
                    left.append(len(server.venue.exchange.open_orders(ACCOUNT, None)))
                    return scope_doubts(made, asked)

                monkeypatch.setattr("ops.processes.kill.scope_doubts", look)
                done = await pulled(settings(tmp_path, server.url), Halt(*scope, *WHO))
                [alarm] = done.alarms
                silent = "(not read: limits, caps file)"
                assert alarm == f"this scope may cover nothing: {says} {silent}"
                assert done.warnings == ()
                assert [way.worked for way in done.ways] == [True, scope[0] is None, True]
                assert [halt.scope for halt in halts(latch_path(tmp_path))] == [scope]
                # Only the gateway could have told which orders are the strategy's.
                assert (done.cleared.cancels, left) == ((0, [1]) if scope[1] else (1, [0]))

    run(main())


def test_nobody_is_asked_about_the_whole_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.processes.names.look", away)

    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            done = await pulled(settings(tmp_path, server.url), Halt(None, None, None, *WHO))
            assert (done.alarms, done.warnings) == ((), ())

    run(main())


def test_a_name_that_nobody_can_judge_is_a_warning(tmp_path: Path) -> None:
    async def main() -> None:
        async with VenueServer(options(tmp_path)) as server:
            done = await pulled(settings(tmp_path, server.url), Halt(None, None, BTC, *WHO))
            assert done.alarms == ()
            [warning] = done.warnings
            assert f"it is not known whether the instrument {BTC} is right" in warning
            assert "(not read: limits, gateways, caps file)" in warning

    run(main())
