"""One signed request over HTTP: exactly its bytes, once, or not at all.

Whether a byte has left is known, because the client tells before it writes: what failed earlier has
not arrived, what failed later may have. The last look at the clock is taken there too, after every
wait for a connection: CLOCK_BOOTTIME also counts while a machine or process is stopped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from connectors.http_client import httpx
from connectors.orderport.interface import Signed
from schemas.events import RequestFailure

TIMEOUT_S: Final = 5.0
CONNECTIONS: Final = 64
# At lower levels these clients write whole requests, keys and signatures included, into the log.
for _name in ("httpx", "httpcore", "websockets"):
    logging.getLogger(_name).setLevel(logging.WARNING)
_WRITES: Final = "http11.send_request_headers.started"
_WRITTEN: Final = "http11.send_request_body.complete"


def boottime_ns() -> int:
    """Nanoseconds since the machine started, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Answer(NamedTuple):
    """A response, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ts_recv_ns: int


OVER_LIMIT: Final = (418, 429)
"""Statuses by which a venue asks for silence."""


class Failure(NamedTuple):
    """No response. `detail` holds no secret."""

    reason: RequestFailure
    may_have_arrived: bool
    detail: str


class _NotSent(Exception):
    """The last look forbids it. `reason` and words for a person."""

    def __init__(self, reason: RequestFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(reason, False, detail)


def _allowed() -> None:
    return None


class Transport:
    """`point` names the moments at which tests stop a process."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        point: Callable[[str], None] = lambda _: None,
        boottime_ns: Callable[[], int] = boottime_ns,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._url, self._point = url.rstrip("/"), point
        self._boottime_ns, self._now_ns = boottime_ns, now_ns
        # No proxy of the environment's: it would see the key. No retry: nothing is sent twice.
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
            http2=False,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=20),
        )
        # Requests that wait for a connection inside the client cost it the square of their number:
        # some hundreds stop the event loop, and with it every other cancel (`tests/pins`).
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def send(
        self,
        signed: Signed,
        signed_at_ns: int,
        forbidden: Callable[[], RequestFailure | None] = _allowed,
    ) -> Answer | Failure:
        """`signed_at_ns`: boottime at which it was stamped. `forbidden` is asked right before the
        first byte leaves: why it must not.
        """
        begun = False

        async def trace(name: str, info: Mapping[str, Any]) -> None:
            nonlocal begun
            if name == _WRITES:
                self._check_age(signed, signed_at_ns)
                if (reason := forbidden()) is not None:
                    raise _NotSent(reason, "forbidden after it was signed")
                begun = True
            elif name == _WRITTEN:
                self._point(f"after-write {signed.method}")

        request = self._client.build_request(
            signed.method,
            f"{self._url}{signed.target.decode()}",
            headers=signed.headers,
            extensions={"trace": trace},
        )
        assert request.url.raw_path.endswith(signed.target), "the client changed the bytes"
        try:
            async with self._room:
                self._check_age(signed, signed_at_ns)
                response = await self._client.send(request)
        except _NotSent as stopped:
            return stopped.failure
        except httpx.HTTPError as error:
            return _failure(error, begun)
        return Answer(response.status_code, response.headers, response.content, self._now_ns())

    async def close(self) -> None:
        await self._client.aclose()

    def _check_age(self, signed: Signed, signed_at_ns: int) -> None:
        if self._boottime_ns() - signed_at_ns > signed.recv_window_ms * 500_000:
            raise _NotSent("SEND_TOO_LATE", "half of the receive window was over")


def _failure(error: httpx.HTTPError, begun: bool) -> Failure:
    """The error's kind alone: its text may quote the request."""
    reason: RequestFailure = "CONNECTION_LOST"
    if not begun:
        reason = "CONNECT_FAILED"
    elif isinstance(error, httpx.TimeoutException):
        reason = "RESPONSE_TIMED_OUT"
    return Failure(reason, begun, type(error).__name__)
