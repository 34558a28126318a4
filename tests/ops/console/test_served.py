"""The page over the real server: a traded run on the log, its archive, a real browser.

1. What the server knows is on the screen: candles in the colours of their direction, every table.
2. A trade that is written to the log arrives; the server goes away and another one takes over.
3. An order of the run is explained, a past second of it is shown, a kill reaches the desk.
4. The browser asks nobody but the server, and has nothing to complain of.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Seen, visit
from tests.ops.console.looks import columns
from tests.ops.console.rig import TOKEN, Console, console, lately, trade

INSTRUMENT = "BTCUSDT.BINANCE"
UP, DOWN = "#3ec396", "#f0716a"


@pytest.fixture(scope="module")
def desk(traded_root: Path) -> Iterator[Console]:
    with console(lately(), traded_root) as one:
        yield one


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Seen]:
    with visit(browser) as one:
        yield one


@pytest.fixture
def seen(tab: Seen, desk: Console) -> Iterator[Seen]:
    tab.page.goto("about:blank")
    tab.page.goto(f"{desk.url}/?instrument={INSTRUMENT}#token={TOKEN}")
    live(tab)
    yield tab
    assert tab.said == []
    own = (f"{desk.url}/", desk.socket_url, "data:", "about:blank")
    assert [name for name in tab.asked if not name.startswith(own)] == []
    assert [name for name in tab.asked if TOKEN in name.partition("#")[0]] == []


def live(seen: Seen) -> None:
    expect(seen.page.locator("html")).to_have_attribute("data-link", "live")
    expect(seen.page.locator("[data-table=orders] tbody tr").first).to_be_visible()


def shown(seen: Seen) -> dict[str, Any]:
    """The page document, as the server gives it."""
    address = seen.page.url.replace("/?", "/api/page?")
    found: dict[str, Any] = seen.page.request.get(address).json()
    return found


def test_what_the_server_knows_is_on_the_screen(browser: Browser, seen: Seen) -> None:
    page, known = seen.page, shown(seen)
    for name in ("orders", "fills", "denials", "positions", "breaks", "feeds", "replays"):
        rows = page.locator(f"[data-table={name}] tbody tr")
        expect(rows).to_have_count(len(known[name]))
    expect(page.locator("#limits li")).to_have_count(len(known["limits"]))
    expect(page.locator("#book p")).to_have_count(
        len(known["book"]["bids"]) + len(known["book"]["asks"]) + 1
    )
    picture = page.locator("#chart").screenshot()
    found = dict(zip((UP, DOWN), columns(browser, picture, UP, DOWN), strict=True))
    assert all(found[colour] for colour in directions(known["candles"]))


def directions(candles: list[dict[str, str]]) -> set[str]:
    moves = [Decimal(one["close"]) - Decimal(one["open"]) for one in candles]
    return {UP if move > 0 else DOWN for move in moves if move}


def test_a_trade_on_the_log_arrives(desk: Console, seen: Seen) -> None:
    trade(desk.log, 71_234, INSTRUMENT)
    newest = seen.page.locator("[data-table=trades] tbody tr").first
    expect(newest).to_contain_text("71,234")
    expect(seen.page.locator("#last-price")).to_have_text("71,234.00")
    expect(seen.page.locator("#legend")).to_contain_text("C 71,234")


def test_a_server_that_takes_over_is_found(tab: Seen, traded_root: Path) -> None:
    log, page = lately(), tab.page
    with console(log, traded_root) as first:
        page.goto(first.url)
        live(tab)
    trade(log, 71_235, INSTRUMENT)
    with console(log, traded_root, first.port):
        newest = page.locator("[data-table=trades] tbody tr").first
        expect(newest).to_contain_text("71,235")
        expect(page.locator("html")).to_have_attribute("data-link", "live")
        tab.page.goto("about:blank")
    tab.said.clear()
    tab.asked.clear()


def test_an_order_of_the_run_is_explained(seen: Seen) -> None:
    order = next(one for one in shown(seen)["orders"] if one["state"] == "FILLED")
    seen.page.get_by_label(f"Explain order {order['cl_ord_id']}").first.click()
    events = seen.page.locator("#explain details")
    expect(events.first).to_be_visible()
    names = events.evaluate_all("all => all.map(one => one.dataset.event)")
    assert {"OrderRequested", "OrderApproved", "OrderSubmitting", "OrderFilled"} <= set(names)
    assert names[0] in ("TradePrinted", "QuoteChanged")


def test_a_past_second_of_the_run_is_shown(seen: Seen) -> None:
    page = seen.page
    expect(page.locator("#slider")).to_be_enabled()
    page.locator("#slider").focus()
    page.keyboard.press("End")
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#banner-past")).to_contain_text("You look at the past")
    expect(page.locator("#desk")).not_to_have_attribute("aria-busy", "true")
    [*_, asked] = [url for url in seen.asked if "/api/page?" in url]
    then = page.request.get(asked).json()
    assert 0 < len(then["orders"]) < len(shown(seen)["orders"])
    expect(page.locator("[data-table=orders] tbody tr")).to_have_count(len(then["orders"]))
    page.click("#to-live")
    expect(page.locator("[data-table=orders] tbody tr")).to_have_count(len(shown(seen)["orders"]))


def test_a_kill_reaches_the_desk(desk: Console, seen: Seen) -> None:
    page = seen.page
    page.click("#kill-open")
    page.fill("#kill-reason", "a drill")
    page.fill("#kill-confirm", "sim-1")
    page.click("#kill-send")
    expect(page.locator("#kill-said")).to_contain_text("Killed: sim-1")
    assert [(one.account, one.reason, one.person) for one in desk.halts] == [
        ("sim-1", "a drill", "console")
    ]
