"""`python -m tests.ops.console.pictures [PAGE]` writes docs/console/*.png from a page document.

With 256 colours, which is what keeps them small.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser, Page

from ops.settings import ROOT
from tests.browser import DESKTOP, PHONE, Theme, chromium, visit
from tests.ops.console.looks import script
from tests.ops.console.stub import Stub

FOLDER: Final = ROOT / "docs" / "console"
BYTES_MAX: Final = 300_000


class Shot(NamedTuple):
    name: str
    size: tuple[int, int]
    theme: Theme
    scale: int = 1


SHOTS: Final = (
    Shot("desktop-dark", DESKTOP, "dark"),
    Shot("desktop-light", DESKTOP, "light"),
    Shot("phone", PHONE, "dark", 2),
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
        return seen.page.screenshot()


def _settled(page: Page) -> None:
    page.wait_for_function("document.querySelector('tbody tr')")
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


if __name__ == "__main__":
    source = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "tests/data/console/page.json"
    shown = Stub(json.loads(source.read_text()), {})
    shown.span |= {
        "first": shown.page["candles"] and "2025-06-15T15:00:00.000Z",
        "last": shown.page["at"],
    }
    shown.start()
    write(shown)
