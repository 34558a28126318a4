"""The console's page in a real browser.

1. Candles of a real traded run are on the screen, pixel by pixel, with fills and signals on them.
2. Everything of the page document is shown as it is; text never becomes markup.
3. Changes arrive; a dead link is told, and mended when the server is back.
4. A past moment stands still under changes; an order is explained.
5. Desktop and phone, light and dark: readable, nothing beside the screen.
6. Nobody else is asked for anything, and the browser has nothing to complain of.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.stack.processes import wait_for
from tests.browser import DESKTOP, PHONE, Seen, Theme
from tests.ops.console.looks import Columns, captured, columns, extents, script
from tests.ops.console.stub import Stub
from tests.ops.console.tab import PAGE, opened, state

UP, DOWN, SIGNAL, UP_IN_LIGHT = "#3ec396", "#f0716a", "#6cb2ff", "#08775a"


def cells(page: Page, table: str, row: int = 1) -> list[str]:
    return page.locator(f"[data-table={table}] tbody tr:nth-child({row}) td").all_inner_texts()


# ---- the chart -----------------------------------------------------------------------------------


def drawn(browser: Browser, page: Page, *colours: str) -> list[Columns]:
    return columns(browser, page.locator("#chart").screenshot(), *colours)


def test_candles_are_on_the_screen_where_their_prices_are(
    browser: Browser, stub: Stub, seen: Seen
) -> None:
    candles = captured()
    stub.page |= {"signals": [], "fills": [], "orders": [], "candles": candles, "interval_s": 3}
    opened(seen.page, stub)
    rising, falling = found = drawn(browser, seen.page, UP, DOWN)
    assert rising
    assert falling
    rows = extents(found, len(candles))
    highs = [float(one["high"]) for one in candles]
    lows = [float(one["low"]) for one in candles]
    top, bottom = min(row for row, _ in rows), max(row for _, row in rows)
    pixel = (max(highs) - min(lows)) / (bottom - top)
    for (first, last), high, low in zip(rows, highs, lows, strict=True):
        assert abs(first - top - (max(highs) - high) / pixel) < 3
        assert abs(last - top - (max(highs) - low) / pixel) < 3


def test_candles_have_the_colour_of_their_direction(
    browser: Browser, stub: Stub, seen: Seen
) -> None:
    last = stub.page["candles"][-1]
    for close, colours in (("1", [False, True]), ("99999", [True, False])):
        one = {**last, "open": "5000", "low": "1", "high": "99999", "close": close}
        stub.page |= {"signals": [], "fills": [], "orders": [], "candles": [one]}
        opened(seen.page, stub)
        expect(seen.page.locator("#legend")).to_contain_text(f"C {int(close):,}")
        assert [bool(found) for found in drawn(browser, seen.page, UP, DOWN)] == colours


def test_fills_and_signals_are_drawn_on_the_candles(
    browser: Browser, stub: Stub, seen: Seen
) -> None:
    [marks] = drawn(browser, seen.page, SIGNAL)
    assert marks
    stub.change(signals=[])
    expect(seen.page.locator("[data-table=signals] tbody tr")).to_have_count(0)
    assert drawn(browser, seen.page, SIGNAL) == [[]]


def test_a_changed_candle_is_drawn(browser: Browser, stub: Stub, seen: Seen) -> None:
    before = drawn(browser, seen.page, UP)
    last = stub.page["candles"][-1]
    risen = {**last, "close": "99999.5", "high": "99999.5"}
    stub.change(candles=[risen])
    expect(seen.page.locator("#legend")).to_contain_text("C 99,999.5")
    assert drawn(browser, seen.page, UP) != before


def test_a_candle_leaves_after_an_hour(stub: Stub, seen: Seen) -> None:
    """From a whole quarter on, as the server has it; also where no other one comes."""
    newest = stub.page["candles"][-1]
    quarter = newest["time"] // 900 * 900
    assert [one["time"] // 900 * 900 for one in stub.page["candles"]] == [quarter] * 2
    for at, count in ((quarter + 4_499, 3), (quarter + 4_500, 1)):
        stub.page["at"] = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
        stub.change(candles=[{**newest, "time": quarter + 4_440}])
        told = re.compile(f": {count} candles")
        expect(seen.page.locator("#chart")).to_have_attribute("aria-label", told)
    stub.page["at"] = "2036-01-01T00:00:00Z"
    stub.change(signals=[])
    expect(seen.page.locator("#legend")).to_have_text("no trades yet")


@pytest.mark.parametrize(
    ("price", "told"), [("150", "50 %"), ("200", "100 %"), ("1234", "1,134 %")]
)
def test_how_far_the_price_went(stub: Stub, seen: Seen, price: str, told: str) -> None:
    first = {**stub.page["candles"][0], "open": "100"}
    stub.change(candles=[first], trades=[{**stub.page["trades"][0], "price": price}])
    expect(seen.page.locator("#last-change")).to_have_text(f"▲ {told}")


# ---- what is shown -------------------------------------------------------------------------------


def test_every_row_is_there(seen: Seen, stub: Stub) -> None:
    tables = seen.page.locator("[data-table]")
    names = tables.evaluate_all("all => all.map(one => one.dataset.table)")
    assert len(names) == 10
    for name in names:
        table = seen.page.locator(f"[data-table={name}]")
        expect(table.locator("tbody tr")).to_have_count(len(stub.page[name]))
        expect(table.locator(".empty")).to_be_visible(visible=not stub.page[name])


def test_numbers_stay_exact_and_text_stays_text(stub: Stub, seen: Seen) -> None:
    order = {
        **stub.page["orders"][0],
        "cl_ord_id": "EXACT",
        "quantity": "1234567890123456789.0123456789",
        "price": "0.1000000000",
        "reason": "<img src=x onerror=alert(1)>",
        "strategy": "<b>bold</b>",
    }
    stub.change(orders=[order])
    expect(seen.page.locator("[data-table=orders] tbody tr")).to_have_count(1)
    row = cells(seen.page, "orders")
    assert "1,234,567,890,123,456,789.0123456789" in row
    assert "<b>bold</b>" in row
    assert seen.page.locator("main img, main b").count() == 0


def test_a_row_stays_the_same_element_while_others_come(stub: Stub, seen: Seen) -> None:
    button = seen.page.locator("[data-table=orders] button").first
    button.focus()
    name = button.inner_text()
    fresh = {**stub.page["orders"][0], "cl_ord_id": "NEWEST00"}
    stub.change(orders=[fresh, *stub.page["orders"][:50]])
    expect(seen.page.locator("[data-table=orders] button").first).to_have_text("NEWEST00")
    expect(seen.page.locator("[data-table=orders] tbody tr")).to_have_count(
        len(stub.page["orders"])
    )
    assert seen.page.evaluate("document.activeElement.textContent") == name


def test_limits_say_in_words_what_is_near(stub: Stub, seen: Seen) -> None:
    shares = ("1.2", "0.81", "0.1")
    rows: list[dict[str, Any]] = [
        {"name": f"L{share}_MAX", "scope": "desk", "used": share, "limit": "1", "share": share}
        for share in shares
    ]
    for each in (False, True):
        name = f"L{each}_MAX"
        rows.append(
            {
                "name": name,
                "scope": "desk",
                "used": None,
                "limit": "7",
                "share": None,
                "each_order": each,
            }
        )
    stub.change(limits=rows)
    expect(seen.page.locator("#limits li")).to_have_count(5)
    expect(seen.page.locator("#limits-note")).to_have_text("2 near or over")
    assert seen.page.locator("#limits .word").all_inner_texts() == ["▲ over", "△ near", "", "", ""]
    told = figures(seen.page)
    assert [text.rpartition(" · ")[2] for text in told[:3]] == ["120 %", "81 %", "10 %"]
    assert told[3:] == ["use not known · limit 7", "7 · each order"]
    expect(seen.page.locator("#limits .track:visible")).to_have_count(3)
    fills = seen.page.locator("#limits .track:visible .fill").evaluate_all(
        "bars => bars.map(bar => Math.round(100 * bar.clientWidth / bar.parentNode.clientWidth))"
    )
    assert fills == [100, 81, 10]


@pytest.mark.parametrize(
    ("used", "limit", "share", "word"),
    [("5", "5", "1", "△ near"), ("5.00001", "5", "1", "▲ over"), ("1", "0", "1", "▲ over")],
)
def test_a_limit_is_over_above_all_of_it(
    stub: Stub, seen: Seen, used: str, limit: str, share: str, word: str
) -> None:
    row = {"name": "X_MAX", "scope": "desk", "used": used, "limit": limit, "share": share}
    stub.change(limits=[row])
    expect(seen.page.locator("#limits .word")).to_have_text([word])


def figures(page: Page) -> list[str]:
    return page.locator("#limits .figures").all_inner_texts()


def test_a_page_without_anything_says_so(stub: Stub, seen: Seen) -> None:
    lists: dict[str, Any] = {name: [] for name, value in PAGE.items() if isinstance(value, list)}
    stub.page |= {**lists, "book": None}
    seen.page.goto(stub.url)
    expect(seen.page.locator("#legend")).to_have_text("no trades yet")
    expect(seen.page.locator("#book")).to_contain_text("no quotes yet")


def test_another_instrument_is_asked_for(stub: Stub, seen: Seen) -> None:
    other = next(name for name in PAGE["instruments"] if name != PAGE["instrument"])
    seen.page.select_option("#instrument", other)
    expect(seen.page).to_have_title(
        f"{seen.page.locator('#last-price').inner_text()} {other} · Tape"
    )
    assert stub.watched == [other]


def test_candles_of_another_interval_are_asked_for_live_and_past(
    archived: Stub, seen: Seen
) -> None:
    page, picker = seen.page, seen.page.get_by_label("Candles of")
    expect(picker).to_have_value("60")
    assert picker.locator("option").all_inner_texts() == ["1 s", "10 s", "1 min", "5 min", "15 min"]
    picker.focus()
    page.keyboard.press("ArrowUp")
    expect(page).to_have_url(f"{archived.url}?instrument={PAGE['instrument']}&interval=10")
    expect(picker).to_have_value("10")
    assert wait_for(lambda: archived.page["interval_s"] == 10, 10)  # the picker shows it first
    page.click("#minute-back")
    expect(page.locator("#banner-past")).to_contain_text("You look at the past")
    assert archived.asked[-1]["interval"] == "10"
    page.reload()
    expect(picker).to_have_value("10")
    assert archived.opened[-1]["interval"] == "10"


# ---- the link ------------------------------------------------------------------------------------


def test_a_silent_link_is_told_and_mended(stub: Stub, seen: Seen) -> None:
    banner = seen.page.locator("#banner-link")
    expect(banner).to_be_hidden()
    stub.silent = True
    state(seen.page, "dead")
    expect(banner).to_contain_text("No link to the server")
    stub.silent = False
    state(seen.page, "live")
    expect(banner).to_be_hidden()


def test_a_server_that_comes_back_is_found_again(stub: Stub, seen: Seen) -> None:
    stub.stop()
    state(seen.page, "connecting")
    stub.page["orders"] = stub.page["orders"][:1]
    stub.start()
    state(seen.page, "live")
    expect(seen.page.locator("[data-table=orders] tbody tr")).to_have_count(1)
    assert [text for text in seen.said if "ERR_CONNECTION" not in text] == []
    seen.said.clear()


# ---- the past ------------------------------------------------------------------------------------

FIRST, LAST = "2026-03-03T14:00:00.000Z", "2026-03-03T15:00:00.000Z"


@pytest.fixture
def archived(stub: Stub) -> Stub:
    stub.span |= {"first": FIRST, "last": LAST}
    return stub


def test_a_past_moment_stands_still(archived: Stub, seen: Seen) -> None:
    page = seen.page
    expect(page.locator("#span")).to_contain_text("2026-03-03 14:00:00 UTC")
    page.click("#minute-back")
    banner = page.locator("#banner-past")
    expect(banner).to_contain_text("You look at the past: 2026-03-03 14:59:00 UTC")
    assert archived.asked[-1]["at"] == "2026-03-03T14:59:00.000Z"
    expect(page.locator("[data-table=orders] tbody tr")).to_have_count(0)
    archived.change(trades=[{**PAGE["trades"][0], "price": "1"}])
    archived.change(kill={"latched": True, "reason": "seen at any time", "since": LAST})
    expect(page.locator("#banner-kill")).to_contain_text("seen at any time")
    expect(page.locator("[data-table=trades] tbody tr")).to_have_count(0)
    page.click("#to-live")
    expect(banner).to_be_hidden()
    expect(page.locator("[data-table=trades] tbody tr")).to_have_count(1)
    expect(page.locator("[data-table=orders] tbody tr")).to_have_count(len(PAGE["orders"]))


def test_the_slider_and_the_field_go_to_any_moment(archived: Stub, seen: Seen) -> None:
    page = seen.page
    expect(page.locator("#slider")).to_be_enabled()
    page.locator("#slider").focus()
    page.keyboard.press("Home")
    expect(page.locator("#banner-past")).to_contain_text("14:00:00")
    page.locator("#moment").fill("2026-03-03T14:03:07")
    expect(page.locator("#banner-past")).to_contain_text("14:03:07")
    assert page.locator("#slider").input_value() == "187"
    archived.refusal = 404, "nothing is archived then"
    page.locator("#moment").fill("2026-03-03T14:04:00")
    expect(page.locator("#banner-past")).to_have_text("Not shown: nothing is archived then")
    seen.said.clear()


# ---- an order explained --------------------------------------------------------------------------


def test_an_order_is_explained_and_the_focus_comes_back(stub: Stub, seen: Seen) -> None:
    page = seen.page
    button = page.locator("[data-table=orders] button").first
    button.focus()
    page.keyboard.press("Enter")
    steps = page.locator("#explain details")
    expect(steps).to_have_count(3)
    assert steps.nth(2).inner_text().startswith("priced on QuoteChanged")
    assert "61,827.99" in steps.first.inner_text()
    assert "23:54:28.533000 our socket" in steps.first.inner_text()
    assert "+50.418 ms" in steps.nth(1).inner_text()
    expect(page.locator("#explain .note")).to_have_text("its signal is gone")
    steps.first.locator("summary").click()
    expect(steps.first.locator("dd").first).to_have_text("md.trade.v1/1/223")
    page.keyboard.press("Escape")
    expect(page.locator("#explain")).to_be_hidden()
    assert page.evaluate("document.activeElement.textContent") == button.inner_text()


def test_what_cannot_be_explained_says_why(stub: Stub, seen: Seen) -> None:
    stub.orders.clear()
    seen.page.locator("[data-table=orders] tbody tr").nth(2).click()
    expect(seen.page.locator("#explain .refused")).to_have_text("no order begins so")
    seen.said.clear()


# ---- sizes, themes, access -----------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_and_can_be_read(
    archived: Stub, seen: Seen, size: tuple[int, int], theme: Theme
) -> None:
    page = seen.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=theme)
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert page.evaluate(script("faint")) == []
    assert page.evaluate(script("nameless")) == []
    box = page.locator("#chart").bounding_box()
    assert box is not None
    assert box["height"] > 200


def test_the_theme_can_be_chosen_and_stays(browser: Browser, stub: Stub, seen: Seen) -> None:
    page = seen.page
    assert drawn(browser, page, UP)[0] != []
    page.click("#theme")
    lighter = drawn(browser, page, UP, UP_IN_LIGHT)
    assert (bool(lighter[0]), bool(lighter[1])) == (False, True)
    page.reload()
    state(page, "live")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
