"""Snapshots over REST keep within a share of the venue's limit, and stop when it says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from connectors.connector import Connector
from connectors.venues.edges import PAUSE_S, Throttled, fetch
from tests.connectors.asynchronous import run, until
from tests.connectors.venues.rig import SOON, KeepingSink, a_while, acknowledge, protocol

BOOK = '{"lastUpdateId":7}'
Answer = Callable[[ServerConnection], Response]


@asynccontextmanager
async def books(answer: Answer) -> AsyncIterator[tuple[str, list[float]]]:
    """A venue whose REST interface gives what `answer` says; its address, when it was asked."""
    asked: list[float] = []

    async def script(socket: ServerConnection) -> None:
        await acknowledge(socket)
        await socket.wait_closed()

    def process(socket: ServerConnection, request: Request) -> Response | None:
        if not request.path.startswith("/depth"):
            return None
        asked.append(time.monotonic())
        return answer(socket)

    async with serve(script, "127.0.0.1", 0, process_request=process) as server:
        yield f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", asked


@asynccontextmanager
async def three_books(address: str, sink: KeepingSink, **limits: int) -> AsyncIterator[None]:
    """A connector of three symbols, whose depth comes on `streams_per_connection`."""
    venue = protocol(**limits)._replace(
        url=f"ws://{address}", depth_url=f"http://{address}/depth?limit=5"
    )
    symbols, channels = ["BTCUSDT", "ETHUSDT", "SOLUSDT"], ["depth@100ms"]
    connector = Connector(
        "BINANCE", "A", symbols, sink, channels=channels, protocol=venue, backoff=SOON
    )
    running = asyncio.create_task(connector.run())
    try:
        yield
    finally:
        connector.stop()
        await running


def given(socket: ServerConnection) -> Response:
    return socket.respond(HTTPStatus.OK, BOOK)


def refusal(status: HTTPStatus, retry_after: str | None) -> Answer:
    def answer(socket: ServerConnection) -> Response:
        response = socket.respond(status, "")
        if retry_after is not None:
            response.headers["Retry-After"] = retry_after
        return response

    return answer


@pytest.mark.parametrize("streams", [1, 3])
def test_one_limit_for_all_connections(streams: int) -> None:
    async def main() -> None:
        sink = KeepingSink()
        limits = {"streams_per_connection": streams, "snapshots_per_minute": 2}
        async with books(given) as (address, asked), three_books(address, sink, **limits):
            await until(lambda: len(asked) == 2 and len(sink.opened) == 3 // streams)
            await a_while()
        assert len(asked) == 2

    run(main())


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT])
def test_all_pause_for_as_long_as_the_venue_says(
    status: HTTPStatus, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        sink, answers = KeepingSink(), iter([refusal(status, "1")])

        def first_refused(socket: ServerConnection) -> Response:
            return next(answers, given)(socket)

        async with books(first_refused) as (address, asked), three_books(address, sink):
            await until(lambda: len(asked) == 4)
        assert asked[1] - asked[0] >= 1.0

    run(main())
    assert f"{status.value}, no snapshots for 1 s" in caplog.text


@pytest.mark.parametrize(
    ("said", "pause_s"),
    [("17", 17.0), ("0", 0.0), (None, PAUSE_S), ("", PAUSE_S), ("-1", PAUSE_S), ("soon", PAUSE_S)],
)
def test_what_the_venue_says(said: str | None, pause_s: float) -> None:
    async def main() -> None:
        async with books(refusal(HTTPStatus.TOO_MANY_REQUESTS, said)) as (address, _):
            with pytest.raises(Throttled) as raised:
                await fetch(f"http://{address}/depth")
        assert raised.value.pause_s == pause_s

    run(main())


def test_any_other_answer_is_no_pause() -> None:
    async def main() -> None:
        async with books(refusal(HTTPStatus.SERVICE_UNAVAILABLE, "17")) as (address, _):
            with pytest.raises(OSError, match="503") as raised:
                await fetch(f"http://{address}/depth")
        assert not isinstance(raised.value, Throttled)

    run(main())
