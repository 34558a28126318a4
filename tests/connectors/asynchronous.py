"""Running tests on an event loop, with a limit, and waiting for conditions instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

LIMIT_S = 30.0


def run(work: Coroutine[Any, Any, None], limit_s: float = LIMIT_S) -> None:
    """Run a test to its end; a test that hangs fails."""
    asyncio.run(asyncio.wait_for(work, limit_s))


async def until(condition: Callable[[], object], what: str = "", limit_s: float = 15.0) -> None:
    """Returns when the condition holds; fails with `what` if it never does."""
    try:
        async with asyncio.timeout(limit_s):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never happened: {what or condition}") from None


@asynccontextmanager
async def repeated(act: Callable[[], object], every_s: float) -> AsyncIterator[None]:
    """`act` again and again meanwhile. Raises what it raised."""

    async def beat() -> None:
        while True:
            act()
            await asyncio.sleep(every_s)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
