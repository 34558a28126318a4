"""The WebSocket API: the same methods by message, and the private streams."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import WSMsgType, web

from connectors.simulated.calls import Call, Desk
from connectors.simulated.errors import Refusal, VenueError, illegal, unknown
from connectors.simulated.parameters import Parameters
from connectors.simulated.render import MS, Json
from connectors.simulated.rest import METHODS
from connectors.simulated.streams import Streams

log = logging.getLogger("tape.venue")

PATH: Final = "/ws-api/v3"
STREAM_WEIGHT: Final = 2
PING_S: Final = 20.0
MESSAGE_BYTES_MAX: Final = 64 * 1024
BACKLOG_MAX: Final = 100_000  # messages a client may lag behind
_BY_NAME: Final = {method.socket: method for method in METHODS if method.socket}
_encode = msgspec.json.Encoder().encode


class Sockets:
    """Serves WebSocket connections."""

    def __init__(self, desk: Desk, streams: Streams) -> None:
        self.desk, self._streams = desk, streams
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One connection, until it ends."""
        socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=MESSAGE_BYTES_MAX)
        await socket.prepare(request)
        self._open.add(socket)
        connection = _Connection(socket, self.desk, self._streams, request.remote or "unknown")
        try:
            await connection.run()
        finally:
            self._open.discard(socket)
        return socket

    async def close(self) -> None:
        """Ends all connections."""
        for socket in list(self._open):
            await socket.close(code=1001, message=b"the venue stops")


class _Connection:
    def __init__(
        self, socket: web.WebSocketResponse, desk: Desk, streams: Streams, address: str
    ) -> None:
        self._socket, self._desk, self._streams = socket, desk, streams
        self._address = address
        self._queue: asyncio.Queue[Json] = asyncio.Queue(BACKLOG_MAX)
        self._subscribed: dict[int, str] = {}

    async def run(self) -> None:
        writing = asyncio.create_task(self._write_all())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._queue.put_nowait(await self._hear(message.data))
        except asyncio.QueueFull:
            log.warning("a WebSocket client is too slow and is cut off")
        finally:
            for number, account in self._subscribed.items():
                self._streams.unsubscribe(account, number)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write_all(self) -> None:
        while True:
            form = await self._queue.get()
            await self._socket.send_str(_encode(form).decode())

    async def _hear(self, text: str) -> Json:
        number: Any = None
        try:
            message = _decoded(text)
            number = message.get("id")
            name, sent = str(message.get("method")), _texts(message.get("params") or {})
            used = self._desk.limits.spend(self._address, _weight(name, sent))
            result = await self._result(name, sent)
        except Refusal as refused:
            return _refused(number, refused)
        except Exception:
            log.exception("a message ended in an error that nobody foresaw")
            return _refused(number, unknown())
        weight = {**self._desk.limits.weight.limit.shown(), "count": used}
        return {"id": number, "status": 200, "result": result, "rateLimits": [weight]}

    async def _result(self, name: str, sent: Mapping[str, str]) -> Any:
        if name == "userDataStream.subscribe.signature":
            return {"subscriptionId": self._subscribe(sent)}
        if name == "userDataStream.unsubscribe":
            return self._unsubscribe(sent)
        method = _BY_NAME.get(name)
        if method is None:
            raise Refusal(-1000, f"Unknown method {name[:80]!r}.", 404)
        call = Call(Parameters(sent), None)
        if method.permission:
            call = Call(Parameters(sent), self._check(sent, method.permission))
        try:
            answer = await method.run(self._desk, call)
            held_s = self._streams.held_answer_s()
        finally:
            if method.permission:
                await self._answered(call)
        await asyncio.sleep(held_s)
        return answer

    async def _answered(self, call: Call) -> None:
        try:
            await self._desk.answered(call)
        except VenueError:
            await self._socket.close(code=1011)

    def _check(self, sent: Mapping[str, str], permission: str) -> Any:
        signed = sorted((name, text) for name, text in sent.items() if name != "signature")
        plain = "&".join(f"{name}={text}" for name, text in signed)
        quoted = "&".join(f"{name}={_quoted(text)}" for name, text in signed)
        payloads = {one.encode("utf-8", "surrogatepass") for one in (plain, quoted)}
        return self._desk.guard.check(sent.get("apiKey"), permission, sent, *payloads)

    def _subscribe(self, sent: Mapping[str, str]) -> int:
        account = self._check(sent, "read").key.account
        number = -1

        def send(form: Json) -> None:
            try:
                self._queue.put_nowait({"subscriptionId": number, "event": form})
            except asyncio.QueueFull:
                log.warning("a private stream's client is too slow and is cut off")
                self._streams.unsubscribe(account, number)

        number = self._streams.subscribe(account, send)
        self._subscribed[number] = account
        return number

    def _unsubscribe(self, sent: Mapping[str, str]) -> Json:
        asked = sent.get("subscriptionId")
        numbers = [one for one in self._subscribed if asked in (None, str(one))]
        if not numbers:
            raise illegal("subscriptionId", "^[0-9]{1,5}$")
        for number in numbers:
            self._streams.unsubscribe(self._subscribed.pop(number), number)
            ended = {"e": "eventStreamTerminated", "E": self._desk.venue.now_ns() // MS}
            self._queue.put_nowait({"subscriptionId": number, "event": ended})
        return {}


def _weight(name: str, sent: Mapping[str, str]) -> int:
    """As over HTTP; that of a private stream is its own."""
    method = _BY_NAME.get(name)
    if method is not None:
        return method.weighs(Parameters(sent))
    return STREAM_WEIGHT if name.startswith("userDataStream.") else 1


def _refused(number: Any, refused: Refusal) -> Json:
    return {"id": number, "status": refused.status, "error": refused.body()}


def _decoded(text: str) -> Json:
    try:
        message = json.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not _can_be_told(message.get("id")):
        raise Refusal(-1000, "Invalid JSON request.")
    return message


def _can_be_told(number: Any) -> bool:
    """Every answer gives the id back: one that cannot be written must not end the writing."""
    try:
        _encode(number)
    except (ValueError, RecursionError):
        return False
    return True


def _texts(params: Any) -> dict[str, str]:
    """Parameters as HTTP would carry them."""
    if not isinstance(params, dict):
        raise Refusal(-1000, "Invalid params: an object is expected.")
    return {name: _text(value) for name, value in params.items()}


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
