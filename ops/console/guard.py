"""Who may speak with the console, and what every answer says to the browser.

The console listens on loopback and asks nobody who he is, so a web page elsewhere must not be able
to speak through its visitor's browser: a foreign `Origin` is refused, and so is a `Host` that is a
name, which anybody could make mean this machine (DNS rebinding).
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.metrics.own_host import is_own

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Around the application."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        why = refusal(Headers(scope=scope), self._host)
        if why and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why})
        elif why:
            await JSONResponse({"error": why}, 403)(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sent


def refusal(headers: Headers, own: str) -> str:
    """Why a request is refused; empty where it is not. `own`: the address listened on."""
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or not is_own(hosts[0], own):
        return "this is not the console's address"
    if origins and origins != [f"http://{hosts[0]}"]:
        return "a page from elsewhere may not ask the console"
    return ""
