"""Live again, link by link: the venue from its arrivals, the gateway's fold from what it wrote,
risk and strategy from their epochs. Where every link is equal, the whole chain from the market to
the position is what the same code makes of the same inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from connectors.epochs.model import Shard
from connectors.log.errors import TopicMissing
from connectors.log.interface import Log
from connectors.orderport import order_port
from connectors.orderport.interface import OrderPort
from connectors.simulated.arrivals import arrivals_of
from ops.processes.catalog import pipeline, strategy
from ops.processes.run import shard_of
from ops.processes.sources import Source, opened
from ops.settings import Settings, load_file
from ops.stack.progress import Report
from pipelines.logic import Logic
from replay.backtest.closed import (
    Link,
    Rerun,
    decisions_link,
    journal_of,
    reports_link,
    requests_link,
    rerun_venue,
)
from replay.backtest.loop import Epochs, Made, NoLoop, Part, run
from replay.backtest.loop_venue import GatewayAgain, VenueAgain, approvals
from replay.orders import Account, accounts, refold
from replay.rerun import Verdict, rerun
from schemas.codec import Codec

NOTHING: Final[dict[str, int]] = {}


def closed_loop(
    config: Path, state: Path, own: Settings, source: Source, report: Report
) -> list[Link]:
    """`own` names the log, `config` the strategies. The venue must have stopped. Raises
    `TapeError`.
    """
    desk = load_file(config)
    links = venue_links(own, state, desk.gateway.venue, source, report)
    log, codec = opened(own, source)
    for name in accounts(log):
        found = refold(log, codec, name, on_event=partial(report, f"orders of {name}"))
        said = found.finding.what if found.finding else None
        links.append(Link(f"order events of {name}", found.events, "", "", said, NOTHING))
    for shard, logic in _processes(config, desk, own, log):
        step = partial(report, f"{shard.pipeline}-{shard.number}")
        links.append(_epochs_link(rerun(log, codec, shard, logic, on_epoch=step)))
    fresh = list(_processes(config, desk, own, log))
    try:
        links += one_loop(log, codec, state, order_port(desk.gateway.venue), fresh, report)
    except NoLoop as error:
        links.append(Link("loop", 0, "", "", f"it cannot be run as one: {error}", NOTHING))
    log.close()
    return links


def _processes(
    config: Path, desk: Settings, own: Settings, log: Log
) -> Iterator[tuple[Shard, Logic[Any]]]:
    """Risk, strategy and, where it ran, reconciliation, shard by shard."""
    made_of = (pipeline("risk", own), strategy(desk, config.absolute()))
    for made in (*made_of, pipeline("reconciliation", own)):
        count = 1 if made.one_shard else own.shards
        for number in range(count):
            shard = shard_of(made, number, count, own)
            if made.name != "reconciliation" or _ran(log, shard):
                yield shard, made.logic


def _ran(log: Log, shard: Shard) -> bool:
    try:
        return log.bounds(shard.epochs)[1] > 0
    except TopicMissing:
        return False


def one_loop(
    log: Log,
    codec: Codec,
    state: Path,
    port: OrderPort,
    processes: Sequence[tuple[Shard, Logic[Any]]],
    report: Report,
) -> list[Link]:
    """All of them again together, each fed with what the others made. Raises `TapeError`."""
    made, journal = Made(), journal_of(state)
    again = Rerun(log, codec, journal)
    names = [Account(log, codec, name) for name in accounts(log)]
    approved = {k: v for one in names for k, v in approvals(codec, one).items()}
    parts: list[Part] = [Epochs(log, codec, shard, logic, made) for shard, logic in processes]
    venue = VenueAgain(again, journal, arrivals_of(state), approved, port, codec, made)
    gateways = [GatewayAgain(codec, one, approved, port, again, made) for one in names]
    parts += [venue, *gateways]
    report("closed loop", 0, None)
    links = run(parts)
    report("closed loop", 1, 1)
    return links


def venue_links(
    own: Settings, state: Path, venue: str, source: Source, report: Report
) -> list[Link]:
    """What the venue received, decided and reported."""
    log, codec = opened(own, source)
    again, journal = rerun_venue(log, codec, state, partial(report, "venue"))
    links = [
        requests_link(again, log, codec, order_port(venue)),
        decisions_link(again, journal),
        reports_link(again, log, codec),
    ]
    log.close()
    return links


def _epochs_link(found: Verdict) -> Link:
    said = found.finding.message if found.finding else None
    name = f"decisions of {found.pipeline}-{found.shard}"
    return Link(name, found.outputs, "", "", said, {"epochs": found.epochs})
