"""The console's addresses (`ops.console`). Everything that waits runs beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ops.console.archived import Archived, NotArchived
from ops.console.candles import interval_of
from ops.console.guard import Guard
from ops.console.killing import BODY_BYTES, Killer, asked_of, is_allowed
from ops.console.rendered import Rendered, View
from ops.console.speaking import STEP_S, Speakers
from replay.explain.errors import OrderNotFound
from schemas.errors import TapeError

PAGE: Final = Path(__file__).parent / "page"
NOT_READY: Final = 503


class Parts(NamedTuple):
    """What answers. `order`: `tape explain` of an order, from the log. `step_s`: between messages
    to one client.
    """

    rendered: Rendered
    archived: Archived
    order: Callable[[str], dict[str, Any]]
    killer: Killer
    token: str
    step_s: float = STEP_S


def application(parts: Parts, host: str) -> ASGIApp:
    """`host`: the address that is listened on."""
    asked = _Asked(parts)
    app = Starlette(
        routes=[
            Route("/", _index),
            Route("/api/page", asked.page),
            Route("/api/span", asked.span),
            Route("/api/orders/{name}", asked.order),
            Route("/api/kill", asked.kill, methods=["POST"]),
            WebSocketRoute("/api/live", Speakers(parts.rendered, parts.step_s).serve),
            Mount("/static", StaticFiles(directory=PAGE)),
        ],
        exception_handlers={HTTPException: _refused, TapeError: _failed, Exception: _broken},
    )
    return Guard(app, host)


async def _index(_: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})


class _Asked:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def page(self, request: Request) -> Response:
        instrument = request.query_params.get("instrument", "")
        interval_s = interval_of(request.query_params.get("interval", ""))
        view, at = View(instrument, interval_s), request.query_params.get("at")
        if at is not None:
            return _json(await run_in_threadpool(self._parts.archived.page, view, at))
        rendered = self._parts.rendered
        if not rendered.ready:
            return _error(NOT_READY, rendered.why)
        chosen = rendered.chosen(instrument)
        if instrument not in ("", chosen):
            return _error(404, f"no instrument {instrument[:64]} is on the log")
        return _json(await run_in_threadpool(rendered.page, view._replace(instrument=chosen)))

    async def span(self, _: Request) -> Response:
        return _json(await run_in_threadpool(self._parts.archived.span))

    async def order(self, request: Request) -> Response:
        name, at = request.path_params["name"], request.query_params.get("at")
        if at is None:
            return _json(await run_in_threadpool(self._parts.order, name))
        return _json(await run_in_threadpool(self._parts.archived.order, name, at))

    async def kill(self, request: Request) -> Response:
        if not is_allowed(request.headers.get("authorization", ""), self._parts.token):
            return _error(401, "this needs the token that `tape console` printed when it started")
        asked = asked_of(await _body(request))
        # Not in the pool in which pages and explanations wait for one another.
        return _json(await asyncio.to_thread(self._parts.killer.run, asked))


async def _body(request: Request) -> bytes:
    """No more of it than a little too much."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES:
            break
    return body


def _json(value: Any) -> Response:
    return JSONResponse(value, headers={"Cache-Control": "no-store"})


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": " ".join(text.split())}, status)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail)


async def _failed(_: Request, error: Exception) -> Response:
    missing = isinstance(error, OrderNotFound | NotArchived)
    return _error(404 if missing else 400, str(error))


async def _broken(_: Request, error: Exception) -> Response:
    return _error(500, f"internal error: {type(error).__name__}, see the console's log")
