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
from ops.console.rendered import Rendered, Text, change, dumped, now_ms
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
            wanted = socket.query_params.get("instrument", "")
            await Speaker(socket, self._rendered, wanted, self._step_s).run()
        finally:
            self.count -= 1


class Speaker:
    """`wanted`: the instrument asked for; `shown`: the one of the last page message."""

    def __init__(self, socket: WebSocket, rendered: Rendered, wanted: str, step_s: float) -> None:
        self._socket, self._rendered, self._step_s = socket, rendered, step_s
        self.wanted = wanted
        self.shown: str | None = None
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
            if said.get("type") == "watch" and isinstance(said.get("instrument"), str):
                self.wanted, self.shown = said["instrument"], None

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
        if self.shown is None:
            self.shown = self._rendered.chosen(self.wanted)
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


def _parsed(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
