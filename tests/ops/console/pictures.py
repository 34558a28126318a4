"""`python -m tests.ops.console.pictures ARCHIVE [TIME]` writes docs/console/*.png.

The archive is what `tape demo --seconds 150` leaves in `demo/archive` of its run folder. Candles
are of one second, for a demo is short. Pictures have 256 colours, which keeps them small.
"""

from __future__ import annotations

import base64
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page

from ops.console.archived import Archived
from ops.console.rendered import View
from ops.settings import ROOT
from replay.archive.store import FolderStore
from tests.browser import DESKTOP, PHONE, Theme, chromium, visit
from tests.ops.console.looks import script
from tests.ops.console.stub import Stub

FOLDER: Final = ROOT / "docs" / "console"
BYTES_MAX: Final = 300_000
VIEW: Final = View("BTCUSDT.BINANCE", 1)


class Shot(NamedTuple):
    name: str
    size: tuple[int, int]
    theme: Theme
    scale: int = 1
    explained: bool = False


SHOTS: Final = (
    Shot("desktop-dark", DESKTOP, "dark"),
    Shot("desktop-light", DESKTOP, "light"),
    Shot("phone", PHONE, "dark", 2),
    Shot("explain", DESKTOP, "dark", explained=True),
)


def write(stub: Stub, folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    with chromium() as browser:
        for shot in SHOTS:
            picture = small(browser, _taken(browser, stub, shot))
            assert len(picture) < BYTES_MAX, f"{shot.name}: {len(picture)} bytes"
            (folder / f"{shot.name}.png").write_bytes(picture)


def _taken(browser: Browser, stub: Stub, shot: Shot) -> bytes:
    with visit(browser, shot.size, shot.theme, shot.scale) as seen:
        seen.page.goto(stub.url)
        _settled(seen.page)
        if shot.explained:
            [name] = stub.orders
            seen.page.get_by_label(f"Explain order {name}").first.click()
            seen.page.locator("#explain details").nth(2).click()
        return seen.page.screenshot()


def _settled(page: Page) -> None:
    page.locator("tbody tr").first.wait_for()
    page.evaluate("document.fonts.ready")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def small(browser: Browser, png: bytes) -> bytes:
    """The picture with a palette."""
    blank = browser.new_page()
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    width, height, colours, text = blank.evaluate(script("palette"), source)
    blank.close()
    pixels = base64.b64decode(text)
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, width * height, width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    palette = bytes(part for colour in colours for part in colour)
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunks([*chunks, (b"IEND", b"")]))


def _chunks(chunks: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for name, body in chunks:
        yield (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )


def archived(root: Path, at: str | None) -> Stub:
    """What an archive holds of a moment, the newest by default, as if it were now."""
    archive = Archived(FolderStore(root))
    span = archive.span()
    page = archive.page(VIEW, at or span["last"]) | {"live": True}
    filled = next(one["cl_ord_id"] for one in page["orders"] if one["cl_ord_id"] in fills(page))
    stub = Stub()
    stub.show(page, {filled: archive.order(filled, page["at"])})
    stub.span |= span
    return stub


def fills(page: dict[str, Any]) -> set[str]:
    return {one["cl_ord_id"] for one in page["fills"]}


if __name__ == "__main__":
    shown = archived(Path(sys.argv[1]), sys.argv[2] if sys.argv[2:] else None)
    shown.start()
    write(shown)
