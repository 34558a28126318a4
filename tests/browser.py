"""A real browser without a screen: Debian's chromium, so none is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.programs import program

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS: Final = 30_000  # for what comes at once on an idle machine
DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)
Theme = Literal["dark", "light"]


class Seen(NamedTuple):
    """One visit. `said`: the browser's own errors and warnings; `asked`: every address."""

    page: Page
    said: list[str]
    asked: list[str]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; the test is skipped where there is none. One a module: its driver keeps an event
    loop open in this thread, where nothing else may then run one.
    """
    path = program("browser", "chromium", "chromium-browser", "google-chrome")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def visit(
    browser: Browser, size: tuple[int, int] = DESKTOP, theme: Theme = "dark", scale: float = 1
) -> Iterator[Seen]:
    """A tab of its own: nothing is kept of an earlier one."""
    viewport: Any = {"width": size[0], "height": size[1]}
    context = browser.new_context(
        viewport=viewport, color_scheme=theme, device_scale_factor=scale, locale="en-GB"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    seen = Seen(page, [], [])
    page.on("console", lambda one: seen.said.append(f"{one.type}: {one.text}"))
    page.on("pageerror", lambda error: seen.said.append(f"error: {error}"))
    page.on("request", lambda one: seen.asked.append(one.url))
    page.on("websocket", lambda one: seen.asked.append(one.url))
    yield seen
    context.close()
