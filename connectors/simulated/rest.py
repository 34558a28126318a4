"""The HTTP half: a request to one method, the answer with the venue's headers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from connectors.simulated import account_methods, market_methods, order_methods
from connectors.simulated.calls import Call, Desk, Method
from connectors.simulated.errors import Refusal, VenueError, unknown
from connectors.simulated.faults import Fault, Faults, requests_of
from connectors.simulated.parameters import Parameters
from connectors.simulated.streams import Streams

log = logging.getLogger("tape.venue")

METHODS: Final = (*market_methods.METHODS, *order_methods.METHODS, *account_methods.METHODS)
_ROUTES: Final = {(method.verb, method.path): method for method in METHODS}
_PATHS: Final = {method.path for method in METHODS}
_encode = msgspec.json.Encoder().encode
_JSON: Final = {"Content-Type": "application/json; charset=UTF-8"}
TIMED_OUT: Final = Refusal(
    -1007,
    "Timeout waiting for response from backend server. Send status unknown; execution status "
    "unknown.",
    504,
)


class Rest:
    """Serves every path but the WebSocket's. Nothing is answered before it is on disk."""

    def __init__(self, desk: Desk, faults: Faults, streams: Streams) -> None:
        self.desk, self._faults, self._streams = desk, faults, streams
        self.requests = 0

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request. A lost one ends the connection without a word."""
        self.requests += 1
        verb, path = request.method, request.path
        fits = requests_of(verb, path)
        if self._faults.strikes("rest_down", _any(verb, path)):
            return _abort(request)
        if self._faults.strikes("lost_request", fits):
            return _abort(request)
        headers: dict[str, str] = {}
        try:
            self._refuse(request, fits)
            answer = await self._answer(request, headers)
        except Refusal as refused:
            return _refused(refused, headers)
        except VenueError as error:
            log.critical("no answer can be given: %s", error)
            return _abort(request)
        except ConnectionError:
            return _abort(request)  # the client is gone
        except web.HTTPException:
            raise  # the server's own refusal: a body too large
        except Exception:
            log.exception("%s %r ended in an error that nobody foresaw", verb, path)
            return _refused(unknown(), headers)
        lost = self._faults.strikes("lost_response", fits)
        if lost is not None:
            return _refused(TIMED_OUT, headers) if lost.status else _abort(request)
        return _json(_encode(answer), 200, headers)

    def _refuse(self, request: web.BaseRequest, fits: Any) -> None:
        banned = self._faults.strikes("ban", fits)
        if banned is not None:
            raise self.desk.limits.ban(_address(request), max(1, int(banned.seconds)))
        broken = self._faults.strikes("server_error", fits)
        if broken is not None:
            raise unknown(broken.status or 503)

    async def _answer(self, request: web.BaseRequest, headers: dict[str, str]) -> Any:
        method = _ROUTES.get((request.method, request.path))
        query = request.raw_path.partition("?")[2]
        body = _text(await request.read()) if request.body_exists else ""
        sent = _pairs(query, body)
        parameters = Parameters(sent)
        weight = 1 if method is None else method.weighs(parameters)
        used = self.desk.limits.spend(_address(request), weight)
        headers |= {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
        if method is None:
            raise Refusal(-1000, "Not found.", 405 if request.path in _PATHS else 404)
        call = Call(parameters, None)
        if method.permission:
            key, payload = request.headers.get("X-MBX-APIKEY"), _unsigned(query) + _unsigned(body)
            signed = payload.encode("utf-8", "surrogateescape")
            caller = self.desk.guard.check(key, method.permission, sent, signed)
            call = Call(parameters, caller)
        try:
            return await self._run(method, call)
        finally:
            self._count(call, headers)

    async def _run(self, method: Method, call: Call) -> Any:
        try:
            answer = await method.run(self.desk, call)
            held_s = self._streams.held_answer_s()
        finally:
            if method.permission:
                await self.desk.answered(call)
        if held_s:
            await asyncio.sleep(held_s)
        return answer

    def _count(self, call: Call, headers: dict[str, str]) -> None:
        for count, window in zip(call.counts or (), self.desk.limits.orders, strict=False):
            headers[f"X-MBX-ORDER-COUNT-{window.limit.suffix}"] = str(count)


def _pairs(query: str, body: str) -> dict[str, str]:
    pairs = [pair for part in (query, body) if part for pair in parsed(part)]
    sent = dict(pairs)
    if len(sent) < len(pairs):
        raise Refusal(-1101, "Duplicate values for a parameter detected.")
    return sent


def parsed(part: str) -> list[tuple[str, str]]:
    """As `parse_qsl` has it, at a third of the price where nothing is quoted: most requests."""
    if "%" in part or "+" in part or not part.isascii():
        return parse_qsl(part, True)
    return [one.partition("=")[::2] for one in part.split("&") if one]


def _text(body: bytes) -> str:
    """Whatever bytes came, so that they can be given back for the signature."""
    return body.decode("utf-8", "surrogateescape")


def _unsigned(part: str) -> str:
    """What was signed of a query or body."""
    return "&".join(one for one in part.split("&") if not one.startswith("signature="))


def _address(request: web.BaseRequest) -> str:
    return request.remote or "unknown"


def _any(verb: str, path: str) -> Any:
    def fits(fault: Fault) -> bool:
        return fault.verb in ("", verb) and path.startswith(fault.path)

    return fits


def _abort(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # goes nowhere


def _refused(refused: Refusal, headers: dict[str, str]) -> web.Response:
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(refused.retry_after_s)
    return _json(_encode(refused.body()), refused.status, headers)


def _json(body: bytes, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(body=body, status=status, headers=headers | _JSON)
