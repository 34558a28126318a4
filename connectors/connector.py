"""The process `tape run connector`: one line of one venue, frames to the log.

Exit codes: 0 stopped as asked, 71 a record could not be delivered, 72 stopped with records that the
log has not confirmed. A second line is a second process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from connectors.log.errors import OutcomeUnknown, WriterError
from connectors.metrics import feeds
from connectors.metrics.server import Health
from connectors.raw_writer import Bound, RawWriter
from connectors.traces.frames import FrameSpans
from connectors.traces.spans import Put
from connectors.venues import venue as find_venue
from connectors.venues.backoff import Backoff
from connectors.venues.edges import Edges, Sink
from connectors.venues.protocol import Limits, VenueProtocol
from connectors.venues.rate import RateLimit
from connectors.venues.shell import Shell
from schemas.codec import Codec

log = logging.getLogger("tape.connector")

STATUS_EVERY_S = 30.0
FLUSH_S = 3.0


class Connector:
    """All subscriptions of one line, running into one sink."""

    def __init__(
        self,
        venue: str,
        line: str,
        symbols: Sequence[str],
        sink: Sink,
        *,
        channels: Sequence[str] = (),
        url: str | None = None,
        protocol: VenueProtocol | None = None,
        edges: Edges = Edges(),  # noqa: B008 - immutable
        backoff: Backoff = Backoff(),  # noqa: B008 - immutable
    ) -> None:
        """`protocol` replaces the registry's. Raises `UnknownVenue`, `BadSubscription`."""
        registered = find_venue(venue)
        registered.check(channels)
        protocol = protocol or registered.protocol()
        limits: Limits = protocol.limits
        attempts = RateLimit(limits.attempts, limits.attempts_window_s)
        snapshots = RateLimit(limits.snapshots_per_minute, 60.0)
        self.shells = [
            Shell(venue, line, plan, protocol, sink, attempts, snapshots, edges, backoff)
            for plan in protocol.plan(symbols, channels, url)
        ]

    async def run(self) -> None:
        """Returns after `stop`; raises what a session could not handle."""
        async with asyncio.TaskGroup() as group:
            for shell in self.shells:
                group.create_task(shell.run())

    def stop(self) -> None:
        for shell in self.shells:
            shell.stop()

    def status(self) -> list[dict[str, Any]]:
        return [one for shell in self.shells for one in shell.status()]


async def _report(connector: Connector, writer: RawWriter, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        state = {"connections": connector.status(), "log": writer.status()}
        log.info("status %s", json.dumps(state))


@contextmanager
def _flushed(writer: RawWriter) -> Iterator[None]:
    """Whatever ended the block, what was received is waited for; its own error goes first."""
    try:
        yield
    except BaseException:
        try:
            writer.close(FLUSH_S)
        except OutcomeUnknown as error:
            log.critical("%s", error)
        raise
    writer.close(FLUSH_S)


async def _serve(connector: Connector, writer: RawWriter, every_s: float) -> None:
    """Run until stopped by a signal or a failed delivery (raised)."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, connector.stop)
    running = asyncio.create_task(connector.run())
    others = [
        asyncio.create_task(writer.run()),
        asyncio.create_task(_report(connector, writer, every_s)),
    ]
    with _flushed(writer):
        try:
            tasks: set[asyncio.Future[Any]] = {running, writer.failed, *others}
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (running, *others):
                task.cancel()


def run_connector(
    venue: str,
    line: str,
    symbols: Sequence[str],
    *,
    kafka: Mapping[str, Any],
    codec: Codec,
    topic_prefix: str = "",
    channels: Sequence[str] = (),
    url: str | None = None,
    bound: Bound = Bound(),  # noqa: B008 - immutable
    status_every_s: float = STATUS_EVERY_S,
    health: Health | None = None,
    put: Put | None = None,
) -> int:
    """Run one line until SIGTERM or SIGINT; gives the exit code (see the module).

    `kafka` are librdkafka's options with `bootstrap.servers`; `channels` and `url` as in
    `VenueProtocol.plan`; `put` takes spans, where anybody wants them. Raises `TapeError` (exit 2)
    for what is wrong at the start: venue, symbol, broker, topic, registry.
    """
    registered = find_venue(venue)
    spans = None if put is None else FrameSpans(put, venue, line)

    async def main() -> None:
        writer = RawWriter(kafka, topic_prefix, codec, registered.route(), bound, spans)
        connector = Connector(venue, line, symbols, writer, channels=channels, url=url)
        feeds.show([*connector.shells], writer, health or Health())
        await _serve(connector, writer, status_every_s)

    try:
        asyncio.run(main())
    except WriterError as error:
        log.critical("%s", error)
        return error.exit_code
    finally:
        if spans is not None:
            spans.close()
    log.info("%s %s: stopped", venue, line)
    return 0
