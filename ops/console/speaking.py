"""One client of `/api/live`: what changed since it last took something.

Nothing is queued for anybody. A client holds what it was sent last, and what it gets next is the
difference to what there is when it takes it: who reads slowly misses steps in between, and costs
the server no more memory than who reads fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from connectors.metrics import declared
from ops.console.candles import INTERVAL_S, INTERVALS_S, NoSuchInterval, interval_of
from ops.console.rendered import Rendered, Text, View, change, dumped, now_ms
from replay.times import text_of

STEP_S: Final = 0.2
BEAT_S: Final = 1.0
CLIENTS: Final = 64
TOO_MANY: Final = 1013  # "try again later", RFC 6455's registry


class Speakers:
    """The clients there are."""

    def __init__(self, rendered: Rendered, step_s: float) -> None:
        self._rendered, self._step_s = rendered, step_s
        self.count = 0
        declared.CONSOLE_CLIENTS.read = lambda: {(): self.count}

    async def serve(self, socket: WebSocket) -> None:
        """Speaks with a client until it goes."""
        await socket.accept()
        if self.count >= CLIENTS:
            await socket.close(TOO_MANY, f"{CLIENTS} clients are served already")
            return
        self.count += 1
        try:
            wanted = _asked(socket)
            await Speaker(socket, self._rendered, wanted, self._step_s).run()
        finally:
            self.count -= 1


class Speaker:
    """`wanted`: what is asked for; `shown`: what the last page message showed."""

    def __init__(self, socket: WebSocket, rendered: Rendered, wanted: View, step_s: float) -> None:
        self._socket, self._rendered, self._step_s = socket, rendered, step_s
        self.wanted = wanted
        self.shown: View | None = None
        self._sent: dict[str, Text] = {}

    async def run(self) -> None:
        """Until the client goes, whichever side notices first."""
        tasks = {asyncio.create_task(self._listen()), asyncio.create_task(self._speak())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            with contextlib.suppress(WebSocketDisconnect):
                task.result()

    async def _listen(self) -> None:
        """What the client asks for; only the newest wish counts."""
        while True:
            said = _parsed(await self._socket.receive_text())
            if said.get("type") == "watch":
                self.wanted, self.shown = _watched(said, self.wanted), None

    async def _speak(self) -> None:
        beat_s = 0.0
        while True:
            began_s = time.monotonic()
            follows = not self._rendered.why  # else no beat: the page must not look alive
            if follows:
                await self._tell()
            if follows and time.monotonic() >= beat_s:
                beat_s = time.monotonic() + BEAT_S
                await self._send(dumped({"type": "beat", "at": text_of(now_ms())}))
            late = int((time.monotonic() - began_s) / self._step_s)
            declared.CONSOLE_CONFLATED.inc(late)
            await asyncio.sleep(self._step_s)

    async def _tell(self) -> None:
        asked = self.shown or self.wanted
        chosen = asked._replace(instrument=self._rendered.chosen(asked.instrument))
        if chosen != self.shown:  # also where there was no market yet
            self.shown = chosen
            self._sent = self._rendered.sections(self.shown)
            page = self._rendered.page(self.shown)
            await self._send(dumped({"type": "page", "page": page}))
            return
        fresh = self._rendered.sections(self.shown)
        message = change(fresh, self._sent)
        if message:
            self._sent = fresh
            await self._send(message)

    async def _send(self, text: str) -> None:
        """Waits while the client does not read."""
        await self._socket.send_text(text)
        declared.CONSOLE_MESSAGES.inc()


def _asked(socket: WebSocket) -> View:
    """What the address asks for; an interval that there is none of is the usual one."""
    asked = socket.query_params
    try:
        interval_s = interval_of(asked.get("interval", ""))
    except NoSuchInterval:
        interval_s = INTERVAL_S
    return View(asked.get("instrument", ""), interval_s)


def _watched(said: dict[str, Any], before: View) -> View:
    """What a client asks for now; what it does not name, or wrongly, stays."""
    instrument, interval_s = said.get("instrument"), said.get("interval_s")
    return View(
        instrument if isinstance(instrument, str) else before.instrument,
        interval_s if type(interval_s) is int and interval_s in INTERVALS_S else before.interval_s,
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
