"""How a gateway stands, as it shows it, without a venue.

1. The dead-man's switch is as old as its oldest instrument, from the first attempt on.
2. A venue that has none leaves nothing to be old.
3. What an account may count is there from zero on.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Final, cast

from connectors.gateway.dead_man import ABSENT, DeadMan
from connectors.gateway.desk import Desk
from connectors.gateway.figures import GatewayFigures
from connectors.gateway.transport import Answer
from connectors.metrics.kinds import REGISTRY

ACCOUNT: Final = {"account": "dead-man"}
BTC, ETH = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"


class Stood:
    """What the switch and the figures need of a desk; the venue answers as `answers` says."""

    account, held, stopping = ACCOUNT["account"], False, False

    def __init__(self) -> None:
        self.now_s = 0
        self.answers = {BTC: 200, ETH: 200}
        port = SimpleNamespace(countdown=lambda instrument, ms: instrument)
        self.parts = SimpleNamespace(
            caps=SimpleNamespace(position_max=self.answers),
            monotonic_ns=lambda: self.now_s * 10**9,
            port=port,
        )
        self.figures = GatewayFigures(cast("Desk", self))
        self.figures.show()

    async def ask(self, instrument: str) -> tuple[str, Answer]:
        return "", Answer(self.answers[instrument], {}, b"", 0)

    def refreshes(self, switch: DeadMan, at_s: int) -> None:
        self.now_s = at_s
        for instrument in self.answers:
            asyncio.run(switch._refresh(instrument))


def begun(countdown_ms: int = 9_000) -> tuple[Stood, DeadMan]:
    desk = Stood()
    return desk, DeadMan(cast("Desk", desk), countdown_ms)


def shown(name: str, **labels: Any) -> float | None:
    return REGISTRY.get_sample_value(name, {**ACCOUNT, **labels})


def age() -> float | None:
    return shown("trading_dead_man_age_seconds")


def test_a_switch_that_was_never_refreshed_is_as_old_as_the_first_attempt() -> None:
    desk, switch = begun()
    assert age() is None
    desk.answers = dict.fromkeys(desk.answers, 503)
    for at_s in (3, 6, 9, 12):
        desk.refreshes(switch, at_s)
    assert age() == 9


def test_one_instrument_does_not_hide_another() -> None:
    desk, switch = begun()
    desk.refreshes(switch, 3)
    desk.answers[ETH] = 503
    desk.refreshes(switch, 6)
    desk.refreshes(switch, 9)
    assert age() == 6
    desk.answers[ETH] = 200
    desk.refreshes(switch, 12)
    assert age() == 0


def test_its_countdown_is_shown_beside_it() -> None:
    begun(60_000)
    assert shown("trading_dead_man_countdown_seconds") == 60
    begun(0)
    assert shown("trading_dead_man_countdown_seconds") is None


def test_a_venue_that_has_it_no_more_has_none_that_grows_old() -> None:
    desk, switch = begun()
    desk.refreshes(switch, 3)
    desk.answers = dict.fromkeys(desk.answers, ABSENT)
    desk.refreshes(switch, 6)
    assert age() is None
    assert shown("trading_dead_man_countdown_seconds") is None


def test_what_an_account_may_count_is_there_from_zero_on() -> None:
    begun()
    taken = {"instrument": ETH, "side": "SELL", "liquidity": "TAKER"}
    assert shown("trading_fills_total", **taken) == 0
    assert shown("trading_order_outcomes_unknown_total", action="CANCEL") == 0
