"""The console's page in one tab of a real browser, before a server that does as it is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.settings import ROOT
from tests.browser import DESKTOP, Seen, chromium, visit
from tests.ops.console.stub import Stub

PAGE: dict[str, Any] = json.loads((ROOT / "tests/data/console/page.json").read_text())
ACCOUNT = "sim-1"
ORDER = PAGE["orders"][0]["cl_ord_id"]
STEP: dict[str, Any] = {
    "event": "TradePrinted",
    "place": "md.trade.v1/1/223",
    "id": "",
    "at_ns": 1723161268533000001,
    "clock": "socket",
    "since_tick_ns": 0,
    "since_parent_ns": None,
    "versions": {"pipeline": "market-0"},
    "fields": {"event": "TradePrinted", "last_px": "61827.9900000000", "last_qty": "0.00009"},
    "causes": {},
    "children": [],
}
CHILD = {
    **STEP,
    "event": "OrderFilled",
    "at_ns": 1723161268583418001,
    "since_parent_ns": 50418000,
    "causes": {"priced_on": {**STEP, "event": "QuoteChanged", "place": "md.quote.v1/0/9"}},
}
EXPLAINED = {
    "cl_ord_id": ORDER,
    "tick_ns": 1723161268533000001,
    "notes": ["its signal is gone"],
    "steps": [{**STEP, "children": [CHILD]}],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[tuple[Stub, Seen]]:
    """One server and one tab for all tests: to load a page again is cheaper than to open one."""
    stub = Stub()
    stub.show(PAGE, {})
    stub.start()
    with visit(browser) as seen:
        seen.page.goto(stub.url)
        yield stub, seen
    stub.close()


@pytest.fixture
def stub(tab: tuple[Stub, Seen]) -> Stub:
    stub, _ = tab
    stub.show(copy.deepcopy(PAGE) | {"accounts": [ACCOUNT]}, {ORDER: EXPLAINED})
    return stub


@pytest.fixture
def seen(tab: tuple[Stub, Seen], stub: Stub) -> Iterator[Seen]:
    """The console on a desktop; afterwards the browser must have had nothing to say."""
    _, seen = tab
    seen.page.evaluate("sessionStorage.clear(); localStorage.clear()")
    seen.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    seen.page.emulate_media(color_scheme="dark")
    seen.said.clear()
    opened(seen.page, stub)
    yield seen
    assert seen.said == []
    assert {name for name in seen.asked if not name.startswith(own(stub))} == set()


def own(stub: Stub) -> tuple[str, str, str]:
    return stub.url, stub.url.replace("http", "ws"), "data:"


def opened(page: Page, stub: Stub) -> None:
    page.goto(stub.url)
    state(page, "live")
    expect(page.locator("tbody tr").first).to_be_visible()


def state(page: Page, link: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-link", link)
