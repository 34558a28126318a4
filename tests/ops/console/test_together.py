"""The page and the server together, in a real browser.

What the page shows is what the log says, also after the server was started again; a past moment is
the archive's; a kill arrives; and the browser has nothing to complain of under the server's policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.console.document import page as document
from ops.console.reading import past
from pipelines.batches import local_codec
from tests.browser import Seen, chromium, visit
from tests.ops.console.rig import TOKEN, Console, console, lately, newest_ms, trade

BTC = "BTCUSDT.BINANCE"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def live(page: Page) -> None:
    page.wait_for_function("() => document.documentElement.dataset.link === 'live'")


def newest_trade(page: Page, price: str) -> None:
    expect(page.locator("[data-table=trades] tbody tr").first).to_contain_text(price)


def test_the_page_follows_the_log(browser: Browser, traded_root: Path) -> None:
    log = lately()
    with visit(browser) as seen:
        with console(log, traded_root) as served:
            seen.page.goto(f"{served.url}/#token={TOKEN}")
            live(seen.page)
            rows = document(
                past(log, local_codec(), newest_ms(log)), BTC, newest_ms(log), live=True
            )
            first = rows["orders"][0]["cl_ord_id"][:8]
            expect(seen.page.locator("[data-table=orders] tbody tr").first).to_contain_text(first)
            trade(log, 71_234, BTC)
            newest_trade(seen.page, "71,234")
            killed(seen, served)
            assert seen.said == []
            own = (served.url, served.url.replace("http", "ws", 1), "data:")
            assert [url for url in seen.asked if not url.startswith(own)] == []
            looked_back(seen.page)
        trade(log, 71_235, BTC)
        with console(log, traded_root, served.port):
            live(seen.page)
            newest_trade(seen.page, "71,235")


def killed(seen: Seen, served: Console) -> None:
    """Through the dialog, as a person would."""
    page = seen.page
    assert TOKEN not in page.url
    page.click("#kill-open")
    page.fill("#kill-reason", "drill")
    page.fill("#kill-confirm", "sim-1")
    page.click("#kill-send")
    expect(page.locator("#kill-said")).to_contain_text("Killed: sim-1")
    page.click("#kill-cancel")
    assert [(one.account, one.person, one.reason) for one in served.halts] == [
        ("sim-1", "console", "drill")
    ]


def looked_back(page: Page) -> None:
    """A minute back and live again; the archive's trades are not the log's."""
    page.click("#minute-back")
    expect(page.locator("[data-table=trades] tbody")).not_to_contain_text("71,234")
    page.click("#to-live")
    newest_trade(page, "71,234")
