"""The venue's port: the WebSocket's path goes to one half, every other request to the other.

Without aiohttp's application: two places need no router, and it took a twelfth of an order's price.
What it did besides, the answer to `Expect`, is here.
"""

from __future__ import annotations

from aiohttp import HttpVersion11, web

from connectors.simulated.rest import Rest
from connectors.simulated.sockets import PATH, Sockets


def front(rest: Rest, sockets: Sockets) -> web.Server:
    """To be run by a `web.ServerRunner`."""

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get("Expect")
        if expected and request.version == HttpVersion11:
            await _go_on(request, expected)
        if request.path == PATH and request.method in ("GET", "HEAD"):
            return await sockets.serve(request)
        return await rest.serve(request)

    return web.Server(serve, access_log=None)


async def _go_on(request: web.BaseRequest, expected: str) -> None:
    """Some clients (curl is one) send a large body only when told to."""
    if expected.lower() != "100-continue":
        raise web.HTTPExpectationFailed(text=f"Unknown Expect: {expected}")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # what follows is the answer's
