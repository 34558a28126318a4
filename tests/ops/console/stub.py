"""A server that speaks the console's contract from one page document and does as it is told: falls
silent, goes away, comes back on the same port, refuses. The real one cannot be asked for these.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from aiohttp import WSMsgType, web

from ops.settings import ROOT

FILES: Final = ROOT / "ops" / "console" / "page"
BEAT_S: Final = 0.5
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Stub:
    """`page` is what it shows, now and of any moment; `orders` what it explains."""

    def __init__(self) -> None:
        self.show({}, {})
        self.port = 0
        self._sockets: set[web.WebSocketResponse] = set()
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def show(self, page: dict[str, Any], orders: dict[str, Any]) -> None:
        """Forgets everything: from now on it shows these."""
        self.page, self.orders = page, orders
        self.span = {"first": None, "last": None, "instruments": page.get("instruments", [])}
        self.asked: list[dict[str, str]] = []
        self.watched: list[str] = []
        self.opened: list[dict[str, str]] = []
        self.kills: list[tuple[str, dict[str, str]]] = []
        self.refusal: tuple[int, str] | None = None
        self.alarms: list[str] = []
        self.silent = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self._do(self._start())

    def stop(self) -> None:
        self._do(self._stop())

    def close(self) -> None:
        """Ends it for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def change(self, **sections: Any) -> None:
        """Tells every client of changed sections; the page keeps them, but for candles."""
        self.page |= {name: rows for name, rows in sections.items() if name != "candles"}
        self._do(self._tell({"type": "change", "at": self.page["at"], "sections": sections}))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        app = web.Application(middlewares=[_with_headers])
        app.router.add_get("/", _index)
        app.router.add_static("/static", FILES)
        app.router.add_get("/api/live", self._live)
        app.router.add_get("/api/page", self._page)
        app.router.add_get("/api/span", self._span)
        app.router.add_get("/api/orders/{cl_ord_id}", self._order)
        app.router.add_post("/api/kill", self._kill)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        for socket in list(self._sockets):
            await socket.close()
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    async def _tell(self, message: dict[str, Any]) -> None:
        for socket in list(self._sockets):
            await socket.send_json(message)

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened.append(dict(request.query))
        if not self.silent:
            await socket.send_json({"type": "page", "page": self.page})
        self._sockets.add(socket)
        beats = asyncio.create_task(self._beat(socket))
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    said = message.json()
                    self.watched.append(said["instrument"])
                    self.page["instrument"] = said["instrument"]
                    self.page["interval_s"] = said["interval_s"] or self.page["interval_s"]
                    await socket.send_json({"type": "page", "page": self.page})
        finally:
            beats.cancel()
            self._sockets.discard(socket)
        return socket

    async def _beat(self, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            if not self.silent:
                await socket.send_json({"type": "beat", "at": self.page["at"]})
            await asyncio.sleep(BEAT_S)

    async def _page(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if self.refusal:
            return web.json_response({"error": self.refusal[1]}, status=self.refusal[0])
        past = {"at": request.query["at"], "live": False, "orders": [], "trades": []}  # as if then
        return web.json_response({**self.page, **past})

    async def _span(self, _: web.Request) -> web.Response:
        return web.json_response(self.span)

    async def _order(self, request: web.Request) -> web.Response:
        if found := self.orders.get(request.match_info["cl_ord_id"]):
            return web.json_response(found)
        return web.json_response({"error": "no order begins so"}, status=404)

    async def _kill(self, request: web.Request) -> web.Response:
        self.kills.append((request.headers["Authorization"], await request.json()))
        if self.refusal:
            return web.json_response({"error": self.refusal[1]}, status=self.refusal[0])
        return web.json_response({"killed": not self.alarms, "alarms": self.alarms})


async def _index(_: web.Request) -> web.FileResponse:
    return web.FileResponse(FILES / "index.html")


@web.middleware
async def _with_headers(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    if not isinstance(response, web.WebSocketResponse):
        response.headers.update(HEADERS)
    return response


def files() -> list[Path]:
    """Every file of the page that is ours."""
    return [path for path in FILES.iterdir() if path.is_file()]
