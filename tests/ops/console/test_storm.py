"""A browser that looks on while the log takes 10,000 updates a second.

1. The page goes on drawing and answers clicks; it is sent a handful of messages, each one small.
2. While it does not run at all, nothing is kept for it; then it shows what there is.
3. What the server holds is bounded, for the client and of the market, and the end is the newest.

Counts and the final state are asserted, no speed: a machine under load only takes longer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ops.console.candles import CANDLES
from ops.console.newest import LISTED, SPARE
from ops.console.speaking import BEAT_S, STEP_S
from tests.browser import chromium, visit
from tests.ops.console.looks import script
from tests.ops.console.rig import Console, console, lately, trade
from tests.ops.console.storm import RATE, Storm, storm

INSTRUMENT = "BTCUSDT.BINANCE"
LAST = 71_234
SECONDS = 3
CLICKS = 5
BLOCK_MS = 2_000
MESSAGE_BYTES = 65_536  # uvicorn waits for a client to read beyond that
GAP_MS = 15_000  # far beyond what a loaded machine takes, far below a page that stands still
BLOCKED = "ms => { const end = performance.now() + ms; while (performance.now() < end); }"


@pytest.fixture
def desk(traded_root: Path) -> Iterator[Console]:
    with console(lately(), traded_root, step_s=STEP_S) as one:
        yield one


def answered(page: Page, blowing: Storm) -> int:
    """Clicks that had their effect, while it blows."""
    count, updates = 0, blowing.fed + SECONDS * RATE
    while count < CLICKS or blowing.fed < updates:
        page.click("#kill-open")
        expect(page.locator("#kill")).to_be_visible()
        page.click("#kill-cancel")
        expect(page.locator("#kill")).to_be_hidden()
        count += 1
    return count


def test_a_storm_of_updates_does_not_slow_the_page(desk: Console) -> None:
    sizes: list[int] = []
    with chromium() as browser, visit(browser) as seen:
        page = seen.page
        page.on(
            "websocket", lambda one: one.on("framereceived", lambda text: sizes.append(len(text)))
        )
        begun_s = time.monotonic()
        page.goto(f"{desk.url}/?instrument={INSTRUMENT}&interval=1")
        expect(page.locator("html")).to_have_attribute("data-link", "live")
        page.evaluate(script("pace"))
        with storm(desk.log, INSTRUMENT, lambda: desk.unsent_bytes) as blowing:
            assert answered(page, blowing) >= CLICKS
            page.evaluate(BLOCKED, BLOCK_MS)
            assert answered(page, blowing) >= CLICKS
        trade(desk.log, LAST, INSTRUMENT)
        newest = page.locator("[data-table=trades] tbody tr").first
        expect(newest).to_contain_text(f"{LAST:,}")
        expect(page.locator("#last-price")).to_contain_text(f"{LAST:,}")
        expect(page.locator("html")).to_have_attribute("data-link", "live")
        took_s, pace = time.monotonic() - begun_s, page.evaluate("window.pace")
        assert page.locator("[data-table=trades] tbody tr").count() <= LISTED
        assert seen.said == []
    assert blowing.fed >= 2 * SECONDS * RATE
    assert desk.follower.updates >= blowing.fed
    assert pace["frames"] > 2 * CLICKS
    assert 0.9 * BLOCK_MS < pace["gap"] < GAP_MS
    assert len(sizes) <= took_s / STEP_S + took_s / BEAT_S + 2
    assert max(sizes[1:]) < MESSAGE_BYTES
    assert blowing.unsent_bytes <= MESSAGE_BYTES + max(sizes)
    held = desk.follower.state.market.instruments[INSTRUMENT]
    assert len(held.trades) <= SPARE * LISTED
    assert all(len(kept.candles) <= CANDLES for kept in held.candles.series)
