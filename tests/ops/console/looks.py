"""What is seen in the browser: pixels of a picture, candles, scripts that look at the page."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from connectors.feed.capture import load

BEGIN = 1_750_000_000

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


def captured() -> list[dict[str, Any]]:
    """Candles of three seconds out of a capture's trades: real ones, with wicks."""
    found: dict[int, list[Decimal]] = {}
    for frame in load(("binance_spot_btcusdt_20240808",), 0.0, 120.0):
        data = json.loads(frame.payload).get("data", {})
        if data.get("e") == "trade":
            at = BEGIN + frame.at_ns // 3_000_000_000 * 3
            found.setdefault(at, []).append(Decimal(data["p"]))
    return [
        {"time": at, "open": str(px[0]), "high": str(max(px)), "low": str(min(px))}
        | {"close": str(px[-1]), "volume": str(len(px))}
        for at, px in sorted(found.items())
    ]


def extents(found: list[Columns], count: int) -> list[tuple[int, int]]:
    """The highest and the lowest row of each of so many candles, a bar being 0.8 of its room."""
    rows = {x: rows for colour in found for x, rows in colour}
    room = (max(rows) - min(rows) + 1) / (count - 0.2)
    extents = []
    for place in range(count):
        middle = min(rows) + (place + 0.4) * room
        near = [y for x, ys in rows.items() if abs(x - middle) < room / 4 for y in ys]
        extents.append((min(near), max(near)))
    return extents
