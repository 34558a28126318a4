"""The process `tape run venue-watch`: settings to a running watch, errors to exit codes."""

from __future__ import annotations

import asyncio
import signal

from connectors.confirmed_writer import ConfirmedWriter
from connectors.log.errors import WriterError
from connectors.metrics import declared
from connectors.orderport import order_port
from connectors.traces.rounds import RoundSpans
from connectors.venue_watch.venue import Venue
from connectors.venue_watch.watch import TOPIC, Parts, Watch
from ops.figures.serving import answer
from ops.figures.tracing import spans_of
from ops.processes.clients import codec_of, kafka_log
from ops.processes.exits import die
from ops.processes.gateway import NotLive, read_key, real_hosts
from ops.processes.lock import hold
from ops.settings import Settings


def run_venue_watch(account: str, settings: Settings, *, live: bool) -> None:
    """Runs until SIGTERM or SIGINT. Raises `TapeError` for what is wrong at the start; an error at
    the log ends the process.
    """
    if (hosts := real_hosts(settings.gateway.url)) and not live:
        raise NotLive(f"{hosts} is not the simulated venue: it takes --live")
    with hold(settings.run_dir, f"venue-watch-{account}"):
        try:
            asyncio.run(_run(account, settings))
        except WriterError as error:
            die(error.exit_code, str(error))


async def _run(account: str, settings: Settings) -> None:
    name = f"venue-watch-{account}"
    health = answer(settings, name)
    spans = RoundSpans(account, spans_of(settings, name), settings.traces.share)
    watch = Watch(parts_of(account, settings), venue_of(settings), spans)
    declared.ROUNDS.read = lambda: {(account,): watch.rounds}
    declared.WATCH_FAILURES.read = lambda: {(account,): watch.failures}
    health.turned_s = lambda: watch.turned_s
    health.ready = lambda: "" if watch.rounds and not watch.failures else "the venue says nothing"
    task = asyncio.create_task(watch.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def venue_of(settings: Settings) -> Venue:
    """The venue seen with the watching key. Raises `TapeError` for a key that cannot be had."""
    key = read_key(settings.watch.key, settings.watch_key, settings.age_identity)
    return Venue(order_port(settings.gateway.venue), key, settings.gateway.url)


def parts_of(account: str, settings: Settings) -> Parts:
    codec, prefix = codec_of(settings), settings.topic_prefix
    writer = ConfirmedWriter(settings.kafka_options(), codec, TOPIC, prefix)
    return Parts(kafka_log(settings), codec, writer, account, settings.watch.every_s)
