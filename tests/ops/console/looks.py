"""What is seen in the browser: pixels of a picture, and scripts that look at the page."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Browser

Columns = list[tuple[int, list[int]]]


def script(name: str) -> str:
    """A function that the browser runs, from the file beside this one."""
    return Path(__file__).with_name(f"{name}.js").read_text()


def columns(browser: Browser, png: bytes, *colours: str) -> list[Columns]:
    """By colour ("#rrggbb"): the columns of a picture that hold it, each with its rows."""
    blank = browser.new_page()
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [[int(name[place : place + 2], 16) for place in (1, 3, 5)] for name in colours]
    found: list[Columns] = blank.evaluate(script("columns"), [source, parts])
    blank.close()
    return found
